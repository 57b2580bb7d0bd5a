"""Walks whose expected MSD is known in closed form, drawn as Gram matrices of their increments.

Every walk takes n steps; its expected MSD is that of the time average over the window, over
realisations from the same start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.signal import lfilter

# Draws (n, D) increments.
Draw = Callable[[np.random.Generator, int], np.ndarray]
# Expected MSD (n,) at lags 1 .. n of a window of n steps.
Expected = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Walk:
    """A kind of walk.

    Attributes:
        name: of the kind.
        draw: increments of one realisation.
        expected: MSD over realisations.
        power_law: whether that is one power law.
    """

    name: str
    draw: Draw
    expected: Expected
    power_law: bool = False

    def gram(self, seed: int, steps: int) -> np.ndarray:
        """Inner products (n, n) of the increments of one realisation."""
        increments = self.draw(np.random.default_rng(seed), steps)
        return increments @ increments.T


def _lags(steps: int) -> np.ndarray:
    return np.arange(1, steps + 1, dtype=float)


def fractional_noise(
    rng: np.random.Generator, steps: int, dimension: int, hurst: float
) -> np.ndarray:
    """Increments (n, D) of fractional Brownian motion (Davies and Harte 1987)."""
    k = np.arange(steps)
    covariance = (abs(k + 1.0) ** (2 * hurst) + abs(k - 1.0) ** (2 * hurst)) / 2 - k ** (2 * hurst)
    values = np.fft.fft(np.concatenate([covariance, [0.0], covariance[:0:-1]])).real
    noise = rng.standard_normal((2, 2 * steps, dimension))
    spectrum = np.sqrt(np.maximum(values, 0) / (2 * steps))[:, None] * (noise[0] + 1j * noise[1])
    return np.fft.fft(spectrum, axis=0).real[:steps]


def brownian(dimension: int) -> Walk:
    """Independent steps."""
    return Walk(
        f"Brownian, D = {dimension}",
        lambda rng, n: rng.standard_normal((n, dimension)),
        lambda n: dimension * _lags(n),
        True,
    )


def fractional(hurst: float, dimension: int) -> Walk:
    """Fractional Brownian motion."""
    return Walk(
        f"fBm H = {hurst}, D = {dimension}",
        lambda rng, n: fractional_noise(rng, n, dimension, hurst),
        lambda n: dimension * _lags(n) ** (2 * hurst),
        True,
    )


def _autoregressive(
    rng: np.random.Generator, count: int, memory: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Stationary (count, D) of standard deviations `spread`."""
    noise = rng.standard_normal((count, len(spread))) * spread
    noise[1:] *= np.sqrt(1 - memory**2)
    return _filtered(noise, memory)


