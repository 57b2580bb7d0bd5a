"""Loss avalanches: increments of the loss, their bursts, what follows, and the moving variance."""

from __future__ import annotations

from matplotlib.figure import Figure

from sgdwalk.figures import avalanche_panels as panels
from sgdwalk.figures import style, window_panels
from sgdwalk.geometry.run import RunGeometry
from sgdwalk.recording.window_families import first_family

OVER_WINDOWS = ["loss", "increment", "durations", "sizes", "mean_duration"]


def draw_avalanches(run: RunGeometry, name: str) -> Figure:
    """The figure of one run.

    Args:
        run: its geometry.
        name: what it is called in the title.
    """
    windows = first_family(run.windows)
    figure, axes = style.panels([*OVER_WINDOWS, "moving_variance"])
    if windows:
        panels.draw_loss_after(axes["loss"], windows[-1])
        panels.draw_increments_after(axes["increment"], windows[-1])
        panels.draw_durations(axes["durations"], windows)
        panels.draw_sizes(axes["sizes"], windows)
        window_panels.draw_along_training(
            axes["mean_duration"],
            windows,
            panels.mean_duration_series(windows),
            "mean duration (increments)",
        )
    else:
        window_panels.say_no_window(axes[name] for name in OVER_WINDOWS)
    variance = axes["moving_variance"]
    panels.draw_moving_variance(variance, run.moving_variance, run.moving_window)
    figure.suptitle(window_panels.run_title(name, run.diverged_at), fontsize=9)
    window_panels.tidy_log_ticks(axes.values())
    return figure
