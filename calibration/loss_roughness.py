"""How often the roughness of losses along a walk and the curvature of zeta(q) say what is true.

Smooth landscapes give the levels of "rough", rough ones its power and the coverage of H, all of
them, as monofractals, the level of "multifractal".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sgdwalk.fits.pair_bins import PairBinning
from sgdwalk.geometry.distances import contour_lengths, squared_distances
from sgdwalk.geometry.loss_roughness import LossRoughness, loss_roughness
from sgdwalk.geometry.loss_structure import structure_functions
from sgdwalk.geometry.smooth_losses import SmoothLandscape

LEVEL = 0.05
# Draws (T, D) positions, and the losses (T,) there.
Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class LossWalk:
    """A kind of walk on a kind of landscape.

    Attributes:
        name: of the kind.
        draw: positions and losses of one realisation.
        hurst: roughness exponent of the landscape where it is rough; None where it is smooth.
    """

    name: str
    draw: Draw
    hurst: float | None = None


def rough_landscape(
    rng: np.random.Generator, places: np.ndarray, hurst: float, waves: int = 1000
) -> np.ndarray:
    """Losses (T,) of an isotropic random field of `<dL^2> ~ r^(2 H)`, between 0.006 and 6000."""
    number = np.exp(rng.uniform(np.log(1e-3), np.log(1e3), waves))
    direction = rng.standard_normal((places.shape[1], waves))
    phase = places @ (direction / np.linalg.norm(direction, axis=0) * number)
    return np.cos(phase + rng.uniform(0, 2 * np.pi, waves)) @ (
        number**-hurst * rng.standard_normal(waves)
    )


def on_rough(walk: Draw, hurst: float) -> Draw:
    """A walk of unit mean squared step over a landscape that it knows nothing of."""

    def draw(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
        places, _ = walk(rng, length)
        places = places / np.sqrt((np.diff(places, axis=0) ** 2).sum(axis=1).mean())
        return places, rough_landscape(rng, places, hurst)

    return draw


def free(dimension: int, spread: float = 0.0) -> Draw:
    """Independent steps, of scales that spread so much, in a bowl of random curvatures.

    Its minimum is about as far away as the walk goes.
    """

    def draw(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
        scales = np.exp(spread * rng.standard_normal(dimension))
        places = (scales * rng.standard_normal((length, dimension))).cumsum(axis=0)
        curvature = rng.exponential(size=dimension)
        minimum = np.sqrt(length) * scales * rng.standard_normal(dimension)
        return places, (places - minimum) ** 2 @ curvature / 2

    return draw


def descent(
    dimension: int,
    power: float = 1.0,
    start: float = 0.0,
    noise: str = "hessian",
    rate: float = 0.3,
    momentum: float = 0.0,
) -> Draw:
    """SGD on a quadratic of curvatures p^-power, all modes from so many stationary spreads off."""
    curvature = np.arange(1.0, dimension + 1) ** -power
    size = np.sqrt(curvature if noise == "hessian" else np.ones(dimension))
    spread = rate * size / np.sqrt((1 - (1 - rate * curvature) ** 2) * (1 - momentum))

    def draw(rng: np.random.Generator, length: int) -> tuple[np.ndarray, np.ndarray]:
        place = spread * (
            start * rng.choice([-1, 1], dimension) if start else rng.normal(size=dimension)
        )
        velocity = np.zeros(dimension)
        before = 0 if start else 200
        places = np.empty((before + length, dimension))
        for step in range(before + length):
            places[step] = place
            kick = size * rng.standard_normal(dimension)
            velocity = momentum * velocity - rate * (curvature * place + kick)
            place = place + velocity
        return places[before:], places[before:] ** 2 @ curvature / 2

    return draw


SMOOTH = [
    *(LossWalk(f"free, D = {d}", free(d)) for d in (1, 2, 10, 300, 10_000)),
    LossWalk("free, D = 50, unequal scales", free(50, 1.0)),
    *(LossWalk(f"SGD at rest, D = {d}", descent(d)) for d in (1, 2, 10, 300, 10_000)),
    LossWalk("SGD at rest, D = 300, p^-2", descent(300, 2.0)),
    LossWalk("SGD from 3 spreads, D = 300, rate 0.01", descent(300, start=3.0, rate=0.01)),
    LossWalk("SGD from 10 spreads, D = 10", descent(10, start=10.0)),
    LossWalk("SGD from 10 spreads, D = 300", descent(300, start=10.0)),
    LossWalk("SGD from 10 spreads, D = 300, p^-2", descent(300, 2.0, 10.0)),
    LossWalk("momentum 0.9 at rest, D = 300", descent(300, rate=0.1, momentum=0.9)),
    LossWalk("momentum 0.9 from 10 spreads", descent(300, start=10.0, rate=0.1, momentum=0.9)),
    LossWalk("isotropic noise at rest, D = 10", descent(10, noise="isotropic")),
    LossWalk("isotropic noise at rest, D = 300", descent(300, noise="isotropic")),
    LossWalk("isotropic noise at rest, p^-2", descent(300, 2.0, noise="isotropic")),
    LossWalk("isotropic noise from 10 spreads", descent(300, start=10.0, noise="isotropic")),
]
ROUGH = [
    *(
        LossWalk(f"free, D = {d}, H = {h}", on_rough(free(d), h), h)
        for d in (2, 20, 1000)
        for h in (0.3, 0.5, 0.8)
    ),
    *(
        LossWalk(f"{name}, H = {h}", on_rough(descent(300, start=start), h), h)
        for name, start in (("SGD at rest", 0.0), ("SGD from 10 spreads", 10.0))
        for h in (0.3, 0.5, 0.8)
    ),
]


@dataclass(frozen=True)
class RoughnessLevels:
    """What is said of one kind, over realisations; pairs are against distance, contour length.

    Attributes:
        hurst: (2,) mean H.
        null: (2,) mean of the median H of smooth landscapes.
        below: (2,) share of H below the interval of the null.
        rough: (2,) share of p-values below 0.05.
        covered: (2,) share of the intervals of H that hold the slope of the expected MSL over the
            bins that were fitted; nan for a smooth landscape.
        jackknife: (2,) the same of the jackknife's intervals.
        half_width: (2,) median half-width of the intervals.
        undefined: (2,) share without an interval of H.
        multifractal: (2,) share of curvatures of zeta(q) with a p-value below 0.05.
    """

    hurst: np.ndarray
    null: np.ndarray
    below: np.ndarray
    rough: np.ndarray
    covered: np.ndarray
    jackknife: np.ndarray
    half_width: np.ndarray
    undefined: np.ndarray
    multifractal: np.ndarray


def roughness_levels(
    kind: LossWalk,
    length: int,
    noise: float,
    realisations: int,
    seed: int = 0,
    structure: bool = True,
) -> RoughnessLevels:
    """Measure one kind.

    Args:
        kind: of walk and landscape.
        length: T, positions.
        noise: standard deviation of minibatch noise over the rms loss difference of one step; its
            variance is known to 10 %. Without noise losses are those of a probe.
        realisations: how many.
        seed: of the first.
        structure: whether structure functions are measured too.
    """
    rows = [_realisation(kind, length, noise, seed + k, structure) for k in range(realisations)]
    columns = np.moveaxis(np.array(rows), 2, 0)
    return RoughnessLevels(*(np.array([_mean(x) for x in column.T]) for column in columns))


def _realisation(
    kind: LossWalk, length: int, noise: float, seed: int, structure: bool
) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    places, loss = kind.draw(rng, length)
    increments = np.diff(places, axis=0)
    gram = increments @ increments.T
    known: tuple[np.ndarray | None, float] = (None, 0.0)
    if noise:
        variance = noise**2 * np.mean(np.diff(loss) ** 2)
        loss = loss + np.sqrt(variance) * rng.standard_normal(length)
        known = np.full(length, variance * (1 + 0.1 * rng.standard_normal())), 0.1
    smooth = SmoothLandscape(gram, loss, *known)
    distance = np.sqrt(squared_distances(gram))
    rows = []
    for separation in (distance, contour_lengths(gram)):
        found = loss_roughness(separation, distance, loss, smooth, seed, *known)
        jackknife = found.fit.exponent.map(lambda exponent: exponent / 2)
        covered = [np.nan, np.nan]
        if kind.hurst is not None and found.hurst.defined:
            truth = _expected(separation, distance, kind.hurst, found)
            covered = [float(e.low <= truth <= e.high) for e in (found.hurst, jackknife)]
        p = (
            structure_functions(separation, distance, loss, smooth, seed, *known).p
            if structure
            else np.nan
        )
        rows.append(
            [
                found.hurst.value,
                found.null.value,
                _share(found.fit.exponent.value / 2 < found.null.low, found.null.defined),
                _share(found.p < LEVEL, np.isfinite(found.p)),
                *covered,
                (found.hurst.high - found.hurst.low) / 2,
                float(not found.hurst.defined),
                _share(p < LEVEL, np.isfinite(p)),
            ]
        )
    return rows


def _mean(values: np.ndarray) -> float:
    """Of what is defined."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan


