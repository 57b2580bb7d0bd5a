"""Fractal dimension of the path: how contour length grows with lag and with displacement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import jackknife_error
from sgdwalk.fits.pair_bins import BINS, BLOCKS, PairBinning
from sgdwalk.fits.power_law import PowerLaw, fit_power_law
from sgdwalk.geometry.distances import CheckedGram, contour_lengths


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
    return _path_curve(
        _binning(contour, squared_distance, bins, blocks), squared_distance, fit_range
    )


def path_dimension(msd_by_contour: PathCurve) -> Estimate:
    """Return the fractal dimension D of the path, from `MSD ~ contour length ** (2 / D)`.

    One is a straight line, two a Brownian path with steps of one size; where sizes vary a Brownian
    path has another D, so that its nulls are surrogates of the walk itself, see `surrogates`.

    Args:
        msd_by_contour: result of `msd_against_contour`.

    Returns:
        D with its 95 % interval; all `nan` if the MSD does not grow within its interval.
    """
    exponent = msd_by_contour.fit.exponent
    if not exponent.low > 0:
        return Estimate.undefined()
    return exponent.map(lambda slope: 2 / slope)


def path_exponent(binning: PairBinning, squared_distance: np.ndarray) -> float:
    """Return the exponent 2 / D alone, of walks that have their contour lengths in common.

    Args:
        binning: pairs by contour length, as of `msd_against_contour`.
        squared_distance: (T, T) squared distances.

    Returns:
        The exponent; `nan` where contours are too short for a fit.
    """
    return _path_curve(binning, squared_distance).fit.exponent.value


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
    return _path_curve(
        _binning(np.sqrt(squared_distance), contour, bins, blocks), contour, fit_range
    )


def contour_against_lag(
    contour: np.ndarray, step: np.ndarray, bins: int = BINS, blocks: int = BLOCKS
) -> PathCurve:
    """Mean contour length against lag: exponent one unless increments age within the window.

    Args:
        contour: (T, T) contour lengths, entries `i < j`.
        step: (T,) optimizer steps taken before each position.
        bins: number of bins over the whole range of lags.
        blocks: number of blocks of time of the jackknife.

    Returns:
        The curve, with lags in optimizer steps as abscissa.

    Raises:
        InputError: if `contour` is not (T, T).
    """
    return _path_curve(_binning(step - step[:, None], contour, bins, blocks), contour)


def uncorrelated_msd(gram: ArrayLike) -> np.ndarray:
    """Return the MSD that the same increments have on average over random signs.

    Args:
        gram: (T-1, T-1) inner products of increments.

    Returns:
        (n,) exact means in the bins of `msd_against_contour`: sums of squared increments, the
        bins' contour lengths being those of any signs.

    Raises:
        InputError: if `gram` is no Gram matrix, or the walk does not move.
    """
    checked = CheckedGram.of(gram)
    reached = np.concatenate([[0.0], np.cumsum(checked.values.diagonal())])
    return PairBinning(contour_lengths(checked)).means(
        lambda rows, columns: reached[None, columns] - reached[rows, None]
    )


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


def _binning(
    abscissa: np.ndarray, ordinate: np.ndarray, bins: int = BINS, blocks: int = BLOCKS
) -> PairBinning:
    if np.ndim(abscissa) != 2 or np.shape(abscissa) != np.shape(ordinate):
        raise InputError(
            f"path: arrays of shapes {np.shape(abscissa)} and {np.shape(ordinate)}; "
            "must both be (T, T)"
        )
    return PairBinning(abscissa, bins, blocks)


def _path_curve(
    binning: PairBinning, ordinate: np.ndarray, fit_range: tuple[float, float] | None = None
) -> PathCurve:
    mean, replicates = binning.average(ordinate)
    x = binning.abscissa
    if fit_range is None:
        # Pairs fewer than three increments apart know each step's length, not the path's shape;
        # beyond an eighth of the walk ten blocks of time no longer know the error.
        fitted = (binning.separation >= 3) & (x <= x[-1] / 8)
    else:
        fitted = (x >= fit_range[0]) & (x <= fit_range[1])
    fit = fit_power_law(x[fitted], mean[fitted], replicates[:, fitted])
    return PathCurve(x, mean, jackknife_error(replicates), binning.pairs, fit)
