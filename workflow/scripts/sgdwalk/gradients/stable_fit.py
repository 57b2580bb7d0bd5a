"""Maximum-likelihood fits of heavy-tailed laws: alpha-stable, and the Gaussian beside it."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, nan, pi, sqrt

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.gradients.stable_law import ALPHA_RANGE, stable_density, stable_log_density
from sgdwalk.gradients.stable_likelihood import (
    ALL_FREE,
    StableLikelihood,
    profile_end,
    starting_point,
)

MINIMUM_SIZE = 20
"""Fewest values that `fit_stable` and `fit_gaussian` take."""

_NORMAL_95 = 1.959964
_COARSE_RUNS = 0.05
_MOST_STEPS = 20
_NEARLY_TWO = 1.95
_REGULAR = 1000
# Likelihood ratios (twice the difference of the log-likelihoods) that bound a 95 % interval:
# chi-square with one degree of freedom; and, near alpha = 2, where alpha is told by a handful of
# outliers, -2 log 0.05, exact for the event that none of them is seen (a Poisson count of zero).
_TWO_SIDED, _ONE_SIDED = 3.841459, 5.991465


@dataclass(frozen=True)
class StableFit:
    """An alpha-stable law fitted to a sample by maximum likelihood (Nolan's S0).

    Attributes:
        alpha: stability parameter (tail index); its 95 % interval is one-sided, ending in 2, where
            a Gaussian cannot be excluded by the likelihood ratio, and begins at 0 where alpha is at
            the table's lower end.
        beta: skewness; nan where the interval of alpha reaches 2: the sample is then compatible
            with a Gaussian, which has none.
        scale: S0 scale, units of the sample; at alpha = 2 it is sd/sqrt(2).
        location: S0 location, units of the sample.
        alpha_error, beta_error, scale_error, location_error: standard errors from the observed
            information; nan for alpha at an end of its range and for beta at -1, 1 or undefined.
        log_likelihood: of the whole sample at the fit, natural logarithm.
        size: number of values.
        parameterization: "S0".
    """

    alpha: Estimate
    beta: float
    scale: float
    location: float
    alpha_error: float
    beta_error: float
    scale_error: float
    location_error: float
    log_likelihood: float
    size: int
    parameterization: str = "S0"

    def density(self, x: np.ndarray) -> np.ndarray:
        """Fitted density at x (an undefined beta counts as 0), units 1/x."""
        beta = 0.0 if np.isnan(self.beta) else self.beta
        return stable_density(x, self.alpha.value, beta, self.scale, self.location)


@dataclass(frozen=True)
class GaussianFit:
    """A Gaussian fitted to a sample by maximum likelihood.

    Attributes:
        mean, sd: units of the sample (`sd` with divisor n, the maximum-likelihood one).
        mean_error, sd_error: standard errors sd/sqrt(n) and sd/sqrt(2 n).
        log_likelihood: of the whole sample at the fit, natural logarithm.
        size: number of values.
    """

    mean: float
    sd: float
    mean_error: float
    sd_error: float
    log_likelihood: float
    size: int

    def density(self, x: np.ndarray) -> np.ndarray:
        """Fitted density at x, units 1/x."""
        z = (np.asarray(x, dtype=float) - self.mean) / self.sd
        return np.exp(-(z**2) / 2) / (sqrt(2 * pi) * self.sd)


def _checked(x: np.ndarray, name: str) -> np.ndarray:
    """The sample as a flat float64 array, or one line on why it is no sample."""
    values = np.asarray(x, dtype=np.float64).ravel()
    if len(values) < MINIMUM_SIZE:
        raise InputError(f"{name}: {len(values)} values; at least {MINIMUM_SIZE} are needed")
    bad = np.count_nonzero(~np.isfinite(values))
    if bad:
        raise InputError(f"{name}: {bad} of {len(values)} values are not finite")
    if values.min() == values.max():
        raise InputError(f"{name}: all {len(values)} values are equal; a spread is needed")
    return values


def fit_gaussian(x: np.ndarray) -> GaussianFit:
    """Gaussian by maximum likelihood.

    Arguments:
        x: sample, any shape, at least 20 finite values, not all equal.

    Returns:
        A `GaussianFit`.

    Raises:
        InputError: fewer than 20 values, a value that is not finite, or no spread.
    """
    values = _checked(x, "Gaussian fit")
    size, mean, sd = len(values), float(values.mean()), float(values.std())
    return GaussianFit(
        mean=mean,
        sd=sd,
        mean_error=sd / sqrt(size),
        sd_error=sd / sqrt(2 * size),
        log_likelihood=-size * (log(sd) + (1 + log(2 * pi)) / 2),
        size=size,
    )


def _standard(x: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The sample sorted, its median taken off, over its interquartile range; and these two."""
    ordered = np.sort(_checked(x, "alpha-stable fit"))
    quarter = -(-len(ordered) // 4)
    if np.any(ordered[quarter:] == ordered[:-quarter]):
        raise InputError(
            f"alpha-stable fit: one value makes up more than a quarter of the {len(ordered)}"
            " values; drop exact zeros and other repeats first"
        )
    low, centre, high = np.quantile(ordered, [0.25, 0.5, 0.75])
    return (ordered - centre) / (high - low), float(centre), float(high - low)


def _standard_errors(
    likelihood: StableLikelihood, theta: np.ndarray, maybe_gaussian: bool
) -> np.ndarray:
    """From the observed information of the parameters that are not at a bound; nan for others."""
    inside = (theta > likelihood.LOW + 1e-6) & (theta < likelihood.HIGH - 1e-6)
    free = inside & np.array([True, not maybe_gaussian, True, True])
    variances = np.diag(np.linalg.pinv(likelihood.information(theta, free))) / likelihood.size
    errors = np.full(4, nan)
    errors[free] = np.sqrt(np.where(variances > 0, variances, nan))
    return errors


def _alpha(
    likelihood: StableLikelihood,
    theta: np.ndarray,
    top: float,
    error: float,
    maybe_gaussian: bool,
) -> Estimate:
    """Alpha with its 95 % interval; `fit_stable` says how."""
    lowest, highest = ALPHA_RANGE
    alpha = float(theta[0])
    if lowest + 3 * error < alpha < highest - 3 * error and not maybe_gaussian:
        half = _NORMAL_95 * error
        return Estimate(alpha, float(alpha - half), float(alpha + half))
    drop = _ONE_SIDED if maybe_gaussian else _TWO_SIDED
    guess = 2 * error if error > 0 else 1 / sqrt(likelihood.size)
    below = profile_end(likelihood, theta, top, drop, guess, lowest)
    if maybe_gaussian:
        above = highest
    else:
        above = profile_end(likelihood, theta, top, drop, guess, highest)
    return Estimate(alpha, 0.0 if below == lowest else below, above)


def fit_stable(x: np.ndarray) -> StableFit:
    """Alpha-stable law by maximum likelihood (Nolan's S0), with standard errors.

    The likelihood comes from the interpolated density of `stable_law`; alpha is sought in
    [0.4, 2], beta in [-1, 1]. The values are sorted and neighbours merged into runs, from single
    values at both ends (the outer 200 each) to 0.5 % of the rank further in: 2,000 runs stand for
    50,000 values and alpha moves by about 1e-6. The reported log-likelihood is of all values as
    they are.

    Standard errors are from the observed information (minus the Hessian of the log-likelihood).
    The 95 % interval of alpha is alpha +- 1.96 errors, unless an end of the range is within three:
    then it is where the profile likelihood ratio is below 3.84. If the ratio at alpha = 2 is below
    5.99, the sample may be Gaussian: beta is undefined, and the interval is one-sided, from where
    the ratio is 5.99 up to 2. So close to 2, a handful of outliers tells alpha, and its
    information is infinite at 2 (DuMouchel 1973, Annals of Statistics 1, 948), so that chi-square
    bounds are too tight; 5.99 is -2 log 0.05, exact where no outlier is seen.

    Arguments:
        x: sample, any shape, at least 20 finite values, no value making up a quarter of it.

    Returns:
        A `StableFit`.

    Raises:
        InputError: fewer than 20 values, a value that is not finite, no spread, or one value
            repeated so often that the likelihood has no maximum at a positive scale.
    """
    ordered, centre, unit = _standard(x)
    size = len(ordered)
    likelihood = StableLikelihood(ordered)

    theta, top = likelihood.maximise(starting_point(ordered), ALL_FREE)
    gaussian = likelihood.gaussian_limit()
    gaussian_value = likelihood(gaussian)
    if gaussian_value >= top or theta[0] == 2:
        theta, top = gaussian, gaussian_value
    maybe_gaussian = 2 * size * (top - gaussian_value) < _ONE_SIDED

    errors = _standard_errors(likelihood, theta, maybe_gaussian)
    alpha, beta, log_scale, location = (float(value) for value in theta)
    scale = exp(log_scale)
    log_density = stable_log_density(ordered, alpha, beta, scale, location)
    return StableFit(
        alpha=_alpha(likelihood, theta, top, errors[0], maybe_gaussian),
        beta=nan if maybe_gaussian else beta,
        scale=float(unit * scale),
        location=float(centre + unit * location),
        alpha_error=float(errors[0]),
        beta_error=float(errors[1]),
        scale_error=float(unit * scale * errors[2]),
        location_error=float(unit * errors[3]),
        log_likelihood=float(log_density.sum() - size * log(unit)),
        size=size,
    )


class TailIndex:
    """Alpha of `fit_stable` alone, for many samples that are alike: each starts from the last.

    Neighbours are merged into runs of 5 % of the rank, which moves alpha by about 1e-4, and no
    interval is made. It takes Newton steps with the curvature of the first sample, until alpha
    moves by less than 3e-4; where these do not get there, it climbs as `fit_stable` does. So does
    it with fewer than 1000 values, whose likelihood may have more than one maximum.
    """

    def __init__(self) -> None:
        self._near: np.ndarray | None = None
        self._curvature: np.ndarray | None = None

    def __call__(self, x: np.ndarray) -> float:
        """Alpha of a sample.

        Raises:
            InputError: as `fit_stable`.
        """
        ordered, _, _ = _standard(x)
        likelihood = StableLikelihood(ordered, _COARSE_RUNS)
        theta = self._newton(likelihood) if len(ordered) >= _REGULAR else None
        if theta is None:
            theta, _ = likelihood.quick_maximum(starting_point(ordered))
        if likelihood(likelihood.gaussian_limit()) >= likelihood(theta) or theta[0] == 2:
            return 2.0
        self._near = theta
        if self._curvature is None:
            # nearer to the ends of alpha and beta it changes fast
            inside = np.array(
                [min(theta[0], _NEARLY_TWO), np.clip(theta[1], -0.9, 0.9), *theta[2:]]
            )
            curvature = likelihood.information(inside, ALL_FREE)
            if np.linalg.eigvalsh(curvature)[0] > 0:
                self._curvature = curvature
        return float(theta[0])

    def _newton(self, likelihood: StableLikelihood) -> np.ndarray | None:
        """The maximum by Newton steps from the last one; None where they do not get there.

        Steps of alpha are shorter in proportion close to 2, where its information grows as
        1/(2 - alpha); beta stays at an end of its range that it would leave.
        """
        if self._curvature is None or self._near is None:
            return None
        theta = self._near.copy()
        for _ in range(_MOST_STEPS):
            slope = likelihood.slope(theta)[1]
            free = np.array([True, abs(theta[1]) < 1 or slope[1] * theta[1] < 0, True, True])
            step = np.zeros(4)
            step[free] = np.linalg.solve(self._curvature[np.ix_(free, free)], slope[free])
            step[0] *= min(1.0, (2 - theta[0]) / (2 - _NEARLY_TWO))
            theta += step
            theta[1] = np.clip(theta[1], -1, 1)
            if not (ALPHA_RANGE[0] < theta[0] < 1.9995) or np.abs(step).max() > 1:
                return None
            if abs(step[0]) < 3e-4:
                return theta
        return None
