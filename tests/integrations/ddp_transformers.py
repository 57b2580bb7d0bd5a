"""A Trainer's training, on as many processes as torchrun starts."""

import sys
from pathlib import Path

import torch
from framework_walks import Seen, network, samples
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainingArguments

from sgdwalk.integrations.transformers import TransformersRecorder


class Classifier(nn.Module):
    """The network as the Trainer wants it."""

    def __init__(self):
        super().__init__()
        self.network, self.seen = network(), Seen()

    def forward(self, input, labels):
        logits = self.network(input)
        loss = cross_entropy(logits, labels)
        if self.training:
            self.seen.losses.append(loss.item())
        return {"loss": loss, "logits": logits}


class InOrder(Trainer):
    """It does not shuffle."""

    def _get_train_sampler(self, *_):
        return SequentialSampler(self.train_dataset)


def trainer_of(model, path, callbacks, batch_size=8, data=None, **options):
    """A trainer on the CPU that writes and prints nothing of its own."""
    if data is None:
        pairs = zip(*samples(), strict=True)
        data = [{"input": inputs, "labels": label} for inputs, label in pairs]
    functions = {k: options.pop(k) for k in list(options) if k.startswith("compute_")}
    arguments = {
        "num_train_epochs": 3, "save_strategy": "no", "logging_strategy": "no",
        "disable_tqdm": True, "report_to": [], "use_cpu": True, "max_grad_norm": 0.0,
        "lr_scheduler_type": "constant", "dataloader_pin_memory": False, **options,
    }  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.5)
    return InOrder(
        model=model,
        args=TrainingArguments(
            str(path / "kept"), per_device_train_batch_size=batch_size, **arguments
        ),
        train_dataset=data,
        eval_dataset=data,
        optimizers=(model.seen.watch(optimizer), None),
        callbacks=callbacks,
        **functions,
    )


def main(path: Path, batch_size: int):
    model, recorder = Classifier(), TransformersRecorder(path, window=100)
    trainer = trainer_of(model, path.parent, [recorder], batch_size, gradient_accumulation_steps=2)
    trainer.train()
    model.seen.save(f"{path}.{trainer.args.process_index}.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
