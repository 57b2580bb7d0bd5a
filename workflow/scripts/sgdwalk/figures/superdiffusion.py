"""Figure 2, superdiffusion: MSD by window, local exponents, nulls, exponents along training."""

from __future__ import annotations

from matplotlib.figure import Figure

from sgdwalk.diffusion.run import RunDiffusion
from sgdwalk.figures import diffusion_panels as panels
from sgdwalk.figures import style, window_panels


def draw_superdiffusion(run: RunDiffusion, name: str) -> Figure:
    """The figure of one run.

    Args:
        run: its diffusion.
        name: what it is called in the title.
    """
    windows = run.first_family
    others = [window for window in run.windows if window not in windows]
    figure, axes = style.panels(["msd", "nulls", "exponents", "local", "first", "all"])
    if windows:
        panels.draw_msd_with_regimes(axes["msd"], windows)
        panels.draw_msd_with_nulls(axes["nulls"], windows)
        window_panels.draw_along_training(
            axes["exponents"],
            windows,
            panels.regime_exponent_series(windows),
            "exponent, 95 % interval",
            nulls=[1],
            spacing=0.25,
            letters=None,
        )
        panels.draw_local_exponent(axes["local"], windows)
        panels.draw_displacement_from_start(axes["first"], windows)
        panels.draw_every_msd(axes["all"], windows)
        panels.draw_longer_lags(axes["all"], others, run.whole)
        panels.label_regimes(axes["all"])
        style.legend_below(figure, [axes["all"]], columns=6)
    else:
        window_panels.say_no_window(axes.values())
    warning = panels.ragged_note(run.windows)
    figure.suptitle(window_panels.run_title(name, run.diverged_at, warning), fontsize=9)
    return figure
