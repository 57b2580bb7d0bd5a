"""The numbers of one window's geometry by name, as tables and ensembles have them."""

from __future__ import annotations

import numpy as np

from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import interval
from sgdwalk.fits.pair_bins import BLOCKS
from sgdwalk.geometry.anomalous_exponents import ANOMALOUS, AnomalousExponents
from sgdwalk.geometry.loss_roughness import LossRoughness
from sgdwalk.geometry.loss_structure import StructureFunctions
from sgdwalk.geometry.velocity import LagCurve
from sgdwalk.geometry.window import WindowGeometry

# Numbers that one window has without an interval: their nulls are to be compared with.
WITHOUT_INTERVAL = ("first_component_share", "homology_dimension")
SEPARATIONS = ("distance", "contour")
# As tables name them: "hurst" alone would be taken for the roughness of the loss.
WALK_EXPONENTS = tuple(f"walk_{name}" for name in ANOMALOUS)


def estimates(window: WindowGeometry) -> dict[str, Estimate]:
    """Numbers of one window, with the 95 % intervals that it has; others are left out."""
    found = {name: curve.hurst for name, curve in _roughness(window).items()}
    found |= {name: of_loss.curvature for name, of_loss in _structures(window).items()}
    if window.path is not None:
        found["path_dimension"] = window.path.dimension
        found["contour_lag_exponent"] = window.path.contour_by_lag.fit.exponent
    for length, excursions in window.excursions.items():
        found[f"excursion_ratio_{length}"] = excursions.ratio
    if window.avalanches is not None:
        found["avalanche_duration"] = window.avalanches.mean_duration
    if window.modes is not None:
        found["first_component_share"] = Estimate(float(window.modes.shares["centred"][0]))
    for name, curve in window.velocity.items():
        found[f"velocity_{name}"] = _first(curve)
    if window.homology is not None:
        found["homology_dimension"] = Estimate(window.homology.dimension)
    return found


def nulls(window: WindowGeometry) -> dict[str, Estimate]:
    """What a duller process would give, under the name of the estimate it stands beside.

    Of numbers of the path and of its steps they are those of random signs, see `surrogates`.
    """
    found = {name: of_loss.null for name, of_loss in _of_losses(window).items()}
    if window.avalanches is not None:
        found["avalanche_duration"] = window.avalanches.reordered_mean_duration
    signs = dict(window.nulls.get("uncorrelated", {}))
    if "centred_share_1" in signs:
        signs["first_component_share"] = signs["centred_share_1"]
    return found | {name: signs[name] for name in estimates(window) if name in signs}


def p_values(window: WindowGeometry) -> dict[str, float]:
    """P-values of the nulls of numbers of the losses, under the names of the estimates."""
    return {name: of_loss.p for name, of_loss in _of_losses(window).items()}


def reordered(window: WindowGeometry) -> dict[str, Estimate]:
    """What the same increments give in random order: a drift stays."""
    return window.nulls.get("reordered", {})


def undefined(window: WindowGeometry) -> dict[str, str]:
    """Why numbers of a window are missing or not defined, by name."""
    reasons = dict(window.missing)
    for name, curve in _roughness(window).items():
        if not curve.fit.exponent.defined:
            reasons[name] = (
                f"bins that stand out from the noise: {curve.fit.points}; a fit needs three"
            )
        elif not curve.hurst.defined:
            reasons[name] = (
                "of losses drawn with this roughness and noise fewer than half give an exponent"
            )
    for name, p in p_values(window).items():
        if not np.isfinite(p):
            reasons[f"{name}_p"] = "without its own number, or that of its null, there is none"
    for name, value in estimates(window).items():
        if not np.isfinite(value.value):
            reasons.setdefault(name, "too few points for a fit, or no growth to fit")
    reasons.pop("exponents", None)
    reasons["walk_*"] = "one window cannot tell; ensembles.csv has them where there are seeds"
    return reasons


def walk_exponents(exponents: AnomalousExponents) -> dict[str, Estimate]:
    """Joseph, Noah and Moses exponents under the names that tables have for them."""
    values = (getattr(exponents, name) for name in ANOMALOUS)
    return dict(zip(WALK_EXPONENTS, values, strict=True))


def _first(curve: LagCurve) -> Estimate:
    """Value at a lag of one record."""
    return interval(float(curve.value[0]), float(curve.error[0]), BLOCKS - 1)


def _roughness(window: WindowGeometry) -> dict[str, LossRoughness]:
    """Curves of loss differences under the names of their exponents."""
    found = {
        f"roughness_{name}_{source}": getattr(getattr(window, name), source)
        for name in SEPARATIONS
        for source in ("minibatch", "probe")
    }
    return {name: curve for name, curve in found.items() if curve is not None}


def _structures(window: WindowGeometry) -> dict[str, StructureFunctions]:
    """Structure functions under the names of their curvatures."""
    found = {f"zeta_curvature_{name}": getattr(window, name).structure for name in SEPARATIONS}
    return {name: of_loss for name, of_loss in found.items() if of_loss is not None}


def _of_losses(window: WindowGeometry) -> dict[str, LossRoughness | StructureFunctions]:
    return {**_roughness(window), **_structures(window)}