def _share(said: bool, defined: bool) -> float:
    return float(said) if defined else np.nan


def _expected(
    separation: np.ndarray, distance: np.ndarray, hurst: float, found: LossRoughness
) -> float:
    """Half the least-squares slope of the walk's expected MSL over the bins that were fitted."""
    binning = PairBinning(separation)
    x, fit = binning.abscissa, found.fit
    used = (x >= fit.fit_low * (1 - 1e-9)) & (x <= fit.fit_high * (1 + 1e-9))
    means = binning.means(distance ** (2 * hurst))
    return float(np.polyfit(np.log(x[used]), np.log(means[used]), 1)[0] / 2)


def roughness_table(levels: dict[str, RoughnessLevels]) -> str:
    """Format levels by name as a markdown table; pairs are against distance, contour length."""
    head = (
        "| walk | H | null | below | rough | coverage | jackknife's | half-width | no interval "
        "| multifractal |\n|---|---|---|---|---|---|---|---|---|---|\n"
    )

    def cell(pair: np.ndarray) -> str:
        return " ".join("" if np.isnan(value) else f"{value:.2f}" for value in pair)

    lines = [
        f"| {name} | " + " | ".join(cell(pair) for pair in vars(found).values()) + " |"
        for name, found in levels.items()
    ]
    return head + "\n".join(lines) + "\n"


LENGTH = 250
NOISE = 0.7  # of minibatches, in rms loss differences of one step
CASES = [
    *((kind, 0.0) for kind in (*SMOOTH, *ROUGH)),
    *((kind, NOISE) for kind in ROUGH if kind.name.endswith("H = 0.5")),
]


def measured(part: int, realisations: int, seed: int) -> tuple[str, RoughnessLevels]:
    """Name and levels of one kind, from a quarter as many walks."""
    kind, noise = CASES[part]
    found = roughness_levels(kind, LENGTH, noise, max(realisations // 4, 2), seed)
    return f"{kind.name}, noise {noise:g}" if noise else kind.name, found


def table(found: list[tuple[str, RoughnessLevels]]) -> str:
    """The table of the manual."""
    return roughness_table(dict(found))
