"""The numbers of one window's geometry by name, as tables and ensembles have them."""

from __future__ import annotations

import numpy as np

from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import interval
from sgdwalk.fits.pair_bins import BLOCKS
from sgdwalk.geometry.anomalous_exponents import ANOMALOUS, AnomalousExponents
from sgdwalk.geometry.velocity import LagCurve
from sgdwalk.geometry.window import WindowGeometry


def estimates(window: WindowGeometry) -> dict[str, Estimate]:
    """Numbers with their 95 % intervals; what the window is too short for is left out."""
    found: dict[str, Estimate] = {}
    for name in ("distance", "contour"):
        differences = getattr(window, name)
        for source in ("minibatch", "probe"):
            curve = getattr(differences, source)
            if curve is not None:
                found[f"roughness_{name}_{source}"] = curve.hurst
        if differences.structure is not None:
            found[f"zeta_curvature_{name}"] = differences.structure.curvature
    if window.path is not None:
        found["path_dimension"] = window.path.dimension
        found["contour_lag_exponent"] = window.path.contour_by_lag.fit.exponent
    for length, excursions in window.excursions.items():
        found[f"excursion_ratio_{length}"] = excursions.ratio
    if window.avalanches is not None:
        found["avalanche_duration"] = window.avalanches.mean_duration
    if window.modes is not None:
        m = window.modes
        found["first_component_share"] = _estimate(m.share[0], m.share_low[0], m.share_high[0])
    for name, curve in window.velocity.items():
        found[f"velocity_{name}"] = _first(curve)
    found |= _anomalous(window.exponents)
    if window.homology is not None:
        found["homology_dimension"] = window.homology.dimension
    return found


def nulls(window: WindowGeometry) -> dict[str, float]:
    """What a duller process would give, under the name of the estimate it stands beside."""
    found: dict[str, float] = {}
    for name in ("distance", "contour"):
        smooth = getattr(window, name).quadratic
        if smooth is not None:
            found[f"roughness_{name}"] = smooth.hurst.value
    if window.path is not None:
        found["path_dimension"] = window.path.shuffled_dimension
    for length, excursions in window.shuffled_excursions.items():
        found[f"excursion_ratio_{length}"] = excursions.ratio.value
    if window.avalanches is not None:
        found["avalanche_duration"] = window.avalanches.independent_mean_duration
    if window.modes is not None:
        found["first_component_share"] = float(window.modes.brownian[0])
    for name, curve in window.velocity.items():
        found[f"velocity_{name}"] = curve.null
    found |= {name: e.value for name, e in _anomalous(window.shuffled_exponents).items()}
    if window.shuffled_homology is not None:
        found["homology_dimension"] = window.shuffled_homology.dimension.value
    return found


def undefined(window: WindowGeometry) -> dict[str, str]:
    """Why numbers of a window are missing or not defined, by name."""
    reasons = dict(window.missing)
    for name in ("distance", "contour"):
        for source in ("minibatch", "probe"):
            curve = getattr(getattr(window, name), source)
            if curve is not None and not curve.fit.exponent.defined:
                reasons[f"roughness_{name}_{source}"] = (
                    f"bins that stand out from the noise: {curve.fit.points}; a fit needs three"
                )
    for name, value in estimates(window).items():
        if not np.isfinite(value.value):
            reasons.setdefault(name, "too few points for a fit, or no growth to fit")
    return reasons


def _anomalous(exponents: AnomalousExponents | None) -> dict[str, Estimate]:
    if exponents is None:
        return {}
    # "hurst" alone would be taken for the roughness of the loss
    return {f"walk_{name}": getattr(exponents, name) for name in ANOMALOUS}


def _first(curve: LagCurve) -> Estimate:
    """Value at a lag of one record."""
    return interval(float(curve.value[0]), float(curve.error[0]), BLOCKS - 1)


def _estimate(*values: float) -> Estimate:
    return Estimate(*(float(value) for value in values))
