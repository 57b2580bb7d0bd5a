"""Networks without residual stages: fully connected, VGG, AlexNet-like, and two for MNIST."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn


def fully_connected(
    input_shape: tuple[int, ...],
    num_classes: int,
    depth: int,
    width: int = 100,
    *,
    bias: bool = False,
) -> nn.Module:
    """``depth`` linear layers, ``width`` wide, with ReLU between them."""
    sizes = [math.prod(input_shape), *[width] * (depth - 1), num_classes]
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, bias=bias), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def vgg9(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Seven 3x3 convolutions and two linear layers, all with batch normalisation but the last.

    After Simonyan & Zisserman 2015 (arXiv:1409.1556).
    """
    layers: list[nn.Module] = []
    inputs = input_shape[0]
    for width, repeats in ((64, 2), (128, 2), (256, 3)):
        for _ in range(repeats):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    features = nn.Sequential(*layers, nn.Flatten())
    hidden = 256
    return nn.Sequential(
        features,
        nn.Linear(_size_of_output(features, input_shape), hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, num_classes),
    )


def alex(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """AlexNet scaled down to 64 channels, after Krizhevsky et al. 2012."""
    width, hidden = 64, 448
    layers: list[nn.Module] = [
        nn.Conv2d(input_shape[0], width, 4, stride=2, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(width, width, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
    ]
    for _ in range(3):
        layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
    features = nn.Sequential(*layers, nn.MaxPool2d(3, stride=2), nn.Flatten())
    return nn.Sequential(
        features,
        nn.Dropout(),
        nn.Linear(_size_of_output(features, input_shape), hidden),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, num_classes),
    )


def simplenet(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Two 5x5 convolutions and two linear layers; the outputs are logits."""
    features = nn.Sequential(
        nn.Conv2d(input_shape[0], 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    return nn.Sequential(
        features,
        nn.Linear(_size_of_output(features, input_shape), 500),
        nn.ReLU(),
        nn.Linear(500, num_classes),
    )


class MnistResidualNetwork(nn.Module):
    """Two residual blocks of stride-2 convolutions, padded so much that the image keeps its size.

    The first block adds its one input channel to each of 16, so images have one channel.
    """

    def __init__(self, input_shape: tuple[int, ...], num_classes: int):
        super().__init__()
        # A 3x3 convolution of stride 2 keeps side s with padding s // 2 + 1 (15 for 28).
        padding = (input_shape[1] // 2 + 1, input_shape[2] // 2 + 1)

        def convolutions(*widths: int) -> nn.Sequential:
            layers: list[nn.Module] = []
            for inputs, outputs in pairwise(widths):
                layers += [
                    nn.Conv2d(inputs, outputs, 3, stride=2, padding=padding),
                    nn.BatchNorm2d(outputs),
                    nn.ReLU(),
                ]
            return nn.Sequential(*layers)

        self.first = convolutions(1, 8, 16)
        self.second = convolutions(16, 32, 16)
        self.last = nn.Sequential(
            nn.Conv2d(16, num_classes, 3, stride=2, padding=1), nn.BatchNorm2d(num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(N, 1, H, W)`` to outputs ``(N, num_classes)``."""
        x = x + self.first(x)
        x = x + self.second(x)
        # Not adaptive max-pooling: its gradient on a GPU is not deterministic.
        return self.last(x).flatten(2).max(dim=2).values


def _size_of_output(features: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Number of features that ``features`` makes of one image."""
    training = features.training
    features.eval()  # one image must not move the running statistics
    with torch.no_grad():
        size = features(torch.zeros(1, *input_shape)).shape[1]
    features.train(training)
    return size
