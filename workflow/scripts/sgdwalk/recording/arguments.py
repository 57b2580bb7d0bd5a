"""What a recorder is told, checked: one line says what is wrong and what is allowed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from sgdwalk.errors import InputError

MIN_POSITIONS = 3  # of a window: two increments; fewer say nothing
MOST_NUMBERS = 10**7  # of a sketch: more are no sketch
Number = torch.Tensor | float


def checked_loss(value: Number, where: str) -> Number:
    """A loss: a float, or a tensor of one number.

    Args:
        value: as it was told.
        where: the method that was told it.

    Raises:
        InputError: for anything else.
    """
    if isinstance(value, torch.Tensor):
        if value.numel() == 1 and not value.is_complex():
            return value
        raise InputError(
            f"{where}: a loss of shape {tuple(value.shape)}, {value.dtype}; allowed: one number"
        )
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{where}: {value!r}; allowed: a number, or a tensor of one") from None


def checked_samples(samples: int | None, where: str) -> int | None:
    """Samples of a minibatch, 1 or more, or None.

    Raises:
        InputError: for anything else.
    """
    if samples is None or _is_whole(samples, 1):
        return samples
    raise InputError(f"{where}: {samples!r} samples; allowed: 1 or more, or None")


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    """Refuse what is no whole number from `least` on, to `most` if there is one.

    Raises:
        InputError: names the argument.
    """
    if not _is_whole(value, least) or (most is not None and value > most):
        to = "on" if most is None else f"to {most}"
        raise InputError(f"{name}: {value!r}; allowed: a whole number from {least} {to}")


def checked_families(
    window: int | Sequence[tuple[int, int]] | None, sketch: int | None
) -> list[tuple[int, int]]:
    """Lengths and strides of the windows: one length, or pairs; none for the sketch alone.

    Raises:
        InputError: for windows that are too short, or named twice; for neither windows nor sketch.
    """
    if sketch is not None:
        check_whole("sketch", sketch, 1, MOST_NUMBERS)
    if window is None:
        if sketch is None:
            raise InputError("window: None; allowed with a sketch, as sketch=1024")
        return []
    try:
        pairs = [(window, 1)] if not isinstance(window, Iterable) else [(n, s) for n, s in window]
    except (TypeError, ValueError):
        pairs = []
    fit = all(_is_whole(n, MIN_POSITIONS) and _is_whole(s, 1) for n, s in pairs)
    if not pairs or not fit or len(set(pairs)) != len(pairs):
        raise InputError(
            f"window: {window!r}; allowed: a length of {MIN_POSITIONS} or more, or different pairs "
            "(length, stride) with stride 1 or more"
        )
    return [(int(n), int(s)) for n, s in pairs]


def checked_origin(origin: Mapping[str, Any]) -> dict[str, Any]:
    """The origin as it was told.

    Raises:
        InputError: if JSON cannot hold it; names the entry.
    """
    if not isinstance(origin, Mapping):
        raise InputError(f"origin: a {type(origin).__name__}; allowed: a dict")
    for name, value in origin.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise InputError(f"origin: {name}: {error}; allowed: what JSON can hold") from error
        if not isinstance(name, str):
            raise InputError(f"origin: key {name!r}; allowed: strings")
    return dict(origin)


def _is_whole(value: Any, least: int) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and bool(value >= least)
