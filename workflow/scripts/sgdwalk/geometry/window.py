"""Everything that is said about the geometry of one window, from its Gram matrix and losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, TypeVar

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
from sgdwalk.geometry.loss_roughness import (
    LossRoughness,
    mean_squared_loss_difference,
    quadratic_loss,
)
from sgdwalk.geometry.loss_structure import StructureFunctions, structure_functions
from sgdwalk.geometry.path_dimension import (
    PathCurve,
    contour_against_displacement,
    contour_against_lag,
    msd_against_contour,
    path_dimension,
    sample_pairs,
    shuffled_dimension,
    shuffled_path,
)
from sgdwalk.geometry.shuffled import shuffled_order
from sgdwalk.geometry.velocity import (
    LagCurve,
    reversal_fraction,
    turning_cosine,
    velocity_autocorrelation,
)
from sgdwalk.recording.trajectory import Window

T = TypeVar("T")
QUADRATIC_COMPONENTS = 5  # 21 terms: many directions fit noise
ABOVE_FLOOR = 10.0  # times the noise floor, from where minibatch noise no longer shows in zeta(q)


@dataclass(frozen=True)
class LossNoise:
    """Variance of the minibatch loss at fixed weights, at each position of a window."""

    variance: Annotated[np.ndarray, "(T,) variances", "loss^2"]
    relative_error: Annotated[float, "standard error relative to them, common to all positions"]


@dataclass(frozen=True)
class LossDifferences:
    """Loss differences against one separation, distance or contour length.

    Probe losses are not there unless they were recorded. The smooth null is of a quadratic fitted
    to the probe or else the minibatch losses; structure functions are of the probe losses, or else
    of the minibatch losses where they are far above the noise floor.
    """

    minibatch: Annotated[LossRoughness | None, "of the training losses, noise floor subtracted"]
    probe: Annotated[LossRoughness | None, "of the losses of the fixed probe batch"]
    quadratic: Annotated[LossRoughness | None, "the smooth null"]
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
    shuffled_dimension: Annotated[float, "D of the same increments in random order"]
    shuffled_contour: Annotated[
        np.ndarray, "(T-1,) mean contour length of those, by lag", "parameter"
    ]
    shuffled_msd: Annotated[
        np.ndarray, "(T-1,) mean squared displacement of those, by lag", "parameter^2"
    ]
    pairs: Annotated[
        np.ndarray,
        "(n, 2) contour length and squared distance of random pairs",
        "parameter; parameter^2",
    ]


@dataclass(frozen=True)
class WindowGeometry:
    """Geometry of one window of T positions; nulls are of its increments in random order."""

    length: Annotated[int, "T, recorded positions"]
    stride: Annotated[int, "optimizer steps between recorded positions", "step"]
    start: Annotated[int, "optimizer steps taken before the first position", "step"]
    distance: Annotated[LossDifferences, "loss differences against distance"]
    contour: Annotated[LossDifferences, "loss differences against contour length"]
    path: Annotated[Path | None, "contour length, displacement and lag"]
    excursions: Annotated[dict[str, Excursions], "of random fragments, by their length"]
    shuffled_excursions: Annotated[dict[str, Excursions], "null of excursions"]
    fragment: Annotated[Fragment | None, "a typical one of the shortest fragments"]
    avalanches: Annotated[Avalanches | None, "of loss increments"]
    aftermath: Annotated[
        tuple[Aftermath, ...], "loss along the contour after the longest avalanches"
    ]
    modes: Annotated[WalkModes | None, "principal components"]
    velocity: Annotated[dict[str, LagCurve], "autocorrelation, reversals and cosine of increments"]
    exponents: Annotated[AnomalousExponents | None, "Joseph, Noah and Moses"]
    shuffled_exponents: Annotated[AnomalousExponents | None, "null of exponents"]
    homology: Annotated[HomologyDimension | None, "persistent-homology dimension of the positions"]
    shuffled_homology: Annotated[HomologyDimension | None, "null of homology"]
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
        seed: of random fragments, subsamples and orders.

    Raises:
        InputError: if the Gram matrix is none, or losses are not finite.
    """
    attempt = _Attempts()
    gram, loss = CheckedGram(window.gram), np.asarray(window.loss, dtype=float)
    squares, contour = squared_distances(gram), contour_lengths(gram)
    shuffled = gram.in_order(shuffled_order(len(gram), seed))
    modes = attempt("modes", partial(walk_modes, gram, min(components, len(gram))))

    probe = None if window.probe_loss is None else np.asarray(window.probe_loss, dtype=float)
    smooth = None
    if modes is not None:
        coordinates = modes.coordinates[:, :QUADRATIC_COMPONENTS]
        reference = loss if probe is None else probe
        smooth = attempt("quadratic", partial(quadratic_loss, coordinates, reference))
    differences = {
        name: _loss_differences(attempt, name, separation, loss, probe, smooth, noise)
        for name, separation in (("distance", np.sqrt(squares)), ("contour", contour))
    }

    excursions, shuffled_excursions = (
        attempt.each(name, {str(n): partial(random_fragments, walk, n, seed) for n in fragments})
        for name, walk in (("excursions", gram), ("shuffled_excursions", shuffled))
    )
    fragment = None
    if excursions:
        shortest = min(excursions.values(), key=lambda e: e.length)
        fragment = attempt("fragment", partial(typical_fragment, gram, shortest))

    avalanches = attempt("avalanches", partial(find_avalanches, loss))
    curves = {
        "autocorrelation": velocity_autocorrelation,
        "reversals": reversal_fraction,
        "cosine": turning_cosine,
    }
    return WindowGeometry(
        length=window.length,
        stride=window.stride,
        start=window.start,
        distance=differences["distance"],
        contour=differences["contour"],
        path=attempt("path", partial(_path, gram, contour, window.stride, seed)),
        excursions=excursions,
        shuffled_excursions=shuffled_excursions,
        fragment=fragment,
        avalanches=avalanches,
        aftermath=tuple(after_longest(avalanches, loss, contour)) if avalanches else (),
        modes=modes,
        velocity=attempt.each(
            "velocity",
            {name: partial(function, gram, window.stride) for name, function in curves.items()},
        ),
        exponents=attempt("exponents", partial(anomalous_exponents, gram)),
        shuffled_exponents=attempt("shuffled_exponents", partial(anomalous_exponents, shuffled)),
        homology=attempt("homology", partial(homology_dimension, squares, seed)),
        shuffled_homology=attempt(
            "shuffled_homology", lambda: homology_dimension(squared_distances(shuffled), seed)
        ),
        missing=attempt.missing,
    )


