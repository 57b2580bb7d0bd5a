"""Loss surfaces against bare forward passes, and against point by point through a DataLoader.

The peer does what tomgoldstein/loss-landscape does: at each point it sets the parameters tensor by
tensor and runs through a DataLoader over the data set, whose images are bytes that are made
tensors and normalised one by one, in batches of 128. A second peer gets a DataLoader over tensors
that are ready, which is kinder than that code is. All on CIFAR-shaped random data.
"""

import copy

import numpy as np
import torch
from timing import in_turn, ratio
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import transforms

from sgdwalk.landscape.directions import position, random_direction
from sgdwalk.landscape.loss_surface import LossSurface
from sgdwalk.networks.build import build_network

SHAPE = (3, 32, 32)
CASES = {"fc3": (512, 100), "resnet14": (128, 4)}  # samples, points
BATCH, ROUNDS = 128, 5
NORMALISE = transforms.Normalize((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))


class Images(Dataset):
    """Bytes and labels, an image at a time as torchvision's CIFAR-10 gives them."""

    def __init__(self, images: np.ndarray, labels: torch.Tensor):
        self.images, self.labels = images, labels
        self.transform = transforms.Compose([transforms.ToTensor(), NORMALISE])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int):
        return self.transform(self.images[index]), self.labels[index]


def point_by_point(model, origin, directions, coordinates, loader) -> list[float]:
    """Mean losses, evaluated as the peer does."""
    losses = []
    with torch.no_grad():
        for a, b in coordinates.tolist():
            parts = zip(model.parameters(), origin, *directions, strict=True)
            for parameter, start, first, second in parts:
                parameter.data = start + a * first + b * second
            total, correct = 0.0, 0
            for inputs, labels in loader:
                outputs = model(inputs)
                total += functional.cross_entropy(outputs, labels).item() * len(labels)
                correct += outputs.argmax(1).eq(labels).sum().item()
            losses.append(total / len(loader.dataset))
    return losses


def case(name: str, samples: int, points: int) -> dict[str, float]:
    """Ratios for one network."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (samples, 32, 32, 3), dtype=np.uint8)
    labels = torch.from_numpy(rng.integers(0, 10, samples))
    data = Images(images, labels)
    inputs = torch.stack([data[i][0] for i in range(samples)])
    torch.manual_seed(0)
    model = build_network(name, SHAPE)
    model(inputs)
    model.eval()
    directions = torch.stack([random_direction(model, k) for k in (0, 1)])
    coordinates = rng.uniform(-0.1, 0.1, (points, 2))
    surface = LossSurface(model, (inputs, labels), batch_size=256)
    shapes = [p.shape for p in model.parameters()]
    sizes = [shape.numel() for shape in shapes]

    def tensors(vector: torch.Tensor) -> list[torch.Tensor]:
        parts = zip(vector.split(sizes), shapes, strict=True)
        return [part.view(shape).clone() for part, shape in parts]

    origin, apart = tensors(position(model)), [tensors(d) for d in directions]
    # The layout that is best for the network: the bare passes are to be as fast as they can be.
    convolves = any(isinstance(module, nn.Conv2d) for module in model.modules())
    layout = torch.channels_last if convolves else torch.contiguous_format
    bare = copy.deepcopy(model).to(memory_format=layout)
    laid_out = [x.contiguous(memory_format=layout) for x in inputs.split(256)]
    peer = copy.deepcopy(model)
    images_loader = DataLoader(data, BATCH)
    tensors_loader = DataLoader(TensorDataset(inputs, labels), BATCH)
    found = {}

    def forward() -> None:
        with torch.inference_mode():
            for _ in range(points):
                for batch in laid_out:
                    bare(batch)

    def ours() -> None:
        found["ours"] = surface.values(position(model), directions, coordinates).train_loss

    def theirs() -> None:
        found["peer"] = point_by_point(peer, origin, apart, coordinates, images_loader)

    functions = {
        "forward": forward,
        "ours": ours,
        "peer": theirs,
        "tensors": lambda: point_by_point(peer, origin, apart, coordinates, tensors_loader),
    }
    seconds = in_turn(functions, ROUNDS)
    np.testing.assert_allclose(found["ours"], found["peer"], rtol=1e-4)
    return {
        f"{name}_over_bare_forward": ratio(seconds, "ours", "forward"),
        f"{name}_times_faster_than_dataloader": ratio(seconds, "peer", "ours"),
        f"{name}_times_faster_than_dataloader_of_tensors": ratio(seconds, "tensors", "ours"),
    }


def measure() -> dict[str, float]:
    """Time of a plane over that of its bare forward passes, and how often it fits into a peer's."""
    result = {}
    for name, (samples, points) in CASES.items():
        result |= case(name, samples, points)
    return result
