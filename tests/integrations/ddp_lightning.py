"""A Lightning training on as many processes as told; Lightning starts the others itself."""

import logging
import sys
from pathlib import Path

import lightning
import torch
from framework_walks import Seen, network, samples
from lightning.pytorch.callbacks import Checkpoint
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

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
        enable_checkpointing=any(isinstance(c, Checkpoint) for c in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


class Spread(Classifier):
    """Its batches of 8 are spread over the processes, in order."""

    def train_dataloader(self):
        data, processes = TensorDataset(*samples()), self.trainer.world_size
        mine = DistributedSampler(data, processes, self.trainer.global_rank, shuffle=False)
        return DataLoader(data, batch_size=8 // processes, sampler=mine)


def main(path: Path, processes: int):
    model = Spread()
    trainer = quiet(
        path.parent,
        LightningRecorder(path, window=100),
        devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        accumulate_grad_batches=2,
        use_distributed_sampler=False,  # which would shuffle
    )
    trainer.fit(model)
    model.seen.save(f"{path}.{trainer.global_rank}.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
