"""Which networks there are, known by name alone and without torch, so that a plan can check it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from sgdwalk.errors import InputError
from sgdwalk.user_code import is_factory

NETWORKS: tuple[str, ...] = (
    *(f"resnet{depth}" for depth in (14, 20, 56, 110)),
    *(f"resnet{depth}_noshort" for depth in (14, 20, 32, 44, 56, 110)),
    "resnet50_16_noshort",
    "resnet14_nobatchnorm",
    "resnet14_noshort_nobatchnorm",
    *(f"wrn{depth}_{factor}" for depth in (14, 56) for factor in (2, 4, 8)),
    *(f"wrn{depth}_{factor}_noshort" for depth in (14, 56) for factor in (2, 4, 8)),
    "wrn110_2_noshort",
    "wrn110_4_noshort",
    *(f"resnet{depth}" for depth in (18, 34, 50, 101, 152)),
    *(f"resnet{depth}_noshort" for depth in (18, 34, 50, 101, 152)),
    "densenet121",
    "vgg9",
    "alex",
    "fc3",
    "fc20",
    "fc56",
    "fc110",
    "mlp3_100",
    "simplenet",
    "resnet_mnist",
    "vit",
)

IMAGENET_DEPTHS = (18, 34, 50, 101, 152)

# Smallest height and width: below it a pooling layer has nothing left to pool.
SMALLEST_SIDE = {"densenet121": 8, "vgg9": 8, "alex": 28, "simplenet": 16, "vit": 2}

_RESIDUAL = re.compile(
    r"(?:resnet(?P<depth>\d+)(?P<cifar>_16)?|wrn(?P<wide_depth>\d+)_(?P<factor>\d+))"
    r"(?P<noshort>_noshort)?(?P<nobatchnorm>_nobatchnorm)?"
)
_FULLY_CONNECTED = re.compile(r"fc(?P<depth>\d+)")
_PERCEPTRON = re.compile(r"mlp(?P<layers>\d+)_(?P<width>\d+)")


@dataclass(frozen=True)
class PerceptronName:
    """What the name of a multilayer perceptron says.

    Attributes:
        layers: linear layers.
        width: outputs of each but the last.
    """

    layers: int
    width: int


@dataclass(frozen=True)
class ResidualName:
    """What the name of a residual network says.

    Attributes:
        depth: layers with weights.
        factor: multiplies the widths of a CIFAR network.
        imagenet: whether it has the four stages of the ImageNet networks.
        shortcut: whether its blocks have shortcuts.
        batch_norm: whether its blocks have batch normalisation.
    """

    depth: int
    factor: int
    imagenet: bool
    shortcut: bool
    batch_norm: bool


def residual(name: str) -> ResidualName | None:
    """Read a residual network off its name; None for other networks.

    Raises:
        InputError: if there is no such depth or width.
    """
    match = _RESIDUAL.fullmatch(name)
    if match is None:
        return None
    depth, factor = int(match["depth"] or match["wide_depth"]), int(match["factor"] or 1)
    imagenet = bool(match["depth"]) and not match["cifar"] and depth in IMAGENET_DEPTHS
    if not imagenet and (depth < 8 or depth % 6 != 2):
        below = max(8, (depth - 2) // 6 * 6 + 2)
        raise InputError(
            f"model {name!r}: the depth must be 6n+2 (the nearest are {below} and {below + 6})"
            + ("" if match["factor"] else ", or 18, 34, 50, 101, 152 for an ImageNet network")
        )
    if factor < 1:
        raise InputError(f"model {name!r}: the width factor must be 1 or larger")
    return ResidualName(depth, factor, imagenet, not match["noshort"], not match["nobatchnorm"])


def fully_connected_depth(name: str) -> int | None:
    """Number of layers of a fully connected network; None for other networks.

    Raises:
        InputError: for a network of no layers.
    """
    match = _FULLY_CONNECTED.fullmatch(name)
    if match is None:
        return None
    if int(match["depth"]) < 1:
        raise InputError(f"model {name!r}: a network needs one layer or more")
    return int(match["depth"])


def perceptron(name: str) -> PerceptronName | None:
    """Read a multilayer perceptron off its name; None for other networks.

    Raises:
        InputError: if there is no such number of layers or width.
    """
    match = _PERCEPTRON.fullmatch(name)
    if match is None:
        return None
    layers, width = int(match["layers"]), int(match["width"])
    if layers < 2:
        raise InputError(
            f"model {name!r}: it needs two layers or more, as one alone has no width; a single "
            "linear layer is fc1, without biases"
        )
    if width < 1:
        raise InputError(f"model {name!r}: the width must be 1 or larger")
    return PerceptronName(layers, width)


def check_name(name: str) -> None:
    """Raise an `InputError`, with the nearest valid name, if there is no such network."""
    known = name in NETWORKS or is_factory(name)
    if known or any(read(name) for read in (residual, fully_connected_depth, perceptron)):
        return
    nearest = get_close_matches(name, NETWORKS, n=1, cutoff=0)[0]
    raise InputError(
        f"unknown model {name!r}: did you mean {nearest!r}? All names are in "
        "sgdwalk.NETWORKS, and 'my_module:factory' names a network of your own"
    )


def check_images(name: str, shape: tuple[int, ...]) -> None:
    """Raise an `InputError` if the network cannot take inputs of this shape."""
    if is_factory(name) or fully_connected_depth(name) or perceptron(name):
        return
    if len(shape) != 3:
        raise InputError(
            f"model {name!r} takes images (channels, height, width), not inputs of shape {shape}"
        )
    smallest = SMALLEST_SIDE.get(name, 1)
    if min(shape[1:]) < smallest:
        raise InputError(
            f"model {name!r} cannot take images of {shape[1]}x{shape[2]} pixels: "
            f"the smallest it works with are {smallest}x{smallest}"
        )
    if name == "vit" and (shape[1] != shape[2] or shape[1] % 2):
        raise InputError(
            f"model 'vit' takes square images with an even side, not {shape[1]}x{shape[2]}"
        )
    if name == "resnet_mnist" and shape[0] != 1:
        raise InputError(f"model 'resnet_mnist' takes images with one channel, not {shape[0]}")
