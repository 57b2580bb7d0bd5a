"""Everything about one walk in one call, without a workflow: numbers, tables, figures, files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.diffusion.run import RunDiffusion
from sgdwalk.diffusion.run import analyse as analyse_diffusion
from sgdwalk.diffusion.summary import summary_lines
from sgdwalk.diffusion.table import exponent_rows
from sgdwalk.errors import InputError
from sgdwalk.files.atomic import written
from sgdwalk.files.provenance import library_versions
from sgdwalk.files.table import flat_rows, write_table
from sgdwalk.geometry import file as geometry_file
from sgdwalk.geometry.run import RunGeometry
from sgdwalk.geometry.run import analyse as analyse_geometry
from sgdwalk.geometry.table import component_rows, geometry_rows
from sgdwalk.gradients import file as gradients_file
from sgdwalk.gradients.run import RunGradients
from sgdwalk.gradients.run import analyse as analyse_gradients
from sgdwalk.gradients.table import tail_rows
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.walks import file as walk_file
from sgdwalk.walks.checkpoint_names import SUFFIXES, checkpoint_series
from sgdwalk.walks.read import WalkRecord, read_walk, walk_of_positions

if TYPE_CHECKING:
    import pandas
    import torch
    import xarray
    from matplotlib.figure import Figure

# What a study's config has by default.
DIFFUSION: Mapping[str, Any] = {"signs": 200, "seed": 0}
GEOMETRY: Mapping[str, Any] = {
    "fragments": [50, 100],
    "components": 10,
    "ageing_lags": [1, 4, 10, 40, 100],
    "moving_window": 100,
    "seed": 0,
}
_MARK = "summary.txt"  # that a folder is of an analysis


class Analysis:
    """The analyses of one walk, each made when it is first asked for.

    Args:
        trajectory: the walk's record.
        name: what it is called in tables and figures.
        room: folder of that record, if it was made for this and goes with it.

    Attributes:
        trajectory: as given.
        name: as given.
        notes: what is to be known of how checkpoints were read, one line each.
    """

    def __init__(
        self, trajectory: Trajectory, name: str, room: TemporaryDirectory[str] | None = None
    ):
        self.trajectory, self.name, self._room = trajectory, name, room
        self.notes = [str(line) for line in trajectory.origin.get("notes", [])]

    @cached_property
    def diffusion(self) -> RunDiffusion:
        """Mean squared displacement, exponents and nulls of every window, and of the whole."""
        return analyse_diffusion(self.trajectory, **DIFFUSION)

    @cached_property
    def geometry(self) -> RunGeometry:
        """Path dimension, loss roughness, memory and components of every window."""
        return analyse_geometry(self.trajectory, None, **GEOMETRY)

    @cached_property
    def gradients(self) -> RunGradients | None:
        """Tail indices of gradients; None where none were recorded.

        Raises:
            InputError: if the package powerlaw, which they need, is not installed.
        """
        if not self.trajectory.gradients:
            return None
        _library("powerlaw", "tails")
        return analyse_gradients(self.trajectory, None)

    def summary(self) -> str:
        """What a person wants to know: the walk, its windows, exponents with their nulls."""
        return "\n".join([*self.notes, *summary_lines(self.trajectory, self.diffusion)])

    def to_pandas(self) -> pandas.DataFrame:
        """One row per window: what `exponents.csv` of a study holds."""
        rows = flat_rows(exponent_rows(self.name, {}, self.diffusion))
        return _library("pandas", "tables").DataFrame(rows)

    def to_xarray(self) -> xarray.Dataset:
        """Curves of every window over lag, and their numbers over windows; nan where there is none.

        Dimensions are `window`, `lag` (all that any window has, in optimizer steps) and, of a walk
        with a sketch, `whole_lag`.
        """
        found = self.diffusion
        lags = np.unique(np.concatenate([w.lags for w in found.windows] or [np.zeros(0)]))
        shape = (len(found.windows), lags.size)
        curves = {name: np.full(shape, np.nan) for name in ("msd", "pairs", "null")}
        for row, window in enumerate(found.windows):
            at = np.searchsorted(lags, window.lags)
            curves["msd"][row, at], curves["pairs"][row, at] = window.msd, window.pairs
            curves["null"][row, np.searchsorted(lags, window.fit_lags)] = window.signs.mean
        data: dict[str, Any] = {name: (("window", "lag"), a) for name, a in curves.items()}
        table = self.to_pandas()
        table = table[table["whole_run"] == "no"]
        for name in table.columns:
            if name not in ("run", "versions", "whole_run"):
                data[name] = ("window", table[name].to_numpy())
        coordinates: dict[str, Any] = {"lag": ("lag", lags, {"units": "optimizer steps"})}
        if found.whole is not None:
            coordinates["whole_lag"] = ("whole_lag", found.whole.lags, {"units": "optimizer steps"})
            data["whole_msd"] = ("whole_lag", found.whole.msd)
        attributes = {"walk": self.name, "parameters": self.trajectory.parameters}
        return _library("xarray", "tables").Dataset(data, coordinates, attributes)

    def figure(self, name: str) -> Figure:
        """One of the figures that a study draws of a run.

        Args:
            name: one of `FIGURES`.

        Raises:
            InputError: another name, or a figure of what was not recorded.
        """
        if name not in FIGURES:
            raise InputError(f"figure: {name!r}; allowed: {', '.join(FIGURES)}")
        _library("seaborn", "figures")
        return FIGURES[name](self)

    def save(self, path: str | Path) -> Path:
        """Write all numbers, tables and figures into a folder, which is made if it is not there.

        What needs a package that is not installed is left out, and `summary.txt` says so.

        Args:
            path: of the folder; files of an earlier analysis in it are replaced.

        Returns:
            The folder.

        Raises:
            InputError: if that is a file, or a result would write over what is not a result.
        """
        folder = Path(path)
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: a file; allowed: a folder")
        if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).is_file():
            raise InputError(
                f"{folder}: not empty, and not of an earlier analysis; allowed: a new folder"
            )
        lines = [self.summary()]
        folder.mkdir(parents=True, exist_ok=True)
        origin = {"run": self.trajectory.origin, "versions": library_versions()}
        diffusion_file.write(folder / "diffusion.h5", self.diffusion, origin)
        geometry_file.write(folder / "geometry.h5", self.geometry, origin)
        write_table(folder / "exponents.csv", exponent_rows(self.name, {}, self.diffusion))
        write_table(folder / "geometry.csv", geometry_rows(self.name, {}, self.geometry))
        write_table(folder / "components.csv", component_rows(self.name, {}, self.geometry))
        if self._room is not None:
            with written(folder / "trajectory.h5") as temporary:
                shutil.copyfile(self.trajectory.path, temporary)
        for part in (self._save_gradients, self._save_figures):
            try:
                part(folder, origin)
            except InputError as error:  # of a package that is not installed
                lines.append(f"left out: {error}")
        with written(folder / _MARK) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder

    def _save_gradients(self, folder: Path, origin: Mapping[str, Any]) -> None:
        if self.gradients is not None:
            gradients_file.write(folder / "gradients.h5", self.gradients, origin)
            write_table(folder / "tails.csv", tail_rows(self.name, {}, self.gradients))

    def _save_figures(self, folder: Path, origin: Mapping[str, Any]) -> None:
        _library("seaborn", "figures")
        from sgdwalk.figures.style import save_figure

        for name in FIGURES:
            if name == "fig5_gradients" and not self.trajectory.gradients:
                continue
            if name == "fig_avalanches" and not self.geometry.moving_variance.size:
                continue
            save_figure(self.figure(name), [folder / f"{name}.{kind}" for kind in ("pdf", "png")])


def analyse(
    source: Trajectory | str | os.PathLike[str] | Sequence[str] | np.ndarray | torch.Tensor,
    *,
    steps: Sequence[int] | str | None = None,
    losses: str | os.PathLike[str] | Sequence[float] | None = None,
    select: Sequence[str] = (),
    log: Callable[[str], None] = lambda line: None,
) -> Analysis:
    """Everything about one walk: a recorded one, a series of checkpoints, or an array of positions.

    Args:
        source: a `Trajectory`; the path of its file; a folder of checkpoints, or patterns of their
            paths; or (T, P) positions.
        steps: of checkpoints or positions: a list; of checkpoints also a regular expression on
            their paths, or a CSV file. By default the numbers in the checkpoints' names; positions
            are one step apart.
        losses: at these: a CSV file with columns `step` and `loss`, or (T,) numbers.
        select: patterns of the names of parameters, of checkpoints: the walk of a part.
        log: told how reading checkpoints comes along.

    Returns:
        An `Analysis`: `.summary()`, `.to_pandas()`, `.to_xarray()`, `.figure(name)`, `.save(path)`,
        and the results themselves, `.diffusion`, `.geometry`, `.gradients`.

    Raises:
        InputError: one line for a source that is none of these, or is bad.
    """
    if isinstance(source, str | os.PathLike) and _is_recording(Path(source)):
        source = Trajectory(source)
    if isinstance(source, Trajectory):
        given = {"steps": steps, "losses": losses, "select": select or None}
        for name, value in given.items():
            if value is not None:
                raise InputError(f"{name}: allowed for checkpoints and positions; a record has own")
        return Analysis(source, source.path.stem)
    record, name = _read(source, steps, losses, select, log)
    room = TemporaryDirectory(prefix="sgdwalk-")
    path = Path(room.name) / "trajectory.h5"
    walk_file.write(path, record, {"source": name})
    return Analysis(Trajectory(path), name, room)


def _is_recording(path: Path) -> bool:
    return path.suffix in (".h5", ".hdf5") and not path.is_dir()


def _named(pattern: str) -> str:
    """What a walk is called whose checkpoints match a pattern: the last folder that this names."""
    path = Path(pattern)
    if path.suffix in SUFFIXES:
        path = path.parent
    parts = (part.strip("*?[].-_") for part in reversed(path.resolve().parts))
    return next((part for part in parts if part), "walk")


def _read(
    source: Any, steps: Any, losses: Any, select: Sequence[str], log: Callable[[str], None]
) -> tuple[WalkRecord, str]:
    """The walk of an array or of checkpoints, and what it is called."""
    if hasattr(source, "shape"):
        if select:
            raise InputError("select: allowed for checkpoints; positions have no names")
        return walk_of_positions(source, steps, losses), "positions"
    if isinstance(source, str | os.PathLike):
        source = str(source)
    elif not (
        isinstance(source, Sequence) and all(isinstance(p, str | os.PathLike) for p in source)
    ):
        raise InputError(
            f"source: a {type(source).__name__}; allowed: a Trajectory, a path, patterns of paths, "
            "or (T, P) positions"
        )
    if losses is not None and not isinstance(losses, str | os.PathLike):
        raise InputError("losses: allowed for checkpoints: the path of a CSV file")
    patterns = [source] if isinstance(source, str) else [str(pattern) for pattern in source]
    series = checkpoint_series(patterns, steps)
    record = read_walk(series, select=select, losses=losses, log=log)
    return record, _named(patterns[0])


def _library(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"the package {name} is not installed; pip install 'sgdwalk[{extra}]'"
        ) from error


def _superdiffusion(of: Analysis) -> Figure:
    from sgdwalk.figures.superdiffusion import draw_superdiffusion

    return draw_superdiffusion(of.diffusion, of.name)


def _fractal_landscape(of: Analysis) -> Figure:
    from sgdwalk.figures.fractal_landscape import draw_fractal_landscape

    return draw_fractal_landscape(of.geometry, of.name)


def _gradient_tails(of: Analysis) -> Figure:
    from sgdwalk.figures.gradient_tails import draw_gradient_tails

    if of.gradients is None:
        raise InputError("figure: fig5_gradients; no gradients were recorded")
    return draw_gradient_tails(of.gradients, of.geometry, of.name)


def _anatomy(of: Analysis) -> Figure:
    from sgdwalk.figures.walk_anatomy import draw_walk_anatomy

    return draw_walk_anatomy(of.geometry, of.name)


def _avalanches(of: Analysis) -> Figure:
    from sgdwalk.figures.loss_avalanches import draw_avalanches

    return draw_avalanches(of.geometry, of.name)


FIGURES: Mapping[str, Callable[[Analysis], Figure]] = {
    "fig2_superdiffusion": _superdiffusion,
    "fig3_fractal_landscape": _fractal_landscape,
    "fig5_gradients": _gradient_tails,
    "fig_walk_anatomy": _anatomy,
    "fig_avalanches": _avalanches,
}
