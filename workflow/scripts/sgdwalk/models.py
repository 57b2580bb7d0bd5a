"""The networks by name: the 46 of the published study and ViT, other depths of them, your own.

Names of the study (Chen, Qu, Gong 2022, Neural Networks 149): `NAMES`. Beyond these,
`resnet<6n+2>`, `wrn<6n+2>_<k>` and `fc<n>` are networks of any depth and width factor, with
`_noshort` and `_nobatchnorm` for residual networks without shortcuts or without batch normalisation
in their blocks. `resnet<depth>_16` is always the CIFAR network with 16 channels in its first
stage, which tells depth 50 from the ImageNet network `resnet50`.

All are initialised as in the study: convolutions Kaiming normal (fan-in), batch normalisation to 1
and 0, linear layers normal with standard deviation 1e-3, biases 0, so that the first outputs are
near zero and the first loss is near log(number of classes). That is hard on fully connected
networks: each layer shrinks its signal about a hundredfold, so the first gradient has norm 4e-4 in
fc3, 2e-8 in fc5 (on 3x32x32 noise) and is lost in single precision in fc20 and deeper ones, which
therefore stay where they are.
"""

import re
from collections.abc import Callable
from difflib import get_close_matches

import torch
from torch import nn

from sgdwalk import networks_plain
from sgdwalk.errors import InputError
from sgdwalk.networks_residual import ResidualNetwork
from sgdwalk.user_code import call_factory, is_factory

NAMES: tuple[str, ...] = (
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
    "simplenet",
    "resnet_mnist",
    "vit",
)

IMAGENET_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
_BOTTLENECK_FROM = 50  # ImageNet networks of this depth and deeper have bottleneck blocks

# Smallest height and width: below it a pooling layer has nothing left to pool.
SMALLEST_SIDE = {"densenet121": 8, "vgg9": 8, "alex": 28, "simplenet": 16, "vit": 2}

_RESIDUAL = re.compile(
    r"(?:resnet(?P<depth>\d+)(?P<cifar>_16)?|wrn(?P<wide_depth>\d+)_(?P<factor>\d+))"
    r"(?P<noshort>_noshort)?(?P<nobatchnorm>_nobatchnorm)?"
)
_FULLY_CONNECTED = re.compile(r"fc(?P<depth>\d+)")


def build(
    name: str,
    input_shape: tuple[int, ...] = (3, 32, 32),
    num_classes: int = 10,
    **options: object,
) -> nn.Module:
    """Make a fresh, initialised network; draws from torch's global random number generator.

    Args:
        name: one of `NAMES`, another depth or width of the same families, or
            ``"package.module:factory"`` for a network of your own: it is called as
            ``factory(input_shape=..., num_classes=..., **options)`` and initialises itself.
        input_shape: shape of one input, ``(channels, height, width)``; fully connected networks
            take any.
        num_classes: number of outputs.
        options: keyword arguments for a factory of your own; the networks here take none.

    Returns:
        A network in training mode that maps ``(N, *input_shape)`` to ``(N, num_classes)``.

    Raises:
        InputError: for an unknown name, an input that the network cannot take, or a factory that
            cannot be found or makes something else.
    """
    input_shape = tuple(int(side) for side in input_shape)
    if not input_shape or min(input_shape) < 1:
        raise InputError(f"input shape {input_shape}: it needs one or more sides, each 1 or larger")
    if num_classes < 1:
        raise InputError(f"number of classes {num_classes}: it must be 1 or larger")
    if is_factory(name):
        return _own_model(name, input_shape, num_classes, options)
    if options:
        raise InputError(f"model {name!r} takes no options, but got {', '.join(sorted(options))}")
    model = _definition(name, input_shape)(input_shape, num_classes)
    initialise(model)
    if name == "vit":
        from sgdwalk.networks_adapted import initialise_embedding

        initialise_embedding(model)
    return model


