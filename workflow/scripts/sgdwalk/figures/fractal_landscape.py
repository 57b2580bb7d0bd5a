"""Figure 3, fractal landscape: loss differences and contour length along the walk."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from sgdwalk.figures import roughness_panels as panels
from sgdwalk.figures import style, window_panels
from sgdwalk.geometry.run import RunGeometry
from sgdwalk.geometry.window import WindowGeometry
from sgdwalk.recording.window_families import first_family

PANELS = ["msl", "fragment", "contour", "by_distance", "by_contour", "displacement"]
PANELS += ["roughness", "excursions", "dimension"]
_OF_LOSSES = {"msl", "by_distance", "by_contour", "roughness"}
_OF_FRAGMENTS = {"fragment", "excursions"}


def draw_fractal_landscape(run: RunGeometry, name: str) -> Figure:
    """The figure of one run.

    Args:
        run: its geometry.
        name: what it is called in the title.
    """
    windows = first_family(run.windows)
    known = [name for name in PANELS if name not in _unknown(windows)]
    figure, axes = style.panels(known)
    if windows:
        first, last = windows[0], windows[-1]
        panels.draw_msd_by_contour(axes["contour"], windows)
        panels.draw_contour_by_displacement(axes["displacement"], windows)
        if "msl" in axes:
            panels.draw_raw_msl(axes["msl"], windows, "distance", panels.DISTANCE)
            panels.draw_loss_differences(axes["by_distance"], last, "distance", panels.DISTANCE)
            panels.draw_loss_differences(axes["by_contour"], last, "contour", panels.CONTOUR)
            rough = panels.roughness_series(windows, "distance")
            label = "roughness $H$ (bar: null)"
            window_panels.draw_along_training(axes["roughness"], windows, rough, label)
        if "fragment" in axes:
            panels.draw_fragment(axes["fragment"], first)
            panels.draw_excursions(axes["excursions"], last)
        path = panels.dimension_series(windows)
        window_panels.draw_along_training(axes["dimension"], windows, path, "path dimension $D$")
    else:
        window_panels.say_no_window(axes.values())
    figure.suptitle(window_panels.run_title(name, run.diverged_at), fontsize=9)
    window_panels.tidy_log_ticks(axes.values())
    return figure


def _unknown(windows: Sequence[WindowGeometry]) -> set[str]:
    """Panels of what is not known of a walk, which has no losses, or is too short for fragments."""
    unknown = _OF_LOSSES if window_panels.without_losses(windows) else set()
    if windows and not any(window.excursions for window in windows):
        unknown = unknown | _OF_FRAGMENTS
    return unknown
