"""The toy walker: ensembles of `x <- x - eta grad L(x) + sigma xi` on a terrain in the square."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.walker.terrain import Terrain

REDRAWS = 100  # of a proposal that leaves the square
_WALKERS_AT_ONCE = 64  # whose paths stay in the cache while all lags pass over them


@dataclass(frozen=True, eq=False)
class Walks:
    """Paths of an ensemble of walkers; loss and gradient belong to the position of the same index.

    T is one more than the steps. In memory time comes before walkers: a step of all walkers is
    contiguous, a path is not.
    """

    positions: Annotated[np.ndarray, "(W, T, 2) start and position after each step", "length"]
    losses: Annotated[np.ndarray, "(W, T) loss at each position", "loss"]
    gradients: Annotated[np.ndarray, "(W, T, 2) gradient at each position", "loss/length"]
    stuck: Annotated[
        np.ndarray, "(W,) steps at which a walker stayed, as no proposal was in the square", "step"
    ]

    def select(self, chosen: np.ndarray) -> Walks:
        """Walks of the walkers chosen by a mask `(W,)` or by indices.

        `walks.select(walks.stuck == 0)` leaves those that no wall ever held.
        """
        return Walks(
            self.positions[chosen],
            self.losses[chosen],
            self.gradients[chosen],
            self.stuck[chosen],
        )

    def rounded(self) -> Walks:
        """The same in single precision, as walks are kept."""
        single = np.float32
        return replace(
            self,
            positions=self.positions.astype(single),
            losses=self.losses.astype(single),
            gradients=self.gradients.astype(single),
        )


@dataclass(frozen=True, eq=False)
class EnsembleMSD:
    """Mean squared displacements of an ensemble.

    Attributes:
        lags: `(T-1,)`, steps.
        time_averaged: of each walker, averaged over starting times, `(W, T-1)`.
        ensemble_averaged: of the displacement from the first position, averaged over walkers,
            `(T-1,)`. Where the two differ beyond scatter the walk ages or is not ergodic.
    """

    lags: np.ndarray
    time_averaged: np.ndarray
    ensemble_averaged: np.ndarray


def simulate_walkers(
    terrain: Terrain,
    walkers: int = 200,
    steps: int = 1000,
    *,
    seed: int = 0,
    learning_rate: float = 0.02,
    noise: float = 0.01,
    start: np.ndarray | None = None,
) -> Walks:
    """Let an ensemble of walkers descend a terrain, with noise.

    Each step proposes `x - learning_rate * grad L(x) + noise * xi`, xi standard normal in both
    coordinates. A proposal outside the square is drawn again with new noise, up to 100 times; then
    the walker stays for this step, which is counted. Where the gradient presses towards a wall by
    more than about four times the noise, that is for good.

    Args:
        terrain: what to walk on.
        walkers: number of walkers W >= 1, moved at once.
        steps: number of steps >= 1.
        seed: of starting points and noise; equal arguments give equal walks.
        learning_rate: eta >= 0.
        noise: sigma >= 0.
        start: where to start, `(2,)` for all or `(W, 2)`; None spreads the walkers uniformly over
            the square. The original starts all at (-1, -1).

    Returns:
        Positions, losses, gradients and counts of stuck steps.

    Raises:
        InputError: a number out of range, a start of the wrong shape or outside the square.

    Source: Chen, Qu and Gong, Neural Networks 149 (2022), which takes the gradient by differences
    on a grid; here it is that of the interpolated terrain.
    """
    if walkers < 1 or steps < 1:
        raise InputError(f"walkers: {walkers}, steps: {steps}; at least 1 of each is needed")
    for name, value in (("learning_rate", learning_rate), ("noise", noise)):
        if not 0 <= value < np.inf:
            raise InputError(f"{name}: {value}; a number >= 0 is needed")
    # Not the stream that makes the terrain of the same seed.
    rng = np.random.default_rng((seed, 1))
    # Time leads and walkers trail, so that each step works on contiguous memory. Noise is drawn in
    # the place of the positions that it leads to.
    positions = np.empty((steps + 1, 2, walkers))
    losses = np.empty((steps + 1, walkers))
    gradients = np.empty((steps + 1, 2, walkers))
    stuck = np.zeros(walkers, dtype=int)
    positions[0] = _starting_points(start, walkers, rng).T
    rng.standard_normal(out=positions[1:])
    positions[1:] *= noise
    for step, (position, gradient) in enumerate(zip(positions, gradients, strict=True)):
        losses[step], gradient[0], gradient[1] = terrain.interpolate(*position)
        if step == steps:
            break
        drifted = position - learning_rate * gradient
        proposal = positions[step + 1]
        proposal += drifted
        if np.abs(proposal).max() > 1:
            out = np.flatnonzero((np.abs(proposal) > 1).any(axis=0))
            proposal[:, out], failed = _redraw(drifted[:, out], position[:, out], noise, rng)
            stuck[out] += failed
    walker_first = (2, 0, 1)
    return Walks(
        positions.transpose(walker_first), losses.T, gradients.transpose(walker_first), stuck
    )


def ensemble_msd(walks: Walks, first: int = 0, last: int | None = None) -> EnsembleMSD:
    """Time- and ensemble-averaged MSD of a stretch of the walks.

    The time average is that of `msd.mean_squared_displacement`, here straight from the
    positions: two coordinates need no Gram matrix, and hundreds of walkers take their turn faster.

    Args:
        walks: of T positions.
        first: index of the stretch's first position.
        last: index of its last position, at least two after `first`; None is the final one.

    Returns:
        MSD against lag, of each walker and of the ensemble.

    Raises:
        InputError: a stretch that is not in the walks.
    """
    final = walks.positions.shape[1] - 1
    last = final if last is None else last
    if not 0 <= first < last - 1 < final:
        raise InputError(f"stretch {first}-{last}: indices 0-{final}, two apart, are allowed")
    stretch = walks.positions[:, first : last + 1]
    walkers, points, _ = stretch.shape
    curves = np.empty((walkers, points - 1))
    for some in range(0, walkers, _WALKERS_AT_ONCE):
        chosen = slice(some, some + _WALKERS_AT_ONCE)
        path = np.ascontiguousarray(stretch[chosen].transpose(1, 2, 0))
        for lag in range(1, points):
            moved = path[lag:] - path[:-lag]
            moved *= moved
            curves[chosen, lag - 1] = moved.sum(axis=(0, 1)) / (points - lag)
    displacements = stretch[:, 1:] - stretch[:, :1]
    return EnsembleMSD(
        np.arange(1, points), curves, np.mean(np.sum(displacements**2, axis=2), axis=0)
    )


def _starting_points(
    start: np.ndarray | None, walkers: int, rng: np.random.Generator
) -> np.ndarray:
    if start is None:
        return rng.uniform(-1, 1, (walkers, 2))
    start = np.asarray(start, dtype=float)
    if start.shape not in ((2,), (walkers, 2)):
        raise InputError(f"start: shape {start.shape}; (2,) or ({walkers}, 2) is needed")
    if not (np.abs(start) <= 1).all():
        raise InputError("start: points of the square [-1, 1]^2 are needed")
    return np.broadcast_to(start, (walkers, 2))


def _redraw(
    drifted: np.ndarray, stay: np.ndarray, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Redraw proposals until they lie in the square, `(2, k)`, at most 100 times; say which failed.

    Without a loop, by the law of what the loop gives: the square makes the two coordinates of an
    accepted proposal independent truncated normals, and `(1 - p)^100` of the walkers fail, p being
    the probability that one proposal is inside. Walkers that a steep wall holds cost no more so.
    """
    walkers = drifted.shape[1]
    if noise == 0:
        return stay, np.ones(walkers, dtype=bool)
    from scipy.special import ndtr, ndtri

    # Mirrored to the positive side, where the lower tail, which is precise, reaches the square.
    side = np.where(drifted < 0, -1.0, 1.0)
    distance = side * drifted
    below, above = ndtr((-1 - distance) / noise), ndtr((1 - distance) / noise)
    failed = rng.random(walkers) < (1 - np.prod(above - below, axis=0)) ** REDRAWS
    found = ~failed
    low, high, side = below[:, found], above[:, found], side[:, found]
    quantile = low + rng.random(low.shape) * (high - low)
    result = stay.copy()
    result[:, found] = np.clip(side * (distance[:, found] + noise * ndtri(quantile)), -1, 1)
    return result, failed