def _filtered(noise: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Each row of the result is `memory` times the one before, plus that of the noise."""
    if np.ptp(memory) == 0:
        return lfilter([1.0], [1.0, -memory[0]], noise, axis=0)
    for before, after in pairwise(noise):
        after += memory * before
    return noise


def relaxation(time: float, dimension: int) -> Walk:
    """Stationary motion in a bowl that forgets its place in `time` steps."""
    memory = np.full(dimension, np.exp(-1 / time))
    return Walk(
        f"relaxation in {time:g}, D = {dimension}",
        lambda rng, n: np.diff(_autoregressive(rng, n + 1, memory, np.ones(dimension)), axis=0),
        lambda n: 2 * dimension * (1 - memory[0] ** _lags(n)),
    )


def persistence(time: float, dimension: int) -> Walk:
    """Steps that keep their direction for `time` steps."""
    memory = np.full(dimension, np.exp(-1 / time))

    def expected(n: int) -> np.ndarray:
        lag, b = _lags(n), memory[0]
        return dimension * (lag * (1 + b) / (1 - b) - 2 * b * (1 - b**lag) / (1 - b) ** 2)

    return Walk(
        f"persistence {time:g}, D = {dimension}",
        lambda rng, n: _autoregressive(rng, n, memory, np.ones(dimension)),
        expected,
    )


def two_fractional(first: float, second: float, crossing: float, dimension: int) -> Walk:
    """Sum of two fractional Brownian motions, equal at the lag `crossing`."""
    share = crossing ** (first - second)

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        one = fractional_noise(rng, n, dimension, first)
        return one + share * fractional_noise(rng, n, dimension, second)

    return Walk(
        f"fBm {first} + {second} at {crossing:g}, D = {dimension}",
        draw,
        lambda n: dimension * (_lags(n) ** (2 * first) + share**2 * _lags(n) ** (2 * second)),
    )


def drift(size: float, dimension: int) -> Walk:
    """Independent steps and a steady drift of so many step sizes."""
    return Walk(
        f"drift {size:g}, D = {dimension}",
        lambda rng, n: (
            rng.standard_normal((n, dimension)) + size * np.eye(dimension)[0] * np.sqrt(dimension)
        ),
        lambda n: dimension * (_lags(n) + size**2 * _lags(n) ** 2),
    )


def quadratic(power: float, noise: str, start: float, rate: float = 0.3, modes: int = 300) -> Walk:
    """SGD on a quadratic of curvatures p^-power, with noise like them or alike in all modes.

    Args:
        power: of the spectrum.
        noise: `hessian` or `isotropic`.
        start: distance from the minimum in stationary standard deviations of each mode; 0 for a
            stationary walk.
        rate: learning rate times the largest curvature.
        modes: P.
    """
    curvature = np.arange(1.0, modes + 1) ** -power
    memory = 1 - rate * curvature
    variance = rate**2 * (curvature if noise == "hessian" else np.ones(modes)) / (1 - memory**2)
    spread = np.sqrt(variance)

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        if start == 0:
            return np.diff(_autoregressive(rng, n + 1, memory, spread), axis=0)
        kicks = rng.standard_normal((n + 1, modes)) * spread * np.sqrt(1 - memory**2)
        kicks[0] = start * spread
        return np.diff(_filtered(kicks, memory), axis=0)

    def expected(n: int) -> np.ndarray:
        lag = _lags(n)
        stationary = 2 * variance @ (1 - memory[:, None] ** lag)
        if start == 0:
            return stationary
        found = np.empty(n)
        square = memory[:, None] ** (2 * np.arange(n + 1))
        total = np.cumsum(square, axis=1)
        for i, a in enumerate(lag.astype(int)):
            m = memory**a
            mean = total[:, n - a] / (n - a + 1)
            back = (1 - m) ** 2
            found[i] = variance @ (back * (1 - mean) + (1 - m**2) + start**2 * back * mean)
        return found

    return Walk(
        f"quadratic p^-{power:g}, {noise}, start {start:g}",
        draw,
        expected,
    )


def shrinking(factor: float, dimension: int) -> Walk:
    """Independent steps whose size shrinks by a factor over the window."""

    def sizes(n: int) -> np.ndarray:
        return factor ** -np.linspace(0, 1, n)

    def expected(n: int) -> np.ndarray:
        total = np.concatenate([[0.0], np.cumsum(sizes(n) ** 2)])
        return dimension * np.array([(total[a:] - total[:-a]).mean() for a in range(1, n + 1)])

    return Walk(
        f"shrinking x {factor:g}, D = {dimension}",
        lambda rng, n: sizes(n)[:, None] * rng.standard_normal((n, dimension)),
        expected,
    )


def bursts(dimension: int, memory: float = 0.0, spread: float = 1.0) -> Walk:
    """Steps of log-normal common size: by themselves, or in bursts of a memory."""

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        log_size = _autoregressive(rng, n, np.array([memory]), np.array([spread]))
        return np.exp(log_size) * rng.standard_normal((n, dimension))

    kind = f"memory {memory:g}" if memory else "alone"
    return Walk(
        f"bursts {kind}, D = {dimension}",
        draw,
        lambda n: dimension * np.exp(2 * spread**2) * _lags(n),
    )


def students(dimension: int, freedom: float = 3.0) -> Walk:
    """Isotropic steps of Student's t distribution: now and then one is huge."""

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        size = np.sqrt(freedom / rng.chisquare(freedom, (n, 1)))
        return size * rng.standard_normal((n, dimension))

    return Walk(
        f"Student t{freedom:g}, D = {dimension}",
        draw,
        lambda n: dimension * freedom / (freedom - 2) * _lags(n),
    )


POWER_LAWS = [
    walk
    for dimension in (1, 2, 30, 1000)
    for walk in (brownian(dimension), fractional(0.3, dimension), fractional(0.7, dimension))
]
WALKS = [
    *POWER_LAWS,
    *(relaxation(time, 30) for time in (10, 50, 200)),
    *(relaxation(50, dimension) for dimension in (2, 1000)),
    *(persistence(time, 30) for time in (5, 20)),
    *(persistence(5, dimension) for dimension in (2, 1000)),
    two_fractional(0.7, 0.3, 20, 30),
    two_fractional(0.3, 0.7, 20, 30),
    two_fractional(0.3, 0.7, 20, 1000),
    *(drift(size, 30) for size in (0.1, 0.2, 0.5)),
    *(drift(size, 1000) for size in (0.1, 0.5)),
    drift(0.2, 2),
    *(
        quadratic(power, noise, start)
        for power in (1.0, 1.5, 2.0)
        for noise in ("hessian", "isotropic")
        for start in (0.0, 10.0)
    ),
    quadratic(1.0, "hessian", 3.0),
    quadratic(1.0, "hessian", 30.0),
    *(shrinking(3, dimension) for dimension in (2, 30, 1000)),
    bursts(30),
    bursts(30, 0.95, 0.7),
    students(30),
]
