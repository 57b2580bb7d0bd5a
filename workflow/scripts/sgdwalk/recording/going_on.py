"""What is already at a recorder's path: it is never lost, and a walk can go on with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.files import hdf5
from sgdwalk.recording.groups import groups_of
from sgdwalk.recording.notices import say
from sgdwalk.recording.recording_folder import RecordingFolder
from sgdwalk.recording.row_streams import Journal, rows_left
from sgdwalk.recording.trajectory_writer import CLOSED, EPOCH_VALUES, RESUMED, Layout
from sgdwalk.recording.window_families import family_key, family_of

_Named = tuple[str, np.ndarray]
_NEW = ("origin",)  # what may differ between the parts of a walk


def protect(held: RecordingFolder, path: Path, overwrite: bool) -> None:
    """See that a new recording loses nothing.

    Raises:
        InputError: if the file, or what a cut-off recording left, is there; unless `overwrite`,
            which sets the latter aside. And for a folder.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder; allowed: the path of a file")
    held.remove_unfinished(path)
    if held.left and not overwrite:
        steps = rows_left(held.path, "steps")
        raise InputError(
            f"{held.path}: left by a recording that was cut off after {steps} steps; allowed: "
            f"`sgdwalk recover {path}`, which makes the file of it, resume=True or overwrite=True"
        )
    if path.exists() and not overwrite:
        raise InputError(
            f"{path}: exists; allowed: another path, resume=True to go on with that walk, or "
            "overwrite=True"
        )
    if held.left:
        other = held.set_aside(path)
        say(f"{path}: a cut-off recording was set aside; `sgdwalk recover {other}` gives it back")


def take_up(held: RecordingFolder, path: Path, layout: Layout) -> Layout | None:
    """Make the folder hold the walk that a cut-off recording left, or else that of the file.

    Args:
        held: the folder of the recording.
        path: its file.
        layout: of the recorder that goes on.

    Returns:
        The layout with the walk's own origin; None if there is no walk.

    Raises:
        InputError: if the walk is one of other parameters or windows.
    """
    if held.left:
        before = read_layout(held)
        _compare(layout, before, held.path)
        journal = Journal(held.path)
        if journal.rows("resumed"):  # a mark comes before its step, which may have been cut off
            marked = journal.read("resumed")["step"]
            journal.cut("resumed", int((marked < journal.rows("steps")).sum()))
        journal.close()
        return replace(layout, origin=before.origin)
    if not path.exists():
        return None
    with hdf5.opened(path, "trajectory") as file:
        layout = replace(layout, origin=hdf5.origin(file))
        journal = Journal(held.path, {})
        for name, rows in _streams(file, layout, path):
            journal.extend(name, rows)
    journal.commit()
    journal.close()
    held.write_layout(layout.described())
    return layout


def read_layout(held: RecordingFolder) -> Layout:
    """The layout of a recording that was cut off.

    Raises:
        InputError: if there is none.
    """
    described = held.read_layout()
    layers = sorted(held.path.glob("layers-*.rows"))  # of before there were groups: each was one
    if layers and "groups" not in described:
        described["groups"] = [(name, [i]) for i, (name, _) in enumerate(described["layers"])]
        held.write_layout(described)
    for stream in layers:
        stream.rename(stream.with_name(stream.name.replace("layers-", "groups-", 1)))
    return Layout.of(described)


def _compare(now: Layout, before: Layout, where: Path) -> None:
    for field in fields(Layout):
        new, old = getattr(now, field.name), getattr(before, field.name)
        if field.name in _NEW or new == old:
            continue
        if isinstance(new, list) and field.name != "families":  # too long to be told
            different = ((a, b) for a, b in zip(new, old, strict=False) if a != b)
            new, old = next(different, (len(new), len(old)))
        raise InputError(
            f"resume: {field.name} {new}, but the walk in {where} has {old}; allowed: the same"
        )


def _streams(file: h5py.File, layout: Layout, path: Path) -> Iterator[_Named]:
    """The streams from which a file was made."""
    _compare(layout, _layout_of(file, layout), path)
    count = int(file.attrs["steps"])
    steps = np.zeros(count, layout.step_rows())
    for group in ("steps", "gradients"):
        for name in set(steps.dtype.names or ()) & set(file[group]):
            steps[name] = file[group][name][()]
    steps["told"] = np.isfinite(steps["loss"])
    if "batch_size" not in file["steps"]:
        steps["batch_size"] = -1
    if "sketch" in file and count:
        yield from _sketch(file["sketch"], steps, layout)
    yield "steps", steps
    for length, stride in layout.families:
        yield from _windows(file["windows"], length, stride)
    epochs = file["epochs"]
    if "step" in epochs:
        columns = [epochs[name][()] for name in ("step", *EPOCH_VALUES)]
        yield "epochs", np.stack(columns, axis=1).astype(np.float64)
    for name in ("noise_norm", "noise_gram", "mean_gradient_norm", "mean_gradient"):
        if name in epochs:
            yield name, epochs[name][()]
    if "resumed" in file:
        rows = np.zeros(len(file["resumed/step"]), RESUMED)
        rows["step"], rows["taken_up"] = file["resumed/step"], file["resumed/taken_up"]
        yield "resumed", rows
    if "series_end" in file["gradients"]:
        yield "end", file["gradients/series_end"][()][None]


