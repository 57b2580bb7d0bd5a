"""Fractal dimension of the path: how contour length grows with lag and with displacement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import jackknife_error
from sgdwalk.fits.pair_bins import BINS, BLOCKS, bin_pairs
from sgdwalk.fits.power_law import PowerLaw, fit_power_law
from sgdwalk.geometry.distances import CheckedGram
from sgdwalk.geometry.shuffled import shuffled_msd


@dataclass(frozen=True)
class PathCurve:
    """Mean of one measure of pairs of positions in `n` logarithmic bins of another.

    It is fitted over the given range or else over the bins whose pairs are three or more increments
    apart on average, up to an eighth of the largest abscissa.
    """

    abscissa: Annotated[np.ndarray, "(n,) mean abscissa", "parameter"]
    mean: Annotated[np.ndarray, "(n,) mean ordinate", "parameter"]
    error: Annotated[
        np.ndarray,
        "(n,) its standard error by block jackknife; nan in bins that do not outlive each block",
        "parameter",
    ]
    pairs: Annotated[np.ndarray, "(n,) pairs of positions in the bin"]
    fit: Annotated[PowerLaw, "power law of the mean"]


def msd_against_contour(
    contour: np.ndarray,
    squared_distance: np.ndarray,
    bins: int = BINS,
    blocks: int = BLOCKS,
    fit_range: tuple[float, float] | None = None,
) -> PathCurve:
    """Mean squared displacement against contour length; `path_dimension` reads D off its fit.

    Args:
        contour: (T, T) contour lengths, entries `i < j`.
        squared_distance: (T, T) squared distances.
        bins: number of bins over the whole range of contour lengths.
        blocks: number of blocks of time of the jackknife.
        fit_range: contour lengths between which the power law is fitted; by default as
            `PathCurve` says.

    Returns:
        The curve; its power law has exponent 2 / D.

    Raises:
        InputError: if the arrays are not both (T, T).

    Source: Chen, Qu and Gong, Neural Networks 149 (2022).
    """
    return _path_curve(contour, squared_distance, bins, blocks, fit_range)


def path_dimension(msd_by_contour: PathCurve) -> Estimate:
    """Return the fractal dimension D of the path, from `MSD ~ contour length ** (2 / D)`.

    One is a straight line, two a Brownian path; the null is the walk with its increments in
    random order, `shuffled_path`.

    Args:
        msd_by_contour: result of `msd_against_contour`.

    Returns:
        D with its 95 % interval; all `nan` if the MSD does not grow within its interval.
    """
    exponent = msd_by_contour.fit.exponent
    if not exponent.low > 0:
        return Estimate(np.nan, np.nan, np.nan)
    return exponent.map(lambda slope: 2 / slope)


def contour_against_displacement(
    contour: np.ndarray,
    squared_distance: np.ndarray,
    bins: int = BINS,
    blocks: int = BLOCKS,
    fit_range: tuple[float, float] | None = None,
) -> PathCurve:
    """Mean contour length against displacement.

    For a walk in few dimensions the mean at a small displacement is ruled by late returns, so
    that D is better read from `msd_against_contour`.

    Args:
        contour: (T, T) contour lengths, entries `i < j`.
        squared_distance: (T, T) squared distances.
        bins: number of bins over the whole range of displacements.
        blocks: number of blocks of time of the jackknife.
        fit_range: displacements between which the power law is fitted; by default as
            `PathCurve` says.

    Returns:
        The curve, with displacements (not squared) as abscissa.

    Raises:
        InputError: if the arrays are not both (T, T).
    """
    return _path_curve(np.sqrt(squared_distance), contour, bins, blocks, fit_range)


def contour_against_lag(
    contour: np.ndarray, stride: int = 1, bins: int = BINS, blocks: int = BLOCKS
) -> PathCurve:
    """Mean contour length against lag: exponent one unless increments age within the window.

    Args:
        contour: (T, T) contour lengths, entries `i < j`.
        stride: optimizer steps between recorded positions.
        bins: number of bins over the whole range of lags.
        blocks: number of blocks of time of the jackknife.

    Returns:
        The curve, with lags in optimizer steps as abscissa.

    Raises:
        InputError: if `contour` is not (T, T).
    """
    index = np.arange(len(contour)) * stride
    return _path_curve(index - index[:, None], contour, bins, blocks, None)


def shuffled_path(gram: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the null of the path dimension: the same increments in random order.

    Args:
        gram: (T-1, T-1) inner products of increments.

    Returns:
        (T-1,) mean contour lengths and (T-1,) mean squared displacements at lags 1 to T-1
        records, both exact means over all orders of the increments.

    Raises:
        InputError: if `gram` is no Gram matrix.
    """
    checked = CheckedGram.of(gram)
    lag = np.arange(1, len(checked) + 1)
    return lag * np.sqrt(checked.values.diagonal()).mean(), shuffled_msd(checked)


def shuffled_dimension(gram: ArrayLike) -> float:
    """Return the path dimension of the same increments in random order: the null of D.

    Fitted as D is, from three increments to an eighth of the longest contour; `nan` where that
    leaves fewer than three lags.

    Args:
        gram: (T-1, T-1) inner products of increments.

    Raises:
        InputError: if `gram` is no Gram matrix.
    """
    contour, msd = shuffled_path(gram)
    chosen = np.unique(np.geomspace(3, max(len(contour) / 8, 3), 20).round().astype(int)) - 1
    chosen = chosen[chosen < len(contour)]
    exponent = fit_power_law(contour[chosen], msd[chosen]).exponent.value
    return 2 / exponent if exponent > 0 else float("nan")


def sample_pairs(
    contour: np.ndarray, squared_distance: np.ndarray, seed: int, pairs: int = 1500
) -> np.ndarray:
    """Draw pairs of positions evenly in log contour length: the cloud behind a mean curve.

    Args:
        contour: (T, T) contour lengths, entries `i < j`.
        squared_distance: (T, T) squared distances.
        seed: of the draw.
        pairs: how many.

    Returns:
        (pairs, 2) contour length and squared distance.
    """
    rng = np.random.default_rng(seed)
    separation = np.exp(rng.uniform(0, np.log(len(contour) - 1), pairs)).astype(int)
    i = rng.integers(0, len(contour) - separation)
    return np.column_stack([contour[i, i + separation], squared_distance[i, i + separation]])


def _path_curve(
    abscissa: np.ndarray,
    ordinate: np.ndarray,
    bins: int,
    blocks: int,
    fit_range: tuple[float, float] | None,
) -> PathCurve:
    if np.ndim(abscissa) != 2 or np.shape(abscissa) != np.shape(ordinate):
        raise InputError(
            f"path: arrays of shapes {np.shape(abscissa)} and {np.shape(ordinate)}; "
            "must both be (T, T)"
        )
    binned = bin_pairs(abscissa, [lambda rows, columns: ordinate[rows, columns]], bins, blocks)
    mean, replicates, x = binned.means[0], binned.replicates[0], binned.abscissa
    if fit_range is None:
        # Pairs fewer than three increments apart know each step's length, not the path's shape;
        # beyond an eighth of the walk ten blocks of time no longer know the error.
        fitted = (binned.separation >= 3) & (x <= x[-1] / 8)
    else:
        fitted = (x >= fit_range[0]) & (x <= fit_range[1])
    fit = fit_power_law(x[fitted], mean[fitted], replicates[:, fitted])
    return PathCurve(x, mean, jackknife_error(replicates), binned.pairs, fit)
