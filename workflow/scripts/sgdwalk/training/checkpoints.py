"""Checkpoints: model, optimizer, random state and step, in a file without pickled code.

A file is read with ``torch.load(weights_only=True)`` and carries a digest of its content, so that
a damaged one is refused and never half-read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from sgdwalk.errors import InputError, first_line
from sgdwalk.files.atomic import written

VERSION = 1


def save_checkpoint(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write nested dicts and lists of tensors, numbers and strings under ``path`` when whole."""
    content = dict(content)
    sealed = {"kind": "sgdwalk checkpoint", "version": VERSION, "content": content}
    sealed["digest"] = _digest(content)
    with written(path) as temporary:
        torch.save(sealed, temporary)


def load_checkpoint(path: str | Path, device: str | torch.device = "cpu") -> dict[str, Any]:
    """Read what ``save`` wrote.

    Raises:
        InputError: one line for a missing, foreign, old, truncated or damaged file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a checkpoint")
    try:
        sealed = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # a damaged zip fails in whatever way the damage dictates
        reason = first_line(error)[:120]
        raise InputError(f"{path}: truncated, damaged or no checkpoint ({reason})") from error
    if not isinstance(sealed, dict) or sealed.get("kind") != "sgdwalk checkpoint":
        raise InputError(f"{path}: not a checkpoint of sgdwalk's")
    if sealed.get("version") != VERSION:
        raise InputError(
            f"{path}: checkpoint version {sealed.get('version')}; this sgdwalk reads {VERSION}"
        )
    content = sealed.get("content")
    if not isinstance(content, dict) or sealed.get("digest") != _digest(content):
        raise InputError(f"{path}: damaged; its content is not what was written")
    return content


def checkpoints_by_step(folder: str | Path) -> dict[int, Path]:
    """Files of a run's checkpoints by their step, increasing.

    Raises:
        InputError: if there are none.
    """
    paths = {int(path.stem): path for path in Path(folder).glob("*.pt")}
    if not paths:
        raise InputError(f"{folder}: no checkpoints; the rule train makes them")
    return dict(sorted(paths.items()))


@contextmanager
def restoring(path: str | Path) -> Iterator[None]:
    """Load the content of a checkpoint into a network in this block.

    Raises:
        InputError: if the network is another one; one line in place of torch's many.
    """
    try:
        yield
    except RuntimeError as error:
        reason = first_line(error)
        raise InputError(f"{path}: not of this run's network ({reason})") from error


def not_reached(step: int, diverged_at: int) -> dict[str, Any]:
    """Content of the checkpoint of a step that a diverged run never came to."""
    return {"status": "not reached", "step": step, "diverged_at": diverged_at}


def _digest(content: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for part in _parts(content):
        digest.update(part)
    return digest.hexdigest()


def _parts(value: object) -> Iterator[bytes]:
    if isinstance(value, torch.Tensor):
        flat = value.detach().cpu().contiguous().reshape(-1)
        yield f"{value.dtype}{tuple(value.shape)}".encode()
        yield flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"{key!r}:".encode()
            yield from _parts(inner)
    elif isinstance(value, list | tuple):
        yield b"["
        for inner in value:
            yield from _parts(inner)
        yield b"]"
    else:
        yield repr(value).encode()
