"""Everything that is said about the geometry of one window, from its Gram matrix and losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeVar

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.files.records import Unit
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.anomalous_exponents import AnomalousExponents, anomalous_exponents
from sgdwalk.geometry.components import WalkModes, walk_modes
from sgdwalk.geometry.distances import CheckedGram, contour_lengths, squared_distances
from sgdwalk.geometry.excursions import Excursions, Fragment, random_fragments, typical_fragment
from sgdwalk.geometry.homology_dimension import HomologyDimension, homology_dimension
from sgdwalk.geometry.loss_avalanches import Aftermath, Avalanches, after_longest, find_avalanches
from sgdwalk.geometry.loss_roughness import LossRoughness, loss_roughness
from sgdwalk.geometry.loss_structure import StructureFunctions, structure_functions
from sgdwalk.geometry.nulls import window_nulls
from sgdwalk.geometry.path_dimension import (
    PathCurve,
    contour_against_displacement,
    contour_against_lag,
    msd_against_contour,
    path_dimension,
    sample_pairs,
    uncorrelated_msd,
)
from sgdwalk.geometry.smooth_losses import SmoothLandscape
from sgdwalk.geometry.velocity import VELOCITY, LagCurve
from sgdwalk.recording.trajectory import Window

T = TypeVar("T")
ABOVE_FLOOR = 10.0  # times the noise floor, from where minibatch noise no longer shows in zeta(q)


@dataclass(frozen=True)
class LossNoise:
    """Variance of the minibatch loss at fixed weights, at each position of a window."""

    variance: Annotated[np.ndarray, "(T,) variances", "loss^2"]
    relative_error: Annotated[float, "standard error relative to them, common to all positions"]


@dataclass(frozen=True)
class LossDifferences:
    """Loss differences against one separation, distance or contour length.

    Probe losses are not there unless they were recorded. Structure functions are of the probe
    losses, or else of the minibatch losses where they are far above the noise floor.
    """

    minibatch: Annotated[LossRoughness | None, "of the training losses, noise floor subtracted"]
    probe: Annotated[LossRoughness | None, "of the losses of the fixed probe batch"]
    structure: Annotated[StructureFunctions | None, "structure functions of the losses"]


@dataclass(frozen=True)
class Path:
    """Contour length against lag and displacement, and the path's fractal dimension."""

    contour_by_lag: Annotated[PathCurve, "mean contour length against lag", Unit(abscissa="step")]
    contour_by_displacement: Annotated[PathCurve, "mean contour length against displacement"]
    msd_by_contour: Annotated[
        PathCurve,
        "mean squared displacement against contour length",
        Unit(mean="parameter^2", error="parameter^2"),
    ]
    dimension: Annotated[Estimate, "fractal dimension D of the path"]
    uncorrelated_msd: Annotated[
        np.ndarray,
        "(n,) mean squared displacement against contour length, on average over random signs of "
        "the increments",
        "parameter^2",
    ]
    pairs: Annotated[
        np.ndarray,
        "(n, 2) contour length and squared distance of random pairs",
        "parameter; parameter^2",
    ]


@dataclass(frozen=True)
class WindowGeometry:
    """Geometry of one window of T positions, and the same numbers of its surrogates.

    Kinds of surrogates are `uncorrelated` (its increments with random signs), `reordered` (in
    random order) and `same_autocorrelation`; of unequally spaced positions `uncorrelated` alone.
    """

    length: Annotated[int, "T, recorded positions"]
    stride: Annotated[
        int | None, "optimizer steps between recorded positions; none if these differ", "step"
    ]
    start: Annotated[int, "optimizer steps taken before the first position", "step"]
    step: Annotated[np.ndarray, "(T,) optimizer steps taken before each position", "step"]
    distance: Annotated[LossDifferences, "loss differences against distance"]
    contour: Annotated[LossDifferences, "loss differences against contour length"]
    path: Annotated[Path | None, "contour length, displacement and lag"]
    excursions: Annotated[dict[str, Excursions], "of random fragments, by their length"]
    fragment: Annotated[Fragment | None, "a typical one of the shortest fragments"]
    avalanches: Annotated[Avalanches | None, "of loss increments"]
    aftermath: Annotated[
        tuple[Aftermath, ...], "loss along the contour after the longest avalanches"
    ]
    modes: Annotated[WalkModes | None, "principal components"]
    velocity: Annotated[dict[str, LagCurve], "autocorrelation, reversals and cosine of increments"]
    exponents: Annotated[
        AnomalousExponents | None, "Joseph, Noah and Moses: to be pooled over seeds"
    ]
    homology: Annotated[HomologyDimension | None, "persistent-homology dimension of the positions"]
    nulls: Annotated[
        dict[str, dict[str, Estimate]],
        "median and interval of 95 % of numbers of surrogates, by kind, then by number",
    ]
    missing: Annotated[dict[str, str], "why this part could not be had"]