def initialise(model: nn.Module) -> None:
    """Draw the parameters of a network anew, in place, as in the published study."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in")
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.ones_(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=1e-3)
        elif isinstance(module, nn.MultiheadAttention):
            nn.init.normal_(module.in_proj_weight, std=1e-3)
            nn.init.zeros_(module.in_proj_bias)
            continue
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _definition(name: str, shape: tuple[int, ...]) -> Callable[[tuple[int, ...], int], nn.Module]:
    """Find what makes the network ``name`` of an input shape and a number of classes."""
    if match := _FULLY_CONNECTED.fullmatch(name):
        depth = int(match["depth"])
        if depth < 1:
            raise InputError(f"model {name!r}: a network needs one layer or more")
        return lambda shape, classes: networks_plain.fully_connected(shape, classes, depth)
    if match := _RESIDUAL.fullmatch(name):
        _check_images(name, shape)
        return _residual(name, match)
    if name not in NAMES:
        nearest = get_close_matches(name, NAMES, n=1, cutoff=0)[0]
        raise InputError(
            f"unknown model {name!r}: did you mean {nearest!r}? All names are in "
            "sgdwalk.models.NAMES, and 'my_module:factory' names a network of your own"
        )
    _check_images(name, shape)
    if name == "densenet121":
        from sgdwalk.networks_adapted import densenet121

        return densenet121
    if name == "vit":
        from sgdwalk.networks_adapted import vision_transformer

        return vision_transformer
    return {
        "vgg9": networks_plain.vgg9,
        "alex": networks_plain.alex,
        "simplenet": networks_plain.simplenet,
        "resnet_mnist": networks_plain.MnistResidualNetwork,
    }[name]


def _residual(name: str, match: re.Match) -> Callable[[tuple[int, ...], int], nn.Module]:
    """Read depth and widths of a residual network off its name."""
    depth = int(match["depth"] or match["wide_depth"])
    bottleneck = False
    if match["depth"] and not match["cifar"] and depth in IMAGENET_BLOCKS:
        widths, blocks = (64, 128, 256, 512), IMAGENET_BLOCKS[depth]
        bottleneck = depth >= _BOTTLENECK_FROM
    elif depth >= 8 and depth % 6 == 2:
        factor = int(match["factor"] or 1)
        if factor < 1:
            raise InputError(f"model {name!r}: the width factor must be 1 or larger")
        widths = (16 * factor, 32 * factor, 64 * factor)
        blocks = ((depth - 2) // 6,) * 3
    else:
        below = max(8, (depth - 2) // 6 * 6 + 2)
        raise InputError(
            f"model {name!r}: the depth must be 6n+2 (the nearest are {below} and {below + 6})"
            + ("" if match["factor"] else ", or 18, 34, 50, 101, 152 for an ImageNet network")
        )
    return lambda shape, classes: ResidualNetwork(
        shape[0],
        classes,
        widths,
        blocks,
        bottleneck=bottleneck,
        shortcut=not match["noshort"],
        batch_norm=not match["nobatchnorm"],
    )


def _own_model(
    name: str, input_shape: tuple[int, ...], num_classes: int, options: dict[str, object]
) -> nn.Module:
    """Call the user's factory and try what it makes on two inputs of zeros."""
    model = call_factory(name, input_shape=input_shape, num_classes=num_classes, **options)
    if not isinstance(model, nn.Module):
        raise InputError(f"{name!r} must return a torch.nn.Module, not a {type(model).__name__}")
    model.eval()  # the trial must not move running statistics, nor draw dropout masks
    with torch.no_grad():
        parameter = next(model.parameters(), torch.zeros(0))
        try:
            outputs = model(torch.zeros(2, *input_shape, device=parameter.device))
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{name!r} makes a network that fails on inputs of shape {input_shape}: {reason}"
            ) from error
    shape = tuple(getattr(outputs, "shape", ()))
    if shape != (2, num_classes):
        raise InputError(
            f"{name!r} makes a network whose outputs for 2 inputs have shape {shape}: "
            f"they must have shape {(2, num_classes)}"
        )
    return model.train()


def _check_images(name: str, shape: tuple[int, ...]) -> None:
    """Raise an `InputError` if the network cannot take inputs of this shape."""
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
