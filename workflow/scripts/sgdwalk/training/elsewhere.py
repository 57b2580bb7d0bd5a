"""Checkpoints of a network that was trained elsewhere, as jobs with it read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor

from sgdwalk.training.checkpoints import save_checkpoint


def write_states(folder: str | Path, states: Iterable[tuple[int, Mapping[str, Tensor]]]) -> None:
    """Write a checkpoint of each state of a network, without optimizer and random state.

    Args:
        folder: of the checkpoints; made if it is not there.
        states: step and all tensors of the network, buffers among them, of each.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    for step, model in states:
        content = {"status": "reached", "step": step, "model": model}
        save_checkpoint(Path(folder) / f"{step}.pt", content)