class _Attempts:
    """Runs analyses that may find the window too short, and keeps their reasons."""

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}

    def __call__(self, name: str, analysis: Callable[[], T]) -> T | None:
        try:
            return analysis()
        except InputError as error:
            self.missing[name] = str(error)
            return None

    def each(self, name: str, analyses: Mapping[str, Callable[[], T]]) -> dict[str, T]:
        """Those that succeed; the reason of another under ``name.key``."""
        found = {key: self(f"{name}.{key}", analysis) for key, analysis in analyses.items()}
        return {key: item for key, item in found.items() if item is not None}


def analyse_window(
    window: Window,
    noise: LossNoise | None,
    fragments: Sequence[int],
    components: int,
    seed: int,
) -> WindowGeometry:
    """Analyse the geometry of one window; needs memory for about ten T x T arrays.

    Args:
        window: Gram matrix, losses and, if recorded, probe losses of T positions.
        noise: of the minibatch losses; without it no floor is subtracted.
        fragments: increments of the fragments whose transverse excursion is measured.
        components: principal components that are kept.
        seed: of random fragments, subsamples, signs and orders.

    Raises:
        InputError: if the Gram matrix is none, or losses are not finite.
    """
    attempt = _Attempts()
    gram = CheckedGram(window.gram)
    squares, contour = squared_distances(gram), contour_lengths(gram)
    steps = window.step if window.stride is None else None
    modes = attempt("modes", partial(walk_modes, gram, min(components, len(gram)), steps))

    distance = np.sqrt(squares)
    losses = {"minibatch": (window.loss, noise), "probe": (window.probe_loss, None)}
    sources = {
        name: _LossSource(attempt, name, gram, np.asarray(values, dtype=float), floor, seed)
        for name, (values, floor) in losses.items()
        if values is not None
    }
    if not sources:
        attempt.missing["losses"] = "losses of the positions are not known"
    differences = {
        name: _loss_differences(attempt, name, separation, distance, sources)
        for name, separation in (("distance", distance), ("contour", contour))
    }

    excursions = attempt.each(
        "excursions", {str(n): partial(random_fragments, gram, n, seed) for n in fragments}
    )
    fragment = None
    if excursions:
        shortest = min(excursions.values(), key=lambda e: e.length)
        fragment = attempt("fragment", partial(typical_fragment, gram, shortest))

    avalanches, aftermath, loss = None, [], window.loss
    if loss is not None:
        avalanches = attempt("avalanches", lambda: find_avalanches(_in_time(window, loss), seed))
        aftermath = after_longest(avalanches, loss, contour) if avalanches else []
    return WindowGeometry(
        length=window.length,
        stride=window.stride,
        start=window.start,
        step=window.step,
        distance=differences["distance"],
        contour=differences["contour"],
        path=attempt("path", partial(_path, gram, contour, window.step, seed)),
        excursions=excursions,
        fragment=fragment,
        avalanches=avalanches,
        aftermath=tuple(aftermath),
        modes=modes,
        velocity=attempt.each(
            "velocity",
            {name: partial(_memory, window, gram, curve) for name, curve in VELOCITY.items()},
        ),
        exponents=attempt("exponents", lambda: anomalous_exponents(_in_time(window, gram))),
        homology=attempt("homology", partial(homology_dimension, squares, seed)),
        nulls=attempt(
            "nulls",
            partial(window_nulls, gram, fragments, components, seed, window.stride is not None),
        )
        or {},
        missing=attempt.missing,
    )


