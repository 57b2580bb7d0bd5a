"""Residual networks for small images, with or without shortcuts and batch normalisation.

One definition covers the CIFAR networks (three stages, He et al. 2016, arXiv:1512.03385, sec. 4.2),
their wide versions (Zagoruyko & Komodakis 2016, arXiv:1605.07146) and the ImageNet ones with a
CIFAR stem (four stages).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

BOTTLENECK_EXPANSION = 4


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, or a 1x1-3x3-1x1 bottleneck, plus an optional shortcut, then ReLU.

    Maps ``(N, inputs, H, W)`` to ``(N, outputs, H / stride, W / stride)`` with ``outputs`` equal to
    ``width``, or to ``4 width`` for a bottleneck. The shortcut is the identity where shapes agree
    and else a 1x1 convolution with batch normalisation, whether or not the block itself has any.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        stride: int,
        *,
        bottleneck: bool,
        shortcut: bool,
        batch_norm: bool,
    ):
        super().__init__()
        outputs = width * BOTTLENECK_EXPANSION if bottleneck else width
        if bottleneck:
            convolutions = [
                (inputs, width, 1, 1),
                (width, width, 3, stride),
                (width, outputs, 1, 1),
            ]
        else:
            convolutions = [(inputs, width, 3, stride), (width, width, 3, 1)]
        layers: list[nn.Module] = []
        for channels_in, channels_out, size, step in convolutions:
            layers.append(
                nn.Conv2d(channels_in, channels_out, size, step, padding=size // 2, bias=False)
            )
            if batch_norm:
                layers.append(nn.BatchNorm2d(channels_out))
            layers.append(nn.ReLU())
        self.residual = nn.Sequential(*layers[:-1])  # the last ReLU comes after the shortcut
        self.shortcut: nn.Module | None = None
        if shortcut and stride == 1 and inputs == outputs:
            self.shortcut = nn.Identity()
        elif shortcut:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block to ``(N, inputs, H, W)``."""
        residual = self.residual(x)
        if self.shortcut is not None:
            residual = residual + self.shortcut(x)
        return torch.relu(residual)


class ResidualNetwork(nn.Module):
    """A 3x3 stem, stages of residual blocks, global average pooling and a linear layer.

    Args:
        channels: channels of the input images.
        num_classes: number of outputs.
        widths: width of each stage; the stem has the first of them. Every stage after the first
            halves height and width in its first block.
        blocks: number of blocks in each stage.
        bottleneck: bottleneck blocks in place of basic ones.
        shortcut: whether blocks have a shortcut.
        batch_norm: whether blocks have batch normalisation; the stem and the projection shortcuts
            always have it.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        *,
        bottleneck: bool = False,
        shortcut: bool = True,
        batch_norm: bool = True,
    ):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, widths[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        )
        stages = []
        inputs = widths[0]
        for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            stage = []
            for position in range(count):
                stage.append(
                    ResidualBlock(
                        inputs,
                        width,
                        stride=2 if index > 0 and position == 0 else 1,
                        bottleneck=bottleneck,
                        shortcut=shortcut,
                        batch_norm=batch_norm,
                    )
                )
                inputs = width * BOTTLENECK_EXPANSION if bottleneck else width
            stages.append(nn.Sequential(*stage))
        self.stages = nn.Sequential(*stages)
        self.linear = nn.Linear(inputs, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(N, channels, H, W)`` to outputs ``(N, num_classes)``."""
        return self.linear(self.stages(self.stem(x)).mean(dim=(2, 3)))
