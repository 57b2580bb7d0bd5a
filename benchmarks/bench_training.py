"""A recorded step against a user's usual loop that keeps weights, and against the bare step."""

import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from timing import ratio
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from sgdwalk.datasets.prepared import normalise
from sgdwalk.datasets.sources import CIFAR_MEAN, CIFAR_SD
from sgdwalk.networks.build import build_network
from sgdwalk.recording.gram import increment_gram
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.training.augmentation import augmentation
from sgdwalk.training.batches import Batches
from sgdwalk.training.loop import TrainingRun, train

SAMPLES, BATCH, WINDOW, ROUNDS = 5000, 128, 500, 2
STEPS = {"fc3": 78, "resnet14": 39}  # whole epochs of 39 full batches


class Images(Dataset):
    """CIFAR-shaped bytes, opened, augmented and normalised one image at a time."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray):
        self.pixels, self.labels = pixels.transpose(0, 2, 3, 1), labels
        self.change = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(CIFAR_MEAN, CIFAR_SD),
            ]
        )

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)

    def __getitem__(self, index: int):
        """An image and its class."""
        return self.change(Image.fromarray(self.pixels[index])), int(self.labels[index])


def _usual(network: str, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Seconds per step of a loop that appends copies of weights and gradients to lists."""
    model, optimizer = _network(network)
    loader = DataLoader(Images(pixels, labels), BATCH, True, num_workers=1, drop_last=True)
    weights, gradients, losses, taken = [], [], [], 0
    start = time.perf_counter()
    while taken < STEPS[network]:
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            weights.append([p.detach().clone() for p in model.parameters()])
            gradients.append([p.grad.clone() for p in model.parameters()])
            taken += 1
    return (time.perf_counter() - start) / taken


def _recorded(network: str, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Seconds per step of ours, augmentation, resumable recording and its window included."""
    model, optimizer = _network(network)
    black = normalise(np.zeros((1, 3), np.float32), CIFAR_MEAN, CIFAR_SD)[0]
    batches = Batches(inputs, labels, BATCH, 0, augmentation("crop_flip", black))
    run = TrainingRun(model, optimizer, batches, None)
    with tempfile.TemporaryDirectory() as folder:
        recorder = TrajectoryRecorder(
            model,
            Path(folder) / "trajectory.h5",
            WINDOW,
            steps_per_epoch=STEPS[network],
            resumable=True,
        )
        start = time.perf_counter()
        train(run, STEPS[network], recorder)
        seconds = (time.perf_counter() - start) / STEPS[network]
        recorder.close()
    # A window is closed once in so many steps, more than are timed here.
    positions = torch.randn(WINDOW, sum(p.numel() for p in model.parameters())).cumsum(0)
    start = time.perf_counter()
    increment_gram(positions)
    return seconds + (time.perf_counter() - start) / WINDOW


def _bare(network: str, inputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Seconds per step of forward, backward and update on one ready batch."""
    model, optimizer = _network(network)
    inputs, labels = inputs[:BATCH].clone(), labels[:BATCH].clone()
    start = time.perf_counter()
    for _ in range(STEPS[network]):
        optimizer.zero_grad()
        functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    return (time.perf_counter() - start) / STEPS[network]


def _network(name: str):
    torch.manual_seed(0)
    model = build_network(name)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def measure() -> dict:
    torch.set_num_threads(2)
    rng = np.random.default_rng(0)
    samples = SAMPLES // BATCH * BATCH
    pixels = rng.integers(0, 256, (samples, 3, 32, 32), dtype=np.uint8)
    classes = rng.integers(0, 10, samples)
    inputs, labels = normalise(pixels, CIFAR_MEAN, CIFAR_SD), torch.from_numpy(classes)
    figures = {}
    for network in STEPS:
        kinds = {
            "usual": lambda network=network: _usual(network, pixels, classes),
            "recorded": lambda network=network: _recorded(network, inputs, labels),
            "bare": lambda network=network: _bare(network, inputs, labels),
        }
        seconds = {kind: [] for kind in kinds}
        for counted in [False] + [True] * ROUNDS:
            for kind, one in kinds.items():
                taken = one()
                if counted:
                    seconds[kind].append(taken)
        for kind, found in seconds.items():
            figures[f"{network}: milliseconds per step, {kind}"] = 1000 * median(found)
        for over, under in (("usual", "recorded"), ("recorded", "bare")):
            figures[f"{network}: {over} over {under}"] = ratio(seconds, over, under)
    return figures
