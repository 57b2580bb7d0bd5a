"""An Accelerate loop, on as many processes as torchrun starts."""

import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from framework_walks import Seen, network, samples
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from sgdwalk.integrations.accelerate import AccelerateRecorder


def prepared(accelerator, batch_size=8):
    """Model, optimizer and batches, and what is seen of their training."""
    seen, model = Seen(), network()
    optimizer = seen.watch(torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.5))
    batches = DataLoader(TensorDataset(*samples()), batch_size=batch_size)
    return *accelerator.prepare(model, optimizer, batches), seen


def train(accelerator, model, optimizer, batches, seen, epochs=3, loss_of=None):
    """The loop that Accelerate's users write."""
    for _ in range(epochs):
        for inputs, labels in batches:
            with accelerator.accumulate(model):
                loss = cross_entropy(model(inputs), labels)
                if loss_of is not None:
                    loss = loss_of(loss, len(seen.losses))
                seen.losses.append(loss.item())
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()


def main(path: Path):
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model, optimizer, batches, seen = prepared(accelerator, 8 // accelerator.num_processes)
    with AccelerateRecorder(accelerator, model, optimizer, path, window=100):
        train(accelerator, model, optimizer, batches, seen)
    seen.save(f"{path}.{accelerator.process_index}.npz")
    accelerator.end_training()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
