"""Anatomy of the walk: components, memory, anomalous exponents, ageing, ergodicity, dimensions."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from sgdwalk.figures import anatomy_panels as panels
from sgdwalk.figures import style, window_panels
from sgdwalk.geometry.ensemble import WindowEnsemble
from sgdwalk.geometry.run import RunGeometry
from sgdwalk.geometry.window import WindowGeometry
from sgdwalk.recording.window_families import family_key, first_family

PANELS = ["path", "shares", "autocorrelation", "reversals", "first_share", "pooled", "ageing"]
PANELS += ["ergodicity", "first_moments", "moments", "zeta", "trees"]
_OF_LOSSES = {"first_moments", "moments", "zeta"}
_OF_EQUAL_STEPS = {"autocorrelation", "reversals", "ageing", "pooled", "ergodicity"}


def draw_walk_anatomy(
    run: RunGeometry, name: str, together: Sequence[WindowEnsemble] = (), ensemble: str = ""
) -> Figure:
    """The figure of one run, and of an ensemble of seeds if there is one.

    Args:
        run: its geometry.
        name: what it is called in the title.
        together: windows of the ensemble.
        ensemble: what that is called.
    """
    windows, pooled = first_family(run.windows), first_family(together)
    known = [panel for panel in PANELS if panel not in _unknown(windows)]
    figure, axes = style.panels(known, columns=4)
    if windows:
        first, last = windows[0], windows[-1]
        panels.draw_leading_components(axes["path"], last)
        panels.draw_variance_shares(axes["shares"], last)
        if "autocorrelation" in axes:
            for curve, label in panels.VELOCITY_LABELS.items():
                panels.draw_lag_curves(axes[curve], windows, curve, label)
            panels.draw_ageing(
                axes["ageing"], run.ageing.get(family_key(first.length, first.stride))
            )
        panels.draw_first_shares(axes["first_share"], windows)
        if "moments" in axes:
            panels.draw_structure_functions(axes["first_moments"], first)
            panels.draw_structure_functions(axes["moments"], last)
            panels.draw_zeta(axes["zeta"], windows)
        panels.draw_spanning_trees(axes["trees"], last)
    else:
        of_run = [name for name in PANELS if name not in ("pooled", "ergodicity")]
        window_panels.say_no_window(axes[name] for name in of_run)
    title = window_panels.run_title(name, run.diverged_at)
    if "ergodicity" in axes:
        panels.draw_ergodicity(axes["ergodicity"], pooled)
    if pooled:
        label = f"exponent, {max(window.seeds for window in pooled)} seeds"
        every = panels.ensemble_series(pooled)
        window_panels.draw_along_training(axes["pooled"], pooled, every, label, nulls=[0, 0.5])
        title += f"; seeds of {ensemble}"
    elif "pooled" in axes:
        style.message(axes["pooled"], "needs two or more seeds\nof the same settings")
    figure.suptitle(title, fontsize=9)
    window_panels.tidy_log_ticks(axes.values())
    return figure


def _unknown(windows: Sequence[WindowGeometry]) -> set[str]:
    """Panels of what is not known of a walk, which has no losses, or is at unequal steps."""
    unknown = _OF_LOSSES if window_panels.without_losses(windows) else set()
    if windows and all(window.stride is None for window in windows):
        unknown = unknown | _OF_EQUAL_STEPS
    return unknown
