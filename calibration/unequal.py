"""Exponents of positions at unequal steps: how often their intervals and their null are right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from sgdwalk.diffusion.regimes import WIDEST
from sgdwalk.diffusion.unequal_lags import LagBins
from sgdwalk.diffusion.window import analyse_diffusion
from sgdwalk.fits.pieces import slope_weights

SPACINGS = {
    "powers of two to 2^17": np.array([0, *(2**i for i in range(18))]),
    "powers of two to 2^10": np.array([0, *(2**i for i in range(11))]),
    "1, 2, 4, .., 512, then every 1000": np.array(
        [0, *(2**i for i in range(10)), *range(1000, 143_001, 1000)]
    ),
    "100 of 20,000 steps at random": np.sort(
        np.random.default_rng(5).choice(20_000, 100, replace=False)
    ),
}
# Covariance of a coordinate at two times, both as parts of the whole time.
Covariance = Callable[[np.ndarray, np.ndarray], np.ndarray]
Path = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class TimedWalk:
    """A Gaussian walk in continuous time, about a path that all realisations share.

    Attributes:
        name: of the kind.
        covariance: of a coordinate of size one.
        sizes: (D,) variances of the coordinates.
        path: (T,) place along one further direction, in units of the walk's root mean square size.
        free: whether increments are independent, as the null of random signs has them.
    """

    name: str
    covariance: Covariance
    sizes: np.ndarray
    path: Path = np.zeros_like
    free: bool = False

    def gram(self, steps: np.ndarray, seed: int) -> np.ndarray:
        """Inner products (n, n) of the increments of one realisation."""
        mean, covariance = self._increments(steps)
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        drawn = np.random.default_rng(seed).standard_normal((len(mean), len(self.sizes)))
        moved = root @ drawn * np.sqrt(self.sizes)
        moved[:, 0] += mean
        return moved @ moved.T

    def squared_distances(self, steps: np.ndarray) -> np.ndarray:
        """Expected (T, T)."""
        mean, covariance = self._increments(steps)
        gram = self.sizes.sum() * covariance + np.outer(mean, mean)
        products = np.zeros((len(steps), len(steps)))
        products[1:, 1:] = gram.cumsum(axis=0).cumsum(axis=1)
        own = products.diagonal()
        return own + own[:, None] - 2 * products

    def _increments(self, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        time = (steps - steps[0]) / (steps[-1] - steps[0])
        places = self.covariance(time[:, None], time)
        covariance = np.diff(np.diff(places, axis=0), axis=1)
        return np.diff(self.path(time)) * np.sqrt(self.sizes.sum()), covariance


def _brownian(t: np.ndarray, u: np.ndarray) -> np.ndarray:
    return np.minimum(t, u)


def _shrinking(t: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Variances of steps fall tenfold."""
    return 1 - 10 ** -np.minimum(t, u)


def _fractional(hurst: float) -> Covariance:
    h = 2 * hurst
    return lambda t, u: (t**h + u**h - abs(t - u) ** h) / 2


def _at_rest(time: float) -> Covariance:
    return lambda t, u: np.exp(-abs(t - u) / time)


def _from_a_point(time: float) -> Covariance:
    return lambda t, u: np.exp(-abs(t - u) / time) - np.exp(-(t + u) / time)


def _persistent(time: float) -> Covariance:
    def covariance(t: np.ndarray, u: np.ndarray) -> np.ndarray:
        s, v, apart = t / time, u / time, abs(t - u) / time
        return 2 * np.minimum(s, v) - 1 + np.exp(-s) + np.exp(-v) - np.exp(-apart)

    return covariance


def _walks() -> Iterator[TimedWalk]:
    for dimension in (1, 3, 30, 1000):
        yield TimedWalk(f"Brownian, D = {dimension}", _brownian, np.ones(dimension), free=True)
    power = 1 / np.arange(1.0, 101)
    yield TimedWalk("Brownian, 100 unequal directions", _brownian, power, free=True)
    yield TimedWalk("Brownian, shrinking, D = 30", _shrinking, np.ones(30), free=True)
    for hurst in (0.3, 0.7):
        yield TimedWalk(f"fBm H = {hurst}, D = 30", _fractional(hurst), np.ones(30))
    for dimension in (3, 1000):
        sizes = np.ones(dimension)
        for strength in (0.5, 3.0):
            name = f"drift of {strength:g} spreads, D = {dimension}"
            yield TimedWalk(name, _brownian, sizes, lambda t, v=strength: v * t)
        for time in (0.003, 0.1):
            yield TimedWalk(
                f"at rest, relaxing in {time:g}, D = {dimension}", _at_rest(time), sizes
            )
        for time, far in ((0.05, 3.0), (0.3, 10.0)):
            name = f"from {far:g} spreads, relaxing in {time:g}, D = {dimension}"
            path: Path = lambda t, a=time, b=far: b * np.exp(-t / a)  # noqa: E731
            yield TimedWalk(name, _from_a_point(time), sizes, path)
    yield TimedWalk("persistent over 0.02, D = 30", _persistent(0.02), np.ones(30))


