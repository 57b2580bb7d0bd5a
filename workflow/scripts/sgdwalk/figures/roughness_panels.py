"""Panels of the loss roughness along the walk: loss differences, contour length, excursions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from sgdwalk.figures import style
from sgdwalk.figures.window_panels import Series, shown_windows, start_label
from sgdwalk.geometry.loss_roughness import LossRoughness
from sgdwalk.geometry.window import WindowGeometry

LENGTH = "(parameter)"
DISTANCE = f"distance $r$ {LENGTH}"
CONTOUR = f"contour length $l$ {LENGTH}"
MSL = r"$\langle (L_j - L_i)^2 \rangle$ (loss$^2$)"
SOURCES = {"minibatch": ("o", "C0"), "probe": ("s", "C1")}


def draw_raw_msl(
    axis: Axes, windows: Sequence[WindowGeometry], separation: str, label: str
) -> None:
    """MSL of the minibatch losses as they are, and the noise floor below it.

    Args:
        axis: where to.
        windows: of one family; the first, the middle and the last are drawn.
        separation: `distance` or `contour`.
        label: of the abscissa.
    """
    for window, colour in shown_windows(windows):
        curve = getattr(window, separation).minibatch
        if curve is None:
            continue
        axis.plot(
            curve.separation, curve.msl + curve.floor, color=colour, label=start_label(window)
        )
        axis.plot(curve.separation, curve.floor, color=colour, lw=0.8, ls=":")
    axis.set(xscale="log", yscale="log", xlabel=label, ylabel=MSL)
    axis.plot([], [], color=style.NULL_COLOUR, ls=":", label="noise floor, or null")
    axis.legend(loc="best")


def draw_msl_above_floor(axis: Axes, curve: LossRoughness, source: str) -> None:
    """MSL above its floor with errors, upper limits as arrows, fitted law, and null as a band."""
    marker, colour = SOURCES[source]
    if curve.null.defined and curve.smooth is not None and curve.smooth_separation is not None:
        _, low, high = curve.smooth
        seen = high > 0
        axis.fill_between(
            curve.smooth_separation[seen],
            np.maximum(low[seen], 1e-3 * high[seen]),
            high[seen],
            color=colour,
            alpha=0.2,
            lw=0,
            label=f"null: smooth, {source}",
        )
    known = np.isfinite(curve.msl_error) & ~curve.upper_limit
    if known.any():
        axis.errorbar(
            curve.separation[known],
            curve.msl[known],
            np.minimum(1.96 * curve.msl_error[known], 0.8 * curve.msl[known]),
            fmt=marker,
            color=colour,
            ms=2.2,
            lw=0.6,
            label=source,
        )
    limit = curve.upper_limit
    axis.plot(
        curve.separation[limit],
        curve.msl_upper[limit],
        ls="",
        marker=r"$\downarrow$",
        ms=4,
        mew=0,
        color=colour,
        alpha=0.7,
        label=None if known.any() else f"{source}: upper limits",
    )
    if curve.fit.exponent.defined:
        x = np.array([curve.fit.fit_low, curve.fit.fit_high])
        axis.plot(x, curve.fit(x), color=colour, lw=1.2)


def draw_loss_differences(axis: Axes, window: WindowGeometry, separation: str, label: str) -> None:
    """Loss differences of one window from every source of losses, with their laws.

    Args:
        axis: where to.
        window: whose they are.
        separation: `distance` or `contour`.
        label: of the abscissa.
    """
    differences = getattr(window, separation)
    if all(getattr(differences, source) is None for source in SOURCES):
        style.message(axis, "the window is too short")
        return
    for source in SOURCES:
        if getattr(differences, source) is not None:
            draw_msl_above_floor(axis, getattr(differences, source), source)
    if differences.minibatch is not None:
        floor = differences.minibatch
        axis.plot(floor.separation, floor.floor, color="C0", lw=0.8, ls=":", label="noise floor")
    axis.set(xscale="log", yscale="log", xlabel=label, ylabel=MSL)
    axis.set_title(start_label(window), fontsize=7)
    axis.legend(loc="lower right", fontsize=5.5)


def draw_fragment(axis: Axes, window: WindowGeometry) -> None:
    """The walk itself: contour, chord and excursion of one fragment in its own plane."""
    f = window.fragment
    if f is None:
        style.message(axis, "no fragment fits into the window")
        return
    x, y = f.coordinates.T
    axis.plot(x, y, color="C0", lw=0.9, marker=".", ms=2.5, label=f"contour {f.contour_length:.2g}")
    axis.plot(x[[0, -1]], y[[0, -1]], "k--", lw=1, label=f"chord {f.end_to_end:.2g}")
    ends, far = f.coordinates[[0, -1]], f.coordinates[f.farthest]
    along = ends[1] - ends[0]
    foot = ends[0] + along * ((far - ends[0]) @ along) / max(along @ along, 1e-300)
    axis.plot(*zip(far, foot, strict=True), color="C3", lw=1, label=f"excursion {f.excursion:.2g}")
    axis.plot(*ends[0], "o", color="k", ms=4)
    axis.plot(*ends[1], "s", color="k", ms=4)
    axis.set_aspect("equal", adjustable="datalim")
    axis.set(xlabel=f"first component of the fragment {LENGTH}", ylabel=f"second {LENGTH}")
    axis.text(
        *(0.02, 0.98, f"{len(x) - 1} increments, {100 * f.share:.0f} % in the plane"),
        transform=axis.transAxes,
        fontsize=6,
        va="top",
    )
    style.legend_above(axis, size=6)


def draw_msd_by_contour(axis: Axes, windows: Sequence[WindowGeometry]) -> None:
    """MSD against contour length beside the null; inset, raw pairs and mean of the last window."""
    shown = shown_windows(windows)
    for window, colour in shown:
        path = window.path
        if path is None:
            continue
        curve = path.msd_by_contour
        axis.plot(curve.abscissa, curve.mean, color=colour)
        axis.plot(curve.abscissa, path.uncorrelated_msd, color=colour, lw=0.8, ls=":")
    axis.set(xscale="log", yscale="log", xlabel=CONTOUR, ylabel=r"MSD (parameter$^2$)")
    last, colour = shown[-1]
    if last.path is None:
        return
    inset = axis.inset_axes((0.6, 0.12, 0.38, 0.36))
    inset.plot(*last.path.pairs.T, ".", ms=0.8, color=colour, alpha=0.5)
    inset.plot(last.path.msd_by_contour.abscissa, last.path.msd_by_contour.mean, "k", lw=0.8)
    inset.set(xscale="log", yscale="log")
    inset.tick_params(labelsize=5, which="both", labelbottom=False, labelleft=False)


def draw_contour_by_displacement(axis: Axes, windows: Sequence[WindowGeometry]) -> None:
    """Contour length against displacement beside the null."""
    for window, colour in shown_windows(windows):
        path = window.path
        if path is None:
            continue
        curve = path.contour_by_displacement
        axis.plot(curve.abscissa, curve.mean, color=colour)
        null = np.sqrt(path.uncorrelated_msd), path.msd_by_contour.abscissa
        axis.plot(*null, color=colour, lw=0.8, ls=":")
    label = f"mean contour length {LENGTH}"
    axis.set(xscale="log", yscale="log", xlabel=f"displacement {LENGTH}", ylabel=label)


def draw_excursions(axis: Axes, window: WindowGeometry) -> None:
    """Transverse excursion of random fragments against the distance of their ends.

    Beside them the lines of the ratios of mean squares that walks of uncorrelated steps have.
    """
    if not window.excursions:
        style.message(axis, "no fragment fits into the window")
        return
    for k, (length, real) in enumerate(sorted(window.excursions.items(), key=lambda e: int(e[0]))):
        colour = f"C{k}"
        axis.plot(
            np.sqrt(real.end_to_end_squared),
            np.sqrt(real.excursion_squared),
            "x+"[k % 2],
            ms=3,
            mew=0.6,
            alpha=0.6,
            color=colour,
            label=f"{length} increments",
        )
        null = window.nulls.get("uncorrelated", {}).get(f"excursion_ratio_{length}")
        if null is not None and null.defined and null.low > 0:
            ends = np.array([real.end_to_end_squared.min(), real.end_to_end_squared.max()]) ** 0.5
            low, high = (np.sqrt(end) * ends for end in (null.low, null.high))
            label = "null: random signs (mean ratio)"
            axis.fill_between(ends, low, high, color=colour, alpha=0.2, lw=0, label=label)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel=f"end-to-end distance {LENGTH}",
        ylabel=f"transverse excursion {LENGTH}",
    )
    axis.set_title(start_label(window), fontsize=7)
    axis.legend(loc="lower right", handletextpad=0.1, fontsize=5.5)


def roughness_series(windows: Sequence[WindowGeometry], separation: str) -> list[Series]:
    """Roughness H of the loss by window, from each source, beside its null."""
    found = {
        source: [getattr(getattr(w, separation), source) for w in windows] for source in SOURCES
    }
    return [
        Series(
            source,
            *SOURCES[source],
            [None if c is None else c.hurst for c in curves],
            nulls=[None if c is None else c.null for c in curves],
        )
        for source, curves in found.items()
    ]


def dimension_series(windows: Sequence[WindowGeometry]) -> list[Series]:
    """Fractal dimension D of the path by window, beside the null."""
    paths = [window.path for window in windows]
    nulls = [window.nulls.get("uncorrelated", {}).get("path_dimension") for window in windows]
    found = [None if path is None else path.dimension for path in paths]
    return [Series("as walked; bar: null, random signs", "o", "C0", found, nulls=nulls)]