def _loss_differences(
    attempt: _Attempts,
    name: str,
    separation: np.ndarray,
    loss: np.ndarray,
    probe: np.ndarray | None,
    smooth: np.ndarray | None,
    noise: LossNoise | None,
) -> LossDifferences:
    def curve(source: str, loss: np.ndarray, *floor: Any) -> LossRoughness | None:
        analysis = partial(mean_squared_loss_difference, separation, loss, *floor)
        return attempt(f"{name}.{source}", analysis)

    def quadratic() -> LossRoughness:
        if smooth is None:
            raise InputError("no quadratic could be fitted to the losses along the components")
        return mean_squared_loss_difference(separation, smooth)

    def structure() -> StructureFunctions:
        if probe is not None:
            return structure_functions(separation, probe)
        return structure_functions(separation, loss, fit_range=_far_above_floor(minibatch))

    floor = (noise.variance, noise.relative_error) if noise else ()
    minibatch = curve("minibatch", loss, *floor)
    return LossDifferences(
        minibatch=minibatch,
        probe=None if probe is None else curve("probe", probe),
        quadratic=attempt(f"{name}.quadratic", quadratic),
        structure=attempt(f"{name}.structure", structure),
    )


def _far_above_floor(curve: LossRoughness | None) -> tuple[float, float] | None:
    """Separations beyond which the MSL is far above its floor, up to a quarter of the largest."""
    if curve is None:
        return None
    near = np.flatnonzero(curve.msl < ABOVE_FLOOR * curve.floor)
    first = near[-1] + 1 if near.size else 0
    largest = curve.separation[-1] / 4
    if first >= curve.separation.size or curve.separation[first] > largest:
        raise InputError(
            f"structure functions: the MSL of the minibatch losses is nowhere {ABOVE_FLOOR:g} "
            "times its noise floor; record a probe (recording.probe)"
        )
    return float(curve.separation[first]), float(largest)


def _path(gram: CheckedGram, contour: np.ndarray, stride: int, seed: int) -> Path:
    squares = squared_distances(gram)
    by_contour = msd_against_contour(contour, squares)
    shuffled_contour, shuffled_msd = shuffled_path(gram)
    return Path(
        contour_by_lag=contour_against_lag(contour, stride),
        contour_by_displacement=contour_against_displacement(contour, squares),
        msd_by_contour=by_contour,
        dimension=path_dimension(by_contour),
        shuffled_dimension=shuffled_dimension(gram),
        shuffled_contour=shuffled_contour,
        shuffled_msd=shuffled_msd,
        pairs=sample_pairs(contour, squares, seed),
    )
