"""Diffusion of an ensemble of walkers, stage by stage, through the regimes that serve networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from sgdwalk.diffusion.regimes import (
    EXPONENTS,
    Regimes,
    Segment,
    fit_regimes,
    lags_to_fit,
    reported,
)
from sgdwalk.diffusion.scatter import ensemble_scatter
from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.walker.walk import EnsembleMSD, Walks, ensemble_msd

FEWEST_WALKERS = 5
FEWEST_STEPS = 8


@dataclass(frozen=True, eq=False)
class StageDiffusion:
    """Diffusion of W walkers in one stage of their walks, n lags, m of them fitted."""

    first: Annotated[int, "index of the stage's first position", "step"]
    last: Annotated[int, "index of its last position", "step"]
    walkers: Annotated[int, "walkers in the ensemble"]
    lags: Annotated[np.ndarray, "(n,) lags of msd", "step"]
    msd: Annotated[np.ndarray, "(n,) time-averaged MSD, mean over walkers", "length^2"]
    msd_error: Annotated[np.ndarray, "(n,) its standard error over walkers", "length^2"]
    ensemble_averaged: Annotated[
        np.ndarray,
        "(n,) squared displacement from the stage's first position, mean over walkers",
        "length^2",
    ]
    first_walker: Annotated[np.ndarray, "(n,) time-averaged MSD of walker 0", "length^2"]
    fit_lags: Annotated[np.ndarray, "(m,) lags that were fitted", "step"]
    fitted: Annotated[np.ndarray, "(m,) fitted msd", "length^2"]
    regimes: Annotated[tuple[Segment, ...], "regimes in order of lag", "1; step"]
    exponent_short: Annotated[Estimate, "exponent of the first regime"]
    exponent_max: Annotated[Estimate, "largest exponent of all regimes"]
    exponent_long: Annotated[Estimate, "exponent of the last regime"]
    crossover_lag: Annotated[Estimate, "lag at which the last of several regimes begins", "step"]
    missing: Annotated[
        dict[str, str], "why msd_error, an exponent or the crossover is not defined"
    ] = field(default_factory=dict)


def stage_diffusion(walks: Walks, first: int, last: int) -> StageDiffusion:
    """Diffusion of an ensemble between two steps.

    Args:
        walks: of the ensemble.
        first: index of the stage's first position.
        last: index of its last position.

    Returns:
        MSD with errors, and regimes. There are none where fewer than five walkers moved, or in a
        stage of fewer than eight steps; `missing` says so.

    Raises:
        InputError: a stage that is not in the walks, or no walkers.
    """
    if len(walks.stuck) == 0:
        raise InputError(f"stage {first}-{last}: there are no walkers in the ensemble")
    curves = ensemble_msd(walks, first, last)
    each, count = curves.time_averaged, len(curves.time_averaged)
    mean = each.mean(axis=0)
    missing = {}
    if count > 1:
        error = each.std(axis=0, ddof=1) / np.sqrt(count)
    else:
        error = np.full(len(mean), np.nan)
        missing["msd_error"] = "one walker has no scatter"
    why = _unfit(each)
    if why:
        fit, found = None, {name: Estimate.undefined() for name in EXPONENTS}
        missing |= dict.fromkeys(EXPONENTS, why)
    else:
        fit = fit_ensemble(curves)
        found, unsaid = reported(fit)
        missing |= unsaid
    return StageDiffusion(
        first=first,
        last=last,
        walkers=count,
        lags=curves.lags,
        msd=mean,
        msd_error=error,
        ensemble_averaged=curves.ensemble_averaged,
        first_walker=each[0],
        fit_lags=fit.lags if fit else np.empty(0),
        fitted=fit.fitted if fit else np.empty(0),
        regimes=fit.segments if fit else (),
        **found,
        missing=missing,
    )


def _unfit(each: np.ndarray) -> str:
    """Why (W, n) curves cannot be fitted, empty if they can."""
    if each.shape[1] < FEWEST_STEPS:
        return f"the stage has fewer than {FEWEST_STEPS} steps"
    if np.count_nonzero((each > 0).all(axis=1)) < FEWEST_WALKERS:
        return f"fewer than {FEWEST_WALKERS} walkers moved"
    return ""


def fit_ensemble(curves: EnsembleMSD) -> Regimes:
    """Regimes of the time-averaged MSD of an ensemble, up to half the stage.

    Intervals are about the mean over walkers on this terrain: from ensembles drawn with
    replacement from these walkers (bootstrap).

    Args:
        curves: of W walkers, at least 5, that moved.

    Raises:
        InputError: too few lags, see `regimes.fit_regimes`.
    """
    lags = curves.lags.astype(float)
    each = curves.time_averaged[:, lags_to_fit(lags)]
    return fit_regimes(lags, curves.time_averaged.mean(axis=0), ensemble_scatter(each))


def stages(steps: int, length: int) -> dict[str, tuple[int, int]]:
    """First and last position of the stages `initial`, `final` (of `length` steps) and `whole`."""
    length = min(length, steps)
    return {"initial": (0, length), "final": (steps - length, steps), "whole": (0, steps)}
