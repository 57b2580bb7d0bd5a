"""Random shifts, crops and flips of whole batches of images, on the device that holds them.

Images are normalised already, so what slides in at the border is the normalised value of a black
pixel, ``fill``: the result equals padding the raw image with 0 and normalising afterwards. Fill 0
is right for images that were not normalised.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sgdwalk.errors import InputError

Fill = float | Tensor
Augmentation = Callable[[Tensor, torch.Generator], Tensor]

KINDS = ("none", "shift", "crop_flip")
_DEFAULTS = {"digits": "shift", "cifar10": "crop_flip", "cifar100": "crop_flip"}


def random_shift(
    images: Tensor, pixels: int, generator: torch.Generator, fill: Fill = 0.0
) -> Tensor:
    """Shift each image, down and to the right, by whole pixels uniform in ``[-pixels, pixels]``.

    Args:
        images: ``(N, C, H, W)``.
        pixels: largest shift.
        generator: where the shifts are drawn from, on any device.
        fill: value of what slides in, a number or a tensor ``(C,)``.

    Returns:
        Shifted images ``(N, C, H, W)``, a new tensor.
    """
    rows, columns = _draw_offsets(len(images), pixels, generator, images.device)
    return crop_padded(images, rows, columns, pixels, fill)


def random_crop_flip(
    images: Tensor, padding: int = 4, *, generator: torch.Generator, fill: Fill = 0.0
) -> Tensor:
    """Pad each image, crop it back to its size at random, and mirror it with probability 1/2.

    Args:
        images: ``(N, C, H, W)``.
        padding: pixels added on every side before the crop.
        generator: where the crops and flips are drawn from, on any device.
        fill: value of the padding, a number or a tensor ``(C,)``.

    Returns:
        Augmented images ``(N, C, H, W)``, a new tensor.
    """
    rows, columns = _draw_offsets(len(images), padding, generator, images.device)
    flipped = _draw(2, (len(images),), generator, images.device).bool()
    return crop_padded(images, rows, columns, padding, fill, flipped)


def crop_padded(
    images: Tensor,
    rows: Tensor,
    columns: Tensor,
    padding: int,
    fill: Fill = 0.0,
    flipped: Tensor | None = None,
) -> Tensor:
    """Crop each image, padded on every side, back to its size at its own place.

    Args:
        images: ``(N, C, H, W)``.
        rows: ``(N,)`` integers from 0 to ``2 padding``: first row of the crop in the padded image.
        columns: likewise, first column.
        padding: pixels added on every side.
        fill: value of the padding, a number or a tensor ``(C,)``.
        flipped: ``(N,)`` booleans, which crops to mirror left to right; by default none.

    Returns:
        Cropped images ``(N, C, H, W)``, a new tensor.
    """
    count, channels, height, width = images.shape
    padded = images.new_empty(count, channels, height + 2 * padding, width + 2 * padding)
    padded[:] = torch.as_tensor(fill, dtype=images.dtype, device=images.device).view(-1, 1, 1)
    padded[:, :, padding : padding + height, padding : padding + width] = images
    down = rows[:, None] + torch.arange(height, device=images.device)
    right = columns[:, None] + torch.arange(width, device=images.device)
    if flipped is not None:
        right = torch.where(flipped[:, None], right.flip(1), right)
    pixels = down[:, :, None] * padded.shape[3] + right[:, None, :]
    pixels = pixels.view(count, 1, -1).expand(-1, channels, -1)
    return padded.flatten(2).gather(2, pixels).view(images.shape)


def default_augmentation(dataset: str) -> str:
    """Kind of augmentation (one of `KINDS`) that is customary for a dataset."""
    return _DEFAULTS.get(dataset, "none")


def augmentation(kind: str, fill: Fill = 0.0) -> Augmentation | None:
    """Make the function ``(images, generator) -> images`` of an augmentation.

    Args:
        kind: ``"none"``, ``"shift"`` (by up to one pixel) or ``"crop_flip"`` (padding 4).
        fill: value of what slides in at the border, a number or a tensor ``(C,)``.

    Returns:
        The function, or None for ``"none"``.

    Raises:
        InputError: for any other kind.
    """
    if kind == "none":
        return None
    if kind == "shift":
        return lambda images, generator: random_shift(images, 1, generator, fill)
    if kind == "crop_flip":
        return lambda images, generator: random_crop_flip(images, generator=generator, fill=fill)
    raise InputError(f"unknown augmentation {kind!r}: allowed are {', '.join(KINDS)}")


def _draw_offsets(
    count: int, padding: int, generator: torch.Generator, device: torch.device
) -> Tensor:
    return _draw(2 * padding + 1, (2, count), generator, device)


def _draw(
    high: int, size: tuple[int, ...], generator: torch.Generator, device: torch.device
) -> Tensor:
    return torch.randint(high, size, generator=generator, device=generator.device).to(device)
