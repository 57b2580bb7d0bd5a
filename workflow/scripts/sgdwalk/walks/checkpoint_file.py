"""One checkpoint, opened: its tensors by name, mapped from its files where these can be mapped."""

from __future__ import annotations

import json
import math
import mmap
import pickle
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sgdwalk.errors import InputError, first_line
from sgdwalk.walks.checkpoint_names import INDEX, Checkpoint

WRAPPINGS = ("model", "state_dict", "model_state_dict")
# What wrappers of modules put before every name.
_PREFIXES = ("module.", "_orig_mod.")
_EXTRA = "_extra_state"  # of modules: anything
# Of safetensors; what is not here is no parameter.
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "C64": torch.complex64,
}
_LOCAL_HEADER = 30  # bytes of a zip member's own header before its name


@dataclass(frozen=True)
class OpenCheckpoint:
    """Tensors of a checkpoint.

    Attributes:
        tensors: by name, buffers among them, without the prefixes of wrappers.
        whole: bytes in memory, of files that could not be mapped.
        prefix: what was taken off every name.
    """

    tensors: dict[str, Tensor]
    whole: int
    prefix: str


@contextmanager
def open_checkpoint(checkpoint: Checkpoint) -> Iterator[OpenCheckpoint]:
    """Open the files of a checkpoint; what is mapped from them is let go when it is closed.

    Raises:
        InputError: one line for a file that is missing, damaged, no checkpoint, or would need code
            to run to be read.
    """
    tensors: dict[str, Tensor] = {}
    whole = 0
    for path in map(Path, checkpoint.paths):
        if path.name.endswith(INDEX):
            _check_index(path, checkpoint.paths)
            continue
        found, read = _tensors_of(path)
        for name, tensor in found.items():
            if name in tensors:
                raise InputError(f"{path}: {name} is in another shard, too; allowed: each in one")
            tensors[name] = tensor
        whole += read
    prefix = _common_prefix(tensors)
    named = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    del tensors
    yield OpenCheckpoint(named, whole, prefix)
    named.clear()


def states_of(series: Iterable[Checkpoint]) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Step and all tensors of one checkpoint after another, buffers among them, in memory.

    Raises:
        InputError: as `open_checkpoint`.
    """
    for checkpoint in series:
        with open_checkpoint(checkpoint) as found:
            yield checkpoint.step, {name: t.clone() for name, t in found.tensors.items()}


def _tensors_of(path: Path) -> tuple[dict[str, Tensor], int]:
    """Tensors of one file, and how many bytes of them are not mapped."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a checkpoint")
    try:
        if path.suffix == ".safetensors":
            return _safetensors(path), 0
        if path.suffix == ".npz":
            return _arrays(path)
        return _torch(path)
    except InputError:
        raise
    except Exception as error:  # a damaged file fails in whatever way the damage dictates
        reason = first_line(error)[:160]
        raise InputError(f"{path}: truncated, damaged or no checkpoint ({reason})") from error


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors import safe_open
    except ImportError as error:
        raise InputError(
            f"{path}: needs the package safetensors; pip install safetensors"
        ) from error
    with safe_open(path, framework="pt") as file, open(path, "rb") as raw:  # checks all of its head
        head = int.from_bytes(raw.read(8), "little")
        said = json.loads(raw.read(head))
        pages = mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_COPY)
        # its own way to a tensor touches the first page, and the system reads megabytes around that
        return {
            name: _mapped_tensor(pages, 8 + head, said[name])
            if said[name]["dtype"] in _TYPES
            else file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118
        }


def _mapped_tensor(pages: mmap.mmap, start: int, said: Mapping[str, Any]) -> Tensor:
    dtype, shape = _TYPES[said["dtype"]], said["shape"]
    count = math.prod(shape)
    if not count:
        return torch.empty(shape, dtype=dtype)
    offset = start + said["data_offsets"][0]
    return torch.frombuffer(pages, dtype=dtype, count=count, offset=offset).view(shape)


