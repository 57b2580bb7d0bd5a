"""Small series of checkpoints in the formats of others, with the positions that they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

SHAPES = {"layer.weight": (6, 5), "layer.bias": (6,), "head.weight": (3, 6)}


def states(
    count: int, seed: int = 0, dtype: torch.dtype = torch.float32
) -> list[dict[str, Tensor]]:
    """State dicts of a Brownian walk."""
    draw = np.random.default_rng(seed)
    place = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    found = []
    for _ in range(count):
        found.append({name: torch.tensor(value, dtype=dtype) for name, value in place.items()})
        for name, shape in SHAPES.items():
            place[name] = place[name] + draw.standard_normal(shape)
    return found


def positions(states: Sequence[Mapping[str, Tensor]], names: Sequence[str]) -> np.ndarray:
    """(T, P) float64."""
    return np.stack(
        [np.concatenate([s[name].double().numpy().ravel() for name in names]) for s in states]
    )


def increments(states: Sequence[Mapping[str, Tensor]], names: Sequence[str]) -> np.ndarray:
    """(T-1, P) float64."""
    return np.diff(positions(states, names), axis=0)


def write(folder: Path, states: Sequence[Mapping[str, Tensor]], kind: str) -> str:
    """Write a checkpoint of each state, at steps 0, 10, 20, ..; the pattern of their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, state in enumerate(states):
        _write(folder, 10 * i, dict(state), kind)
    return str(folder / ("step*" if "." not in kind else f"step*{kind[kind.rindex('.') :]}"))


def _write(folder: Path, step: int, state: dict[str, Tensor], kind: str) -> None:
    path = folder / f"step{step}{kind[kind.rindex('.') :] if '.' in kind else ''}"
    if kind == ".pt":
        torch.save(state, path)
    elif kind == "legacy.pt":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    elif kind.startswith("wrapped:"):
        key = kind.split(":")[1].removesuffix(".pt")
        optimizer = {
            "state": {0: {"momentum_buffer": torch.ones(5)}},
            "param_groups": [{"lr": 0.1}],
        }
        torch.save({key: state, "optimizer": optimizer, "step": step, "rng": torch.ones(3)}, path)
    elif kind == ".safetensors":
        save_file(state, path)
    elif kind == ".npz":
        np.savez(path, **{name: t.numpy() for name, t in state.items()})
    elif kind == "compressed.npz":
        np.savez_compressed(path, **{name: t.numpy() for name, t in state.items()})
    elif kind == "sharded":
        path.mkdir()
        names = list(state)
        shards = {"model-00001-of-00002": names[:1], "model-00002-of-00002": names[1:]}
        weight_map = {}
        for shard, some in shards.items():
            save_file({name: state[name] for name in some}, path / f"{shard}.safetensors")
            weight_map |= dict.fromkeys(some, f"{shard}.safetensors")
        index = {"metadata": {}, "weight_map": weight_map}
        (path / "model.safetensors.index.json").write_text(json.dumps(index))
        torch.save({"state": {}}, path / "optimizer.pt")
        torch.save([1], path / "rng_state_0.pth")
    elif kind == "folder":
        path.mkdir()
        torch.save(state, path / "pytorch_model.bin")
        torch.save({"state": {}}, path / "optimizer.pt")
        torch.save({"x": 1}, path / "scheduler.pt")
    else:
        raise AssertionError(kind)
