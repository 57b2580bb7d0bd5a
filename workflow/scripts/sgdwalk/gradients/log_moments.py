"""Estimates of a tail index without a likelihood: log-moments of block sums."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt, log

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.gradients.stable_law import sample_stable


@dataclass(frozen=True)
class LogMomentIndex:
    """Tail index of a strictly stable law from how block sums outgrow their terms.

    Attributes:
        mean_alpha: from means of log-norms (Corollary 2.4).
        median_alpha: from medians of log-norms (Corollary 2.2, at the middle order statistic).
        block: number of terms in a sum.
        blocks: number of sums; values beyond block x blocks are left out.

    Nothing keeps the estimates within (0, 2], and sums no larger than their terms give inf or a
    negative value. `log_moment_bias` says how far off they are on average.
    """

    mean_alpha: float
    median_alpha: float
    block: int
    blocks: int


def _block_size(size: int, block: int | None) -> int:
    """The block size, about sqrt(size) unless given, checked."""
    block = isqrt(max(size, 0)) if block is None else block
    if block < 2 or size // block < 2:
        raise InputError(
            f"log-moment tail index: block = {block} for {size} samples; at least two"
            " blocks of at least two samples each are needed"
        )
    return block


def _compare(norms: np.ndarray, sum_norms: np.ndarray, block: int) -> LogMomentIndex:
    for what, values in (("sample", norms), ("block sum", sum_norms)):
        bad = np.count_nonzero(~(np.isfinite(values) & (values > 0)))
        if bad:
            raise InputError(
                f"log-moment tail index: {bad} of {len(values)} {what} norms are zero or not"
                " finite; positive norms are needed"
            )
    single, summed = np.log(norms), np.log(sum_norms)
    with np.errstate(divide="ignore"):
        mean_alpha = log(block) / np.float64(summed.mean() - single.mean())
        median_alpha = log(block) / np.float64(np.median(summed) - np.median(single))
    return LogMomentIndex(float(mean_alpha), float(median_alpha), block, len(sum_norms))


def log_moment_index(samples: np.ndarray, block: int | None = None) -> LogMomentIndex:
    """Both log-moment estimates of the tail index.

    For independent, strictly stable vectors X_i (location 0) the sum of m of them is distributed
    as m^(1/alpha) X. So 1/alpha is the difference of the mean, or of a quantile, of log|Y| over
    block sums Y and of log|X|, over log m.

    Arguments:
        samples: `(n,)` numbers or `(n, d)` vectors, in any units; their order
            decides which are summed.
        block: samples per sum, m; sqrt(n) rounded down if not given.

    Returns:
        A `LogMomentIndex`.

    Raises:
        InputError: too few samples for two blocks of two, or zero or non-finite norms.

    Source: Mohammadi, Mohammadpour and Ogata 2015, Metrika 78, 549, Corollaries 2.4 and 2.2.
    """
    samples = np.asarray(samples, dtype=float)
    vectors = samples.reshape(len(samples), -1)
    block = _block_size(len(vectors), block)
    used = vectors[: len(vectors) // block * block]
    sums = used.reshape(-1, block, used.shape[1]).sum(axis=1)
    return _compare(np.linalg.norm(used, axis=1), np.linalg.norm(sums, axis=1), block)


def gram_log_moment_index(gram: np.ndarray, block: int | None = None) -> LogMomentIndex:
    """`log_moment_index` of vectors known by their inner products only.

    Arguments:
        gram: `(n, n)` inner products of the vectors, e.g. of minibatch gradients minus their mean.
        block: vectors per sum; sqrt(n) rounded down if not given.

    Returns:
        A `LogMomentIndex`.

    Raises:
        InputError: the matrix is not square, or as `log_moment_index`.
    """
    gram = np.asarray(gram, dtype=float)
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1]:
        raise InputError(f"log-moment tail index: a square Gram matrix is needed, not {gram.shape}")
    block = _block_size(len(gram), block)
    blocks = len(gram) // block
    used = gram[: blocks * block, : blocks * block]
    cells = used.reshape(blocks, block, blocks, block)
    squared_sums = np.einsum("iaib->i", cells)
    return _compare(
        np.sqrt(np.maximum(np.diag(used), 0)), np.sqrt(np.maximum(squared_sums, 0)), block
    )


@dataclass(frozen=True)
class LogMomentBias:
    """What the log-moment estimators give for samples of known tail index.

    Attributes:
        alpha: the true tail index.
        mean_bias, median_bias: average estimate minus alpha, of each estimator.
        mean_spread, median_spread: standard deviation of one estimate.
        repeats: number of samples drawn; the biases are known to spread/sqrt(repeats).
    """

    alpha: float
    mean_bias: float
    median_bias: float
    mean_spread: float
    median_spread: float
    repeats: int


def log_moment_bias(
    alpha: float,
    size: int,
    seed: int,
    dimension: int = 1,
    block: int | None = None,
    centred: bool = False,
    repeats: int = 100,
) -> LogMomentBias:
    """Bias and spread of both log-moment estimators, by simulation.

    Arguments:
        alpha: true tail index, in (0, 2].
        size: samples in each estimate.
        seed: of the random numbers.
        dimension: components of a sample, independent and symmetric alpha-stable.
        block: as in `log_moment_index`.
        centred: subtract the mean of the samples first, as must be done with gradients.
        repeats: estimates to average.

    Returns:
        A `LogMomentBias`.

    Raises:
        InputError: a parameter is outside its range.
    """
    generator = np.random.default_rng(seed)
    estimates = np.empty((repeats, 2))
    for row in estimates:
        samples = sample_stable(alpha, 0.0, (size, dimension), generator)
        if centred:
            samples -= samples.mean(axis=0)
        index = log_moment_index(samples, block)
        row[:] = index.mean_alpha, index.median_alpha
    bias, spread = estimates.mean(axis=0) - alpha, estimates.std(axis=0, ddof=1)
    return LogMomentBias(
        alpha=alpha,
        mean_bias=float(bias[0]),
        median_bias=float(bias[1]),
        mean_spread=float(spread[0]),
        median_spread=float(spread[1]),
        repeats=repeats,
    )
