"""Walks made of a window's own steps that lack one thing: what a duller process would give.

* *Random signs*: every increment is turned round or not, ``G_ij -> G_ij s_i s_j``. Steps keep
  their sizes and their order and forget each other. Where steps are independent and symmetric
  about zero the walk is one of its own surrogates, whatever its dimensions and sizes.
* *Random order*: the increments permuted. A mean drift stays, every correlation goes, and so does
  every trend of their sizes.
* *Random signs of modes*: the same of the increments' cosine modes. The power of every frequency,
  and with it the autocorrelation of steps, stays; what ties different frequencies goes. A
  stationary Gaussian walk, whose modes hardly know each other, is one of its own surrogates.

Source: Lehmann and Romano 2005, Testing Statistical Hypotheses, section 15.2; for modes Theiler,
Eubank, Longtin, Galdrikian and Farmer, Physica D 58, 77 (1992), with the cosine transform in the
place of Fourier's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.fft import idctn

from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.distances import CheckedGram, as_gram
from sgdwalk.geometry.spectrum import cosine_modes

# One more number is outside of the range of 39 others with a probability of 2 / 40.
DRAWS = 39
ROUNDING = 1e-7  # relative: signs may change nothing, as in one dimension


def random_signs(gram: ArrayLike, seed: int) -> Iterator[CheckedGram]:
    """39 Gram matrices of the same increments, each turned round at random.

    Args:
        gram: (T-1, T-1) inner products of increments.
        seed: of the signs.

    Raises:
        InputError: if `gram` is no Gram matrix.
    """
    checked, rng = CheckedGram.of(gram), np.random.default_rng(seed)
    for _ in range(DRAWS):
        yield checked.turned(_signs(rng, len(checked)))


def random_orders(gram: ArrayLike, seed: int) -> Iterator[CheckedGram]:
    """39 Gram matrices of the same increments in random orders.

    Args:
        gram: (T-1, T-1) inner products of increments.
        seed: of the orders.

    Raises:
        InputError: if `gram` is no Gram matrix.
    """
    checked, rng = CheckedGram.of(gram), np.random.default_rng(seed)
    for _ in range(DRAWS):
        yield checked.in_order(rng.permutation(len(checked)))


def random_mode_signs(gram: ArrayLike, seed: int) -> Iterator[CheckedGram]:
    """39 Gram matrices of walks whose steps have the same autocorrelation.

    Args:
        gram: (T-1, T-1) inner products of increments.
        seed: of the signs.

    Raises:
        InputError: if `gram` is no Gram matrix.
    """
    checked, rng = CheckedGram.of(gram), np.random.default_rng(seed)
    modes = CheckedGram.known(cosine_modes(checked.values))
    for _ in range(DRAWS):
        turned = modes.turned(_signs(rng, len(checked))).values
        yield CheckedGram.known(idctn(turned, type=2, norm="ortho"))


def shuffled_msd(gram: ArrayLike) -> np.ndarray:
    """Return the mean squared displacement of the same increments in random order.

    It is the exact mean over all orders, `lag mean(G_ii) + lag (lag - 1) mean_{i != j}(G_ij)`: a
    mean drift stays, every correlation goes.

    Args:
        gram: (T-1, T-1) inner products of increments.

    Returns:
        (T-1,) mean squared displacements at lags 1 to T-1 records.

    Raises:
        InputError: if `gram` is no Gram matrix.
    """
    values = as_gram(gram)
    count = len(values)
    lag = np.arange(1, count + 1)
    trace = values.trace()
    pairs = max(count * (count - 1), 1)
    return lag * trace / count + lag * (lag - 1.0) * (values.sum() - trace) / pairs


def surrogate_interval(values: Sequence[float]) -> Estimate:
    """Median and range of a number over 39 surrogates: outside of it is one more with 5 %.

    Args:
        values: (39,) the number in each surrogate.

    Returns:
        The median and the interval from the smallest to the largest; undefined where any is `nan`.
    """
    found = np.asarray(values, dtype=float)
    if np.isnan(found).any():
        return Estimate.undefined()
    low, high = float(found.min()), float(found.max())
    return Estimate(float(np.median(found)), low - ROUNDING * abs(low), high + ROUNDING * abs(high))


def _signs(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.choice([-1.0, 1.0], count)
