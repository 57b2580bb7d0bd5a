"""One look for all figures: sizes, fonts, colours, panel letters, and how a figure is saved."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from sgdwalk.files.atomic import written
from sgdwalk.fits.estimate import Estimate

# Perceptually uniform and safe for colour-blind readers; the palest end is hard to see on white.
SEQUENCE = "viridis"
_PALEST = 0.9
NULL_COLOUR = "0.45"
PUBLISHED_COLOUR = "tab:red"
PANEL = (2.9, 2.35)  # inches
LAG = r"lag $\tau$ (steps)"

Name = TypeVar("Name", bound=Hashable)
Look = dict[str, Any]  # what is passed on to matplotlib

# Behind and beside a mark: what its null gives, the same from fewer lags, and that there is none.
NULL_BAR: Look = {"color": NULL_COLOUR, "alpha": 0.3, "lw": 3.5, "zorder": 1}
DASH: Look = {"ls": "", "marker": "_", "ms": 3.5, "alpha": 0.6}
CROSS: Look = {"ls": "", "marker": "x", "ms": 3, "mew": 0.8}


def panels(names: Sequence[Name], columns: int = 3) -> tuple[Figure, dict[Name, Axes]]:
    """A figure with one lettered panel per name, left to right, top to bottom."""
    sns.set_theme(
        context="paper",
        style="ticks",
        rc={
            "font.size": 8,
            "axes.labelsize": 8,
            "axes.titlesize": 8,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "legend.fontsize": 6.5,
            "legend.frameon": False,
            "lines.linewidth": 1.2,
            "axes.linewidth": 0.7,
            "pdf.fonttype": 42,  # text stays text
            "savefig.dpi": 200,
        },
    )
    rows = -(-len(names) // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(columns * PANEL[0], rows * PANEL[1]),
        layout="constrained",
        squeeze=False,
    )
    cells = list(grid.flat)
    for cell in cells[len(names) :]:
        cell.remove()
    axes = dict(zip(names, cells, strict=False))
    for letter, axis in zip("abcdefghijklmnop", axes.values(), strict=False):
        axis.set_title(f"({letter})", loc="left", fontweight="bold")
        sns.despine(ax=axis)
    return figure, axes


def colours(count: int) -> np.ndarray:
    """(count, 4) colours in order, from dark to light."""
    return mpl.colormaps[SEQUENCE](np.linspace(0, _PALEST, max(count, 1)))


def colour_bar(axis: Axes, values: Sequence[float], label: str) -> None:
    """A scale beside an axis for lines coloured by ``colours``; a single line is labelled."""
    if len(values) == 1:
        axis.set_title(f"{label} = {values[0]}", fontsize=7)
        return
    cut = mpl.colors.ListedColormap(mpl.colormaps[SEQUENCE](np.linspace(0, _PALEST, 256)))
    norm = mpl.colors.Normalize(min(values), max(values))
    bar = axis.figure.colorbar(mpl.cm.ScalarMappable(norm, cut), ax=axis, pad=0.02, aspect=25)
    bar.set_label(label)
    bar.ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))


def interval_bars(
    axis: Axes, x: ArrayLike, estimates: Iterable[Estimate | None], **look: Any
) -> None:
    """Estimates with their 95 % intervals; no bar where an end is not known.

    Args:
        axis: where to.
        x: (n,) abscissae.
        estimates: n of them; None where there is none.
        **look: of matplotlib's ``errorbar``.
    """
    rows = [(np.nan,) * 3 if e is None else (e.value, e.low, e.high) for e in estimates]
    value, low, high = np.array(rows, float).reshape(-1, 3).T
    bars = np.nan_to_num(np.clip([value - low, high - value], 0, None))
    axis.errorbar(x, value, bars, **{"lw": 0.8, **look})


def foot_cross(axis: Axes, x: float, colour: str | np.ndarray) -> None:
    """A small cross at the foot of an axis: at this abscissa there is no number."""
    axis.plot(x, 0.03, color=colour, transform=axis.get_xaxis_transform(), **CROSS)


def null_line(axis: Axes, value: float, label: str | None = None, width: float = 0.7) -> None:
    """A dotted line across the axis at what a null predicts."""
    axis.axhline(value, color=NULL_COLOUR, lw=width, ls=":", label=label)


def window_axis(axis: Axes, first: np.ndarray, margin: float) -> None:
    """An abscissa of windows with ticks where they begin, five at most.

    Args:
        axis: whose abscissa it is.
        first: step at which each window begins, increasing.
        margin: left and right of them, in steps.
    """
    axis.set_xlabel("window start $t_w$ (steps)")
    axis.set_xlim(first[0] - margin, first[-1] + margin)
    axis.set_xticks(first[:: -(-len(first) // 5)])


def legend_above(axis: Axes, size: float | None = None) -> None:
    """The axis's legend in one row above it, where it hides no data.

    Args:
        axis: whose legend it is.
        size: of its letters in points; None for the usual.
    """
    axis.legend(
        loc="lower right",
        bbox_to_anchor=(1.02, 1),
        ncols=len(axis.get_legend_handles_labels()[0]),
        borderpad=0,
        fontsize=size,
        handlelength=1,
        handletextpad=0.3,
        columnspacing=0.7,
    )


def make_headroom(axis: Axes, share: float) -> None:
    """Lengthen a logarithmic ordinate upwards by a share of it: room for a legend."""
    low, high = axis.get_ylim()
    axis.set_ylim(low, high * (high / low) ** share)


def legend_below(figure: Figure, axes: Iterable[Axes], columns: int) -> None:
    """One legend under all panels, of what is drawn in some of them."""
    drawn = [axis.get_legend_handles_labels() for axis in axes]
    handles = [handle for found, _ in drawn for handle in found]
    labels = [label for _, found in drawn for label in found]
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def legend_over_lines(axis: Axes, **options: Any) -> None:
    """A legend on a pale ground, readable where it crosses a line."""
    axis.legend(frameon=True, edgecolor="none", framealpha=0.8, **options)


def legend_out_of_layout(axis: Axes, place: str) -> Legend:
    """A legend inside an axis that does not move the other axes."""
    options: Look = {"loc": place, "borderpad": 0.1, "labelspacing": 0.3}
    legend = axis.legend(**options)
    legend.set_in_layout(False)
    return legend


def guide(axis: Axes, exponent: float, x: ArrayLike, y: float, label: str) -> None:
    """A thin power law through (x[0], y) for the eye, labelled at its end."""
    at = np.asarray(x, float)
    line = y * (at / at[0]) ** exponent
    axis.plot(at, line, color="0.6", lw=0.7, ls=(0, (4, 2)))
    axis.annotate(label, (at[-1], line[-1]), fontsize=6.5, color="0.4", va="center", ha="left")


def shortened(name: str, most: int) -> str:
    """A name for a place with room for so many letters."""
    return name if len(name) <= most else f"{name[: most - 1]}\u2026"


def message(axis: Axes, text: str) -> None:
    """Say in an otherwise empty panel why it is empty."""
    axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", color="0.4")
    axis.set_xticks([])
    axis.set_yticks([])


def save_figure(figure: Figure, paths: Sequence[str | Path]) -> None:
    """Write a figure to every path, the format by its suffix, without a date in it."""
    for path in map(Path, paths):
        with written(path) as temporary:
            kind = path.suffix[1:]
            metadata = {"CreationDate": None} if kind == "pdf" else {"Software": None}
            figure.savefig(temporary, format=kind, metadata=metadata)
    plt.close(figure)
