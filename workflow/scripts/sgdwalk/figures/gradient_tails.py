"""Figure 5, gradients: densities of entries, tail indices with their nulls, bursts of the loss."""

from __future__ import annotations

from matplotlib.figure import Figure

from sgdwalk.figures import gradient_panels as panels
from sgdwalk.figures import style, window_panels
from sgdwalk.figures.avalanche_panels import draw_moving_variance
from sgdwalk.geometry.run import RunGeometry
from sgdwalk.gradients.run import RunGradients

PANELS = ["run", "first", "last", "alpha", "increments", "variance"]
PANELS += ["layers", "checkpoints", "gaussianity"]
_AT_FIXED_WEIGHTS = ("checkpoints", "gaussianity")
OVER_WINDOWS = ["first", "last", "alpha", "increments"]


def draw_gradient_tails(run: RunGradients, geometry: RunGeometry, name: str) -> Figure:
    """The figure of one run.

    Args:
        run: its gradient statistics.
        geometry: of the same run.
        name: what it is called in the title.
    """
    measured = bool(run.select("standardised noise at fixed weights"))
    figure, axes = style.panels([p for p in PANELS if measured or p not in _AT_FIXED_WEIGHTS])
    windows = run.select("entries", window_start=True)
    panels.draw_entry_density(axes["run"], run, "run", run.select("entries")[0], "all steps")
    if windows:
        for label, row in (("first", windows[0]), ("last", windows[-1])):
            where = rf"$t_w = {(row.window_start or 0) + 1}$"
            panels.draw_entry_density(axes[label], run, label, row, where)
        panels.draw_tail_index(axes["alpha"], run)
        panels.draw_loss_increments(axes["increments"], run, windows)
        style.legend_below(figure, [axes["first"], axes["alpha"]], columns=5)
    else:
        window_panels.say_no_window(axes[name] for name in OVER_WINDOWS)
    draw_moving_variance(axes["variance"], geometry.moving_variance, geometry.moving_window)
    panels.draw_layer_tails(axes["layers"], run)
    if measured:
        panels.draw_noise_tails(axes["checkpoints"], run)
        panels.draw_rejected_share(axes["gaussianity"], run)
    figure.suptitle(window_panels.run_title(name, run.diverged_at), fontsize=9)
    return figure