def _layout_of(file: h5py.File, layout: Layout) -> Layout:
    """The layout that a file shows; what it does not show is taken to be the same."""
    steps, gradients = file["steps"], file["gradients"]
    names, sizes = file["layers/name"].asstr()[()], file["layers/size"][()]
    families = set(map(family_of, file["windows"]))
    found: dict[str, Any] = {
        "layers": [(str(n), int(s)) for n, s in zip(names, sizes, strict=True)],
        # of which there are windows
        "families": layout.families if families <= {*layout.families} else sorted(families),
    }
    if "groups" in file or len(file["windows"]):  # files of before there were groups may show none
        found["groups"] = groups_of(file)
    if len(steps.get("loss", ())):
        found["sketch"] = int(file["sketch"].attrs["k"]) if "sketch" in file else 0
        index = gradients["series_index"][()].tolist() if "series_index" in gradients else []
        samples = gradients["sample_index"].shape[1] if "sample_index" in gradients else 0
        found |= {"series": index, "samples": samples, "probe": "probe_loss" in steps}
        for name in ("sample_value", "series_position"):
            if name in gradients:
                found["dtype"] = str(gradients[name].dtype)
    return replace(layout, **found)


def _sketch(group: h5py.Group, steps: np.ndarray, layout: Layout) -> Iterator[_Named]:
    """What leads to each position but the first, into its step's row; to the last, into its own."""
    last = np.zeros(1, layout.increment_row())
    last["step"], last["digest"] = len(steps), group.attrs.get("end_digest", "")
    start = group["start"][()][None]
    for prefix, own in (("", slice(0, 1)), ("group_", slice(1, None))):
        if f"{prefix}start" not in group:
            continue
        name = "group_sketches" if prefix else "sketch"
        increments, norms = (group[f"{prefix}{key}"][()] for key in ("increments", "norms"))
        away = group[f"{prefix}distance_from_start"][1:]
        moved = np.stack([norms, away], axis=-1)
        moved = moved if prefix else moved[:, None]
        stop = min(len(increments) + 1, len(steps))
        steps[name][1:stop], steps["moved"][1:stop, own] = increments[: stop - 1], moved[: stop - 1]
        if len(increments) == len(steps):
            last[name], last["moved"][:, own] = increments[-1], moved[-1]
        if prefix:
            start = np.concatenate([start, group["group_start"][()]])
    yield "sketch-start", start[None]
    if len(group["increments"]) == len(steps):
        yield "last", last


def _windows(windows: h5py.Group, length: int, stride: int) -> Iterator[_Named]:
    family = family_key(length, stride)
    for key in sorted(k for k in windows if family_of(k) == (length, stride)):
        group = windows[key]
        for name, kind in (("gram", "gram"), ("group_grams", "groups"), ("layer_grams", "groups")):
            if name in group:
                yield f"{kind}-{family}", group[name][()].reshape(-1)
        if "weights" in group:
            yield f"weights-{family}", group["weights"][()]
        told = ("start", "length", "float32_error", "float64_products")
        row = tuple(group.attrs[name] for name in told)
        yield f"closed-{family}", np.array([row], CLOSED)


@dataclass(frozen=True)
class LastPositions:
    """Where a walk was at each of its steps, at a few fixed coordinates.

    Attributes:
        before: (N, C) at each recorded step.
        end: (C,) after the last one; None if that is not known.
    """

    before: np.ndarray
    end: np.ndarray | None

    @classmethod
    def of(cls, journal: Journal) -> LastPositions:
        """From the streams of a recording."""
        steps = journal.read("steps")
        known = "series_position" in (steps.dtype.names or ())
        end = journal.read("end")[-1].copy() if journal.rows("end") else None
        return cls(steps["series_position"].copy() if known else np.zeros((len(steps), 0)), end)

    def step_at(self, position: np.ndarray) -> int:
        """The step at which the walk was at (C,) coordinates; N after the last, -1 if at none."""
        if not position.size:
            return -1
        if self.end is not None and np.array_equal(self.end, position):
            return len(self.before)
        same = np.flatnonzero((self.before == position).all(axis=1))
        return int(same[-1]) if len(same) else -1


def told(step: int, taken_up: int) -> str:
    """What a resumed recording says of its beginning.

    Args:
        step: of the first position recorded anew.
        taken_up: what `LastPositions.step_at` found for it.
    """
    if taken_up == step:
        return f"goes on at step {step}, where the walk ended; windows begin anew"
    if taken_up >= 0:
        return (
            f"step {step} takes up the position of step {taken_up}: what was walked from there on "
            "is kept beside; windows begin anew"
        )
    return f"step {step} is at none of the recorded positions: a gap is marked; windows begin anew"
