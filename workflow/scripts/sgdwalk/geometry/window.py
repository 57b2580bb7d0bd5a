"""Everything that is said about the geometry of one window, from its Gram matrix and losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.anomalous_exponents import AnomalousExponents, anomalous_exponents
from sgdwalk.geometry.components import WalkModes, walk_modes
from sgdwalk.geometry.distances import contour_lengths, squared_distances
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
from sgdwalk.geometry.shuffled import shuffled
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
    """Variance of the minibatch loss at fixed weights, at each position of a window.

    Attributes:
        variance: (T,) variances.
        relative_error: standard error relative to them, common to all positions.
    """

    variance: np.ndarray
    relative_error: float


@dataclass(frozen=True)
class LossDifferences:
    """Loss differences against one separation, distance or contour length.

    Attributes:
        minibatch: from the training losses, noise floor subtracted.
        probe: from the losses of the fixed probe batch; None if there are none.
        quadratic: the smooth null, from a quadratic fitted to the probe or else minibatch losses.
        structure: structure functions of the probe losses, or else of the minibatch losses where
            they are far above the noise floor; None if they nowhere are.
    """

    minibatch: LossRoughness | None
    probe: LossRoughness | None
    quadratic: LossRoughness | None
    structure: StructureFunctions | None


@dataclass(frozen=True)
class Path:
    """Contour length against lag and displacement, and the path's fractal dimension.

    Attributes:
        contour_by_lag: mean contour length against lag in optimizer steps.
        contour_by_displacement: mean contour length against displacement.
        msd_by_contour: mean squared displacement against contour length.
        dimension: fractal dimension D of the path.
        shuffled_dimension: D of the same increments in random order.
        shuffled_contour: (T-1,) mean contour length of those, by lag.
        shuffled_msd: (T-1,) mean squared displacement of those, by lag.
        pairs: (n, 2) contour length and squared distance of pairs drawn at random.
    """

    contour_by_lag: PathCurve
    contour_by_displacement: PathCurve
    msd_by_contour: PathCurve
    dimension: Estimate
    shuffled_dimension: float
    shuffled_contour: np.ndarray
    shuffled_msd: np.ndarray
    pairs: np.ndarray


@dataclass(frozen=True)
class WindowGeometry:
    """Geometry of one window; what it is too short for is None and named in `missing`.

    Attributes:
        length: T, recorded positions.
        stride: optimizer steps between them.
        start: steps taken before the first.
        distance: loss differences against distance.
        contour: loss differences against contour length.
        path: contour length, displacement and lag.
        excursions: of random fragments, by their length.
        shuffled_excursions: the null, of the increments in random order.
        fragment: a typical one of the shortest fragments.
        avalanches: of loss increments.
        aftermath: loss along the contour after the longest avalanches.
        modes: principal components.
        velocity: `autocorrelation`, `reversals` and `cosine` of increments.
        exponents: Joseph, Noah and Moses.
        shuffled_exponents: the null, of the increments in random order.
        homology: persistent-homology dimension of the positions.
        shuffled_homology: the null, of the increments in random order.
        missing: why an analysis could not be made, by its name.
    """

    length: int
    stride: int
    start: int
    distance: LossDifferences
    contour: LossDifferences
    path: Path | None
    excursions: dict[str, Excursions]
    shuffled_excursions: dict[str, Excursions]
    fragment: Fragment | None
    avalanches: Avalanches | None
    aftermath: tuple[Aftermath, ...]
    modes: WalkModes | None
    velocity: dict[str, LagCurve]
    exponents: AnomalousExponents | None
    shuffled_exponents: AnomalousExponents | None
    homology: HomologyDimension | None
    shuffled_homology: HomologyDimension | None
    missing: dict[str, str]


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


def analyse_window(
    window: Window,
    noise: LossNoise | None = None,
    fragments: Sequence[int] = (50, 100),
    components: int = 10,
    seed: int = 0,
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
    gram, loss = window.gram, np.asarray(window.loss, dtype=float)
    squares, contour = squared_distances(gram), contour_lengths(gram)
    random_order = shuffled(gram, seed)
    modes = attempt("modes", lambda: walk_modes(gram, min(components, len(gram))))

    reference = loss if window.probe_loss is None else np.asarray(window.probe_loss, dtype=float)
    smooth = modes and attempt(
        "quadratic", lambda: quadratic_loss(modes.coordinates[:, :QUADRATIC_COMPONENTS], reference)
    )
    losses = {"minibatch": loss, "probe": window.probe_loss, "quadratic": smooth}
    landscapes = [
        _landscape(separation, losses, noise, lambda n, f, s=name: attempt(f"{s}.{n}", f))
        for name, separation in (("distance", np.sqrt(squares)), ("contour", contour))
    ]

    cut = {
        order: {
            str(n): attempt(
                f"{order}.{n}", lambda n=n, matrix=matrix: random_fragments(matrix, n, seed)
            )
            for n in fragments
        }
        for order, matrix in (("excursions", gram), ("shuffled_excursions", random_order))
    }
    found = {order: _present(items) for order, items in cut.items()}
    fragment = None
    if found["excursions"]:
        shortest = min(found["excursions"].values(), key=lambda e: e.length)
        fragment = attempt("fragment", lambda: typical_fragment(gram, shortest))

    avalanches = attempt("avalanches", lambda: find_avalanches(loss))
    return WindowGeometry(
        length=window.length,
        stride=window.stride,
        start=window.start,
        distance=landscapes[0],
        contour=landscapes[1],
        path=attempt("path", lambda: _path(gram, contour, squares, window.stride, seed)),
        excursions=found["excursions"],
        shuffled_excursions=found["shuffled_excursions"],
        fragment=fragment,
        avalanches=avalanches,
        aftermath=tuple(after_longest(avalanches, loss, contour)) if avalanches else (),
        modes=modes,
        velocity=_present(
            {
                name: attempt(f"velocity.{name}", lambda f=function: f(gram, window.stride))
                for name, function in (
                    ("autocorrelation", velocity_autocorrelation),
                    ("reversals", reversal_fraction),
                    ("cosine", turning_cosine),
                )
            }
        ),
        exponents=attempt("exponents", lambda: anomalous_exponents(gram)),
        shuffled_exponents=attempt("exponents", lambda: anomalous_exponents(random_order)),
        homology=attempt("homology", lambda: homology_dimension(squares, seed)),
        shuffled_homology=attempt(
            "homology", lambda: homology_dimension(squared_distances(random_order), seed)
        ),
        missing=attempt.missing,
    )


def _present(items: Mapping[str, T | None]) -> dict[str, T]:
    return {name: item for name, item in items.items() if item is not None}


def _landscape(
    separation: np.ndarray,
    losses: Mapping[str, np.ndarray | None],
    noise: LossNoise | None,
    attempt: Callable,
) -> LossDifferences:
    curves: dict[str, LossRoughness | None] = {}
    for name, loss in losses.items():
        floor = (noise.variance, noise.relative_error) if noise and name == "minibatch" else ()
        curves[name] = None
        if loss is not None:
            curves[name] = attempt(
                name,
                lambda loss=loss, floor=floor: mean_squared_loss_difference(
                    separation, loss, *floor
                ),
            )
    probe = losses["probe"] is not None
    source = losses["probe"] if probe else losses["minibatch"]
    return LossDifferences(
        **curves,
        structure=attempt(
            "structure",
            lambda: structure_functions(
                separation,
                source,
                fit_range=None if probe else _far_above_floor(curves["minibatch"]),
            ),
        ),
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


def _path(
    gram: np.ndarray, contour: np.ndarray, squares: np.ndarray, stride: int, seed: int
) -> Path:
    by_contour = msd_against_contour(contour, squares)
    return Path(
        contour_against_lag(contour, stride),
        contour_against_displacement(contour, squares),
        by_contour,
        path_dimension(by_contour),
        shuffled_dimension(gram),
        *shuffled_path(gram),
        sample_pairs(contour, squares, seed),
    )
