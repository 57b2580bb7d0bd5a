"""Write the small walks that `studies/elsewhere.yaml` analyses: three loops as others write them.

    python studies/elsewhere.py [FOLDER]        # results/data/elsewhere by default

A loop of plain PyTorch with a recorder; checkpoints in safetensors at steps 1, 2, 4, .., 512 and
then every hundred, as published suites have them; and a series of `.pt` files with their losses in
a CSV.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import nn

from sgdwalk import TrajectoryRecorder, build_network

STEPS = 3000


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """The first 1440 of scikit-learn's handwritten digits, normalised."""
    found = load_digits()
    images = torch.tensor(found.images[:1440], dtype=torch.float32)[:, None]
    return (images - images.mean()) / images.std(), torch.tensor(found.target[:1440])


def batches(count: int, seed: int, size: int = 64):
    """Minibatches of `count` steps, passes in random order."""
    images, labels = digits()
    order = np.random.default_rng(seed)
    done = 0
    while done < count:
        for chosen in np.split(order.permutation(len(labels)), range(size, len(labels), size)):
            if done == count:
                return
            yield images[chosen], labels[chosen]
            done += 1


def recorded_loop(path: Path) -> None:
    """1,000 steps with two lines for the recorder."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with TrajectoryRecorder(model, path, window=500, sketch=256, overwrite=True) as recorder:
        for images, labels in batches(1000, seed=0):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            recorder.record(loss)
            optimizer.step()


def suite(folder: Path) -> None:
    """Checkpoints at powers of two, then every hundred, of a network that sgdwalk knows by name."""
    torch.manual_seed(1)
    model = build_network("mlp2_32", (1, 8, 8), 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    saved = {0, *(2**i for i in range(10)), *range(600, STEPS + 1, 100)}
    for step, (images, labels) in enumerate([*batches(STEPS, seed=1), (None, None)]):
        if step in saved:
            save_file(model.state_dict(), folder / f"step{step}.safetensors")
        if step < STEPS:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()


def every_tenth(folder: Path) -> None:
    """The model every ten steps, wrapped as loops do, and the loss over all images in a CSV."""
    torch.manual_seed(2)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(72, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    images_of_all, labels_of_all = digits()
    rows = []
    for step, (images, labels) in enumerate(batches(STEPS, seed=2)):
        if step % 10 == 0:
            torch.save({"model": model.state_dict(), "step": step}, folder / f"ckpt_{step:05}.pt")
            with torch.no_grad():
                loss = nn.functional.cross_entropy(model.eval()(images_of_all), labels_of_all)
            rows.append({"step": step, "loss": loss.item()})
            model.train()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    with open(folder / "losses.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["step", "loss"])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "results/data/elsewhere")
    for made in (place / "suite", place / "every-tenth"):
        made.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    recorded_loop(place / "loop.h5")
    suite(place / "suite")
    every_tenth(place / "every-tenth")
    print(f"three walks in {place}")
