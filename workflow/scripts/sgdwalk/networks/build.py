"""The networks by name: the 46 of the published study, ViT and an MLP, others like them, your own.

`NETWORKS` has the names of the study (Chen, Qu, Gong 2022, Neural Networks 149) and of these two.
Beyond these, `resnet<6n+2>`, `wrn<6n+2>_<k>` and `fc<n>` are networks of any depth and width
factor, with `_noshort` and `_nobatchnorm` for residual networks without shortcuts or without batch
normalisation in their blocks. `resnet<depth>_16` is always the CIFAR network with 16 channels in
its first stage, which tells depth 50 from the ImageNet network `resnet50`. `mlp<layers>_<width>` is
a multilayer perceptron: as many linear layers as in `fc<layers>`, but with biases, of any width,
and with torch's own initial weights, uniform within one over the square root of the fan-in.

All others are initialised as in the study: convolutions Kaiming normal (fan-in), batch
normalisation to 1 and 0, linear layers normal with standard deviation 1e-3, biases 0, so that the
first outputs are near zero and the first loss is near log(number of classes). That is hard on fully
connected networks: each layer shrinks its signal about a hundredfold, so the first gradient has
norm 4e-4 in fc3, 2e-8 in fc5 (on 3x32x32 noise) and is lost in single precision in fc20 and deeper
ones, which therefore stay where they are.
"""

from collections.abc import Callable

import torch
from torch import nn

from sgdwalk.errors import InputError, first_line
from sgdwalk.networks import plain
from sgdwalk.networks.names import (
    ResidualName,
    check_images,
    check_name,
    fully_connected_depth,
    perceptron,
    residual,
)
from sgdwalk.networks.residual import ResidualNetwork
from sgdwalk.user_code import call_factory, is_factory

IMAGENET_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
_BOTTLENECK_FROM = 50  # ImageNet networks of this depth and deeper have bottleneck blocks


def build_network(
    name: str,
    input_shape: tuple[int, ...] = (3, 32, 32),
    num_classes: int = 10,
    **options: object,
) -> nn.Module:
    """Make a fresh, initialised network; draws from torch's global random number generator.

    Args:
        name: one of `NETWORKS`, another depth or width of the same families, or
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
    if perceptron(name) is None:  # which keeps torch's own weights
        initialise(model)
    if name == "vit":
        from sgdwalk.networks.adapted import initialise_embedding

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
    check_name(name)
    check_images(name, shape)
    depth = fully_connected_depth(name)
    if depth is not None:
        return lambda shape, classes: plain.fully_connected(shape, classes, depth)
    mlp = perceptron(name)
    if mlp is not None:
        layers, width = mlp.layers, mlp.width
        return lambda shape, classes: plain.fully_connected(
            shape, classes, layers, width, bias=True
        )
    network = residual(name)
    if network is not None:
        return _residual(network)
    if name == "densenet121":
        from sgdwalk.networks.adapted import densenet121

        return densenet121
    if name == "vit":
        from sgdwalk.networks.adapted import vision_transformer

        return vision_transformer
    return {
        "vgg9": plain.vgg9,
        "alex": plain.alex,
        "simplenet": plain.simplenet,
        "resnet_mnist": plain.MnistResidualNetwork,
    }[name]


def _residual(network: ResidualName) -> Callable[[tuple[int, ...], int], nn.Module]:
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    if network.imagenet:
        widths, blocks = (64, 128, 256, 512), IMAGENET_BLOCKS[network.depth]
    else:
        widths = tuple(network.factor * width for width in (16, 32, 64))
        blocks = ((network.depth - 2) // 6,) * 3
    return lambda shape, classes: ResidualNetwork(
        shape[0],
        classes,
        widths,
        blocks,
        bottleneck=network.imagenet and network.depth >= _BOTTLENECK_FROM,
        shortcut=network.shortcut,
        batch_norm=network.batch_norm,
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
            reason = first_line(error)
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
