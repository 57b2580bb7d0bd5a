"""A Lightning training on as many processes as told; Lightning starts the others itself."""

import logging
import sys
from pathlib import Path

import lightning
import torch
from framework_walks import Seen, network, samples
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from sgdwalk.integrations.lightning import LightningRecorder


class Classifier(lightning.LightningModule):
    """The network, with what was seen of its training."""

    def __init__(self):
        super().__init__()
        self.network, self.seen = network(), Seen()

    def training_step(self, batch, index):
        inputs, labels = batch
        loss = cross_entropy(self.network(inputs), labels)
        self.seen.losses.append(loss.item())
        return loss

    def configure_optimizers(self):
        return self.seen.watch(torch.optim.SGD(self.parameters(), lr=0.2, momentum=0.5))


def quiet(path, *callbacks, **options):
    """A trainer on the CPU that writes and prints nothing of its own."""
    for name in ("lightning.pytorch", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    options = {"devices": 1, "max_epochs": 3, "logger": False, **options}
    return lightning.Trainer(
        accelerator="cpu",
        callbacks=list(callbacks),
        default_root_dir=path,
        enable_checkpointing=any(isinstance(c, lightning.pytorch.callbacks.Checkpoint) for c in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


def main(path: Path, processes: int):
    batches = DataLoader(TensorDataset(*samples()), batch_size=8 // processes)
    model = Classifier()
    trainer = quiet(
        path.parent,
        LightningRecorder(path, window=100),
        devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        accumulate_grad_batches=2,
    )
    trainer.fit(model, batches)
    model.seen.save(f"{path}.{trainer.global_rank}.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