def _torch(path: Path) -> tuple[dict[str, Tensor], int]:
    mapped = zipfile.is_zipfile(path)
    try:
        content = torch.load(path, map_location="cpu", mmap=mapped, weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported" not in str(error) and "GLOBAL" not in str(error):
            raise
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        which = f" ({named[1]})" if named else ""
        raise InputError(
            f"{path}: holds more than tensors, numbers and texts{which}, and would need code to "
            "run; allowed: a state dict alone, as torch.save(model.state_dict(), path) writes"
        ) from error
    tensors = _unwrapped(content, path)
    size = 0 if mapped else sum(t.numel() * t.element_size() for t in tensors.values())
    return tensors, size


def _unwrapped(content: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping) and content.get("kind") == "sgdwalk checkpoint":
        content = content["content"]
    keys = list(content) if isinstance(content, Mapping) else []
    # wrappings first: tensors may lie beside a model, such as random states
    for name in WRAPPINGS:
        tensors = _named_tensors(content[name]) if name in keys else {}
        if tensors:
            return tensors
    tensors = _named_tensors(content)
    if tensors:
        return tensors
    said = ", ".join(map(str, keys[:8])) if keys else f"a {type(content).__name__}"
    raise InputError(
        f"{path}: no tensors by name, alone or under {', '.join(WRAPPINGS)}; it holds {said}"
    )


def _named_tensors(content: Any) -> dict[str, Tensor]:
    """Tensors of a state dict; none if that is something else."""
    if not isinstance(content, Mapping):
        return {}
    entries = {str(name): value for name, value in content.items()}
    entries = {name: value for name, value in entries.items() if not name.endswith(_EXTRA)}
    found = {name: value.detach() for name, value in entries.items() if isinstance(value, Tensor)}
    rest = [value for value in entries.values() if isinstance(value, Mapping | list | tuple)]
    return {} if any(rest) and len(found) <= len(entries) / 2 else found


def _arrays(path: Path) -> tuple[dict[str, Tensor], int]:
    tensors, whole = {}, 0
    with zipfile.ZipFile(path) as archive, open(path, "rb") as raw:
        # one mapping for all; a writable copy of what nobody writes: torch warns of others
        pages = mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_COPY)
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if member.compress_type == zipfile.ZIP_STORED:
                array = _mapped_array(path, raw, pages, member)
            else:
                with archive.open(member) as file:
                    array = np.lib.format.read_array(file, allow_pickle=False)
                whole += array.nbytes
            if array.dtype.kind == "V":
                raise InputError(f"{path}: {name} is {array.dtype}; allowed: numbers of numpy's")
            if array.dtype.kind in "biufc":
                if not array.dtype.isnative:
                    array = array.astype(array.dtype.newbyteorder("="))
                tensors[name] = torch.from_numpy(array)
    if not tensors:
        raise InputError(f"{path}: no numeric arrays; expected those of a checkpoint")
    return tensors, whole


def _mapped_array(path: Path, raw: Any, pages: mmap.mmap, member: zipfile.ZipInfo) -> np.ndarray:
    raw.seek(member.header_offset)
    header = raw.read(_LOCAL_HEADER)
    lengths = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
    start = member.header_offset + _LOCAL_HEADER + sum(lengths)
    raw.seek(start)
    version = np.lib.format.read_magic(raw)
    reader = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    shape, fortran, dtype = reader[version[0]](raw)
    if dtype.hasobject:
        raise InputError(f"{path}: {member.filename} holds objects; allowed: numbers")
    if not np.prod(shape, dtype=int):
        return np.zeros(shape, dtype)
    return np.ndarray(shape, dtype, pages, raw.tell(), order="F" if fortran else "C")


def _check_index(path: Path, paths: tuple[str, ...]) -> None:
    try:
        shards = set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: no index of shards ({first_line(error)})") from None
    there = {Path(other).name for other in paths}
    lacking = sorted(shards - there)
    if lacking:
        raise InputError(f"{path}: shard {lacking[0]} is not there; allowed: all that it names")


def _common_prefix(names: Mapping[str, Tensor]) -> str:
    prefix = ""
    while names:
        more = next(
            (p for p in _PREFIXES if all(n.startswith(prefix + p) for n in names)),
            None,
        )
        if more is None:
            break
        prefix += more
    return prefix