def _in_time(window: Window, values: T) -> T:
    """Values of a window, if its positions are equally far apart in time.

    Raises:
        InputError: if they are not.
    """
    if window.stride is None:
        raise InputError("positions are unequally spaced in steps")
    return values


def _memory(window: Window, gram: CheckedGram, curve: Callable[..., LagCurve]) -> LagCurve:
    return curve(_in_time(window, gram), window.stride)


class _LossSource:
    """Losses of a window of one source, with their noise and the smooth landscapes that fit."""

    def __init__(
        self,
        attempt: _Attempts,
        name: str,
        gram: CheckedGram,
        loss: np.ndarray,
        noise: LossNoise | None,
        seed: int,
    ):
        self.loss, self.seed = loss, seed
        self.noise: tuple[np.ndarray | None, float] = (None, 0.0)
        if noise is not None:
            self.noise = noise.variance, noise.relative_error
        self.smooth = attempt(f"smooth_{name}", partial(SmoothLandscape, gram, loss, *self.noise))

    def roughness(self, separation: np.ndarray, distance: np.ndarray) -> LossRoughness:
        return loss_roughness(separation, distance, self.loss, self.smooth, self.seed, *self.noise)

    def structure(
        self,
        separation: np.ndarray,
        distance: np.ndarray,
        fit_range: tuple[float, float] | None = None,
    ) -> StructureFunctions:
        variance, error = self.noise
        return structure_functions(
            separation, distance, self.loss, self.smooth, self.seed, variance, error, fit_range
        )


def _loss_differences(
    attempt: _Attempts,
    name: str,
    separation: np.ndarray,
    distance: np.ndarray,
    sources: Mapping[str, _LossSource],
) -> LossDifferences:
    curves = {
        source: attempt(f"{name}.{source}", partial(losses.roughness, separation, distance))
        for source, losses in sources.items()
    }

    def structure() -> StructureFunctions | None:
        if not sources:
            return None
        if "probe" in sources:
            return sources["probe"].structure(separation, distance)
        fit_range = _far_above_floor(curves["minibatch"])
        return sources["minibatch"].structure(separation, distance, fit_range)

    return LossDifferences(
        minibatch=curves.get("minibatch"),
        probe=curves.get("probe"),
        structure=attempt(f"{name}.structure", structure),
    )


def _far_above_floor(curve: LossRoughness | None) -> tuple[float, float] | None:
    """Separations beyond which the MSL is far above its floor, up to a quarter of the largest."""
    if curve is None:
        return None
    if np.ptp(curve.separation) == 0:
        raise InputError("structure functions: all pairs of positions are equally far apart")
    near = np.flatnonzero(curve.msl < ABOVE_FLOOR * curve.floor)
    first = near[-1] + 1 if near.size else 0
    largest = curve.separation[-1] / 4
    if first >= curve.separation.size or curve.separation[first] > largest:
        raise InputError(
            f"structure functions: the MSL of the minibatch losses is nowhere {ABOVE_FLOOR:g} "
            "times its noise floor; record a probe (recording.probe)"
        )
    return float(curve.separation[first]), float(largest)


def _path(gram: CheckedGram, contour: np.ndarray, step: np.ndarray, seed: int) -> Path:
    squares = squared_distances(gram)
    by_contour = msd_against_contour(contour, squares)
    return Path(
        contour_by_lag=contour_against_lag(contour, step),
        contour_by_displacement=contour_against_displacement(contour, squares),
        msd_by_contour=by_contour,
        dimension=path_dimension(by_contour),
        uncorrelated_msd=uncorrelated_msd(gram),
        pairs=sample_pairs(contour, squares, seed),
    )