WALKS = tuple(_walks())


@dataclass(frozen=True)
class Line:
    """What is said of one walk at one spacing.

    Attributes:
        share: (2,) share of intervals of the first and the last exponent that hold the slope of
            the expected curve.
        half_width: (2,) median.
        over_spread: (2,) the same over 1.96 standard deviations of exponent less slope.
        split: share of realisations of more than one regime.
        emptied: share of exponents whose interval is wider than 1.
        inside: share of realisations within the null's band.
    """

    share: np.ndarray
    half_width: np.ndarray
    over_spread: np.ndarray
    split: float
    emptied: float
    inside: float


def measure(walk: TimedWalk, steps: np.ndarray, realisations: int, seed: int) -> Line:
    """Coverage over realisations of a walk, at some steps."""
    bins = LagBins(steps)
    log_lags, log_msd = np.log(bins.lags), np.log(bins.mean(walk.squared_distances(steps)))
    rows, split, inside = [], [], []
    for k in range(realisations):
        found = analyse_diffusion(walk.gram(steps, seed + k), steps=steps, signs=40, seed=k)
        row = []
        for segment in (found.regimes[0], found.regimes[-1]):
            part = (bins.lags >= segment.first_lag) & (bins.lags <= segment.last_lag)
            part &= np.isin(bins.lags, found.fit_lags)
            truth = slope_weights(log_lags[part]) @ log_msd[part]
            exponent = segment.exponent
            held = exponent.low <= truth <= exponent.high
            row.append((held, exponent.value - truth, (exponent.high - exponent.low) / 2))
        rows.append(row)
        split.append(len(found.regimes) > 1)
        inside.append(found.signs.inside)
    held, off, half = np.moveaxis(np.array(rows, dtype=float), 2, 0)
    width = np.median(half, axis=0)
    return Line(
        held.mean(axis=0),
        width,
        width / (1.96 * off.std(axis=0, ddof=1)),
        float(np.mean(split)),
        float(np.mean(2 * half > WIDEST)),
        float(np.mean(inside)),
    )


def unequal_page(realisations: int, seed: int, pool: Executor) -> str:
    """The page docs/calibration_unequal.md."""
    cells = [(walk, spacing) for spacing in SPACINGS for walk in range(len(WALKS))]
    lines = list(pool.map(_line, *zip(*[(*c, realisations, seed) for c in cells], strict=True)))
    shares = np.array([line.share for line in lines])
    free = [i for i, (walk, _) in enumerate(cells) if WALKS[walk].free]
    text = _HEAD.format(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        realisations=realisations,
        seed=seed,
        mean=shares.mean(),
        smallest=shares.min(),
        below=np.count_nonzero(shares < 0.9),
        cells=shares.size,
        inside=np.mean([lines[i].inside for i in free]),
    )
    for spacing, steps in SPACINGS.items():
        text += f"\n## Steps: {spacing}\n\n{len(steps)} positions. {_COLUMNS}"
        for (walk, at), line in zip(cells, lines, strict=True):
            if at == spacing:
                text += _row(WALKS[walk], line)
    return text


def _line(walk: int, spacing: str, realisations: int, seed: int) -> Line:
    return measure(WALKS[walk], SPACINGS[spacing], realisations, seed)


def _row(walk: TimedWalk, line: Line) -> str:
    cells = [
        walk.name,
        " ".join(f"{x:.2f}" for x in line.share),
        " ".join(f"{x:.3f}" for x in line.half_width),
        " ".join(f"{x:.1f}" for x in line.over_spread),
        f"{line.split:.2f}",
        f"{line.emptied:.2f}",
        f"{line.inside:.2f}" if walk.free else "",
    ]
    return f"| {' | '.join(cells)} |\n"


_COLUMNS = """Times of relaxation and persistence are parts of the whole time.

| walk | coverage: first, last | half-width | over 1.96 spreads | split | left empty | inside null |
|---|---|---|---|---|---|---|
"""
_HEAD = """# Calibration at unequal steps

Written by `make calibrate` on {date}: {realisations} realisations of each line, seeds from {seed}.
How it is done is in [diffusion.md](diffusion.md#unequal-steps); columns are those of
[calibration.md](calibration.md). *Inside null*: share of walks whose steps know nothing of each
other that stay within the band of random signs, which 95 % should.

Coverage over all {cells} cells: mean {mean:.3f}, smallest {smallest:.2f}, below 0.90 in {below};
inside the null {inside:.3f}.
"""
