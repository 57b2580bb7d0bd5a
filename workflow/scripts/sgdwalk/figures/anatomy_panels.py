"""Panels of the walk: components, memory, anomalous exponents, ageing, multifractality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from sgdwalk.figures import style
from sgdwalk.figures.window_panels import (
    Series,
    draw_along_training,
    shown_windows,
    start_label,
)
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.ageing import Ageing
from sgdwalk.geometry.ensemble import WindowEnsemble
from sgdwalk.geometry.window import WindowGeometry

NULL = style.NULL_COLOUR
EXPONENTS = {"hurst": ("H", "o"), "joseph": ("J", "s"), "noah": ("L", "^"), "moses": ("M", "v")}
VELOCITY_LABELS = {"autocorrelation": "velocity correlation", "reversals": "fraction of reversals"}


def draw_leading_components(axis: Axes, window: WindowGeometry) -> None:
    """The walk on its two leading components, coloured by time, and a Brownian one's cosines."""
    modes = window.modes
    if modes is None or modes.coordinates.shape[1] < 2:
        style.message(axis, "the window is too short")
        return
    steps = window.step + 1
    axis.plot(*modes.brownian_coordinates[:, :2].T, color=NULL, lw=0.8, ls=":", label="Brownian")
    axis.plot(*modes.coordinates[:, :2].T, color="0.8", lw=0.4, zorder=1)
    x, y = modes.coordinates[:, :2].T
    dots = axis.scatter(x, y, c=steps, s=1.5, cmap=style.SEQUENCE, zorder=2)
    bar = axis.figure.colorbar(dots, ax=axis, pad=0.02, aspect=25)
    bar.set_label("step")
    axis.set(xlabel="first component (parameter)", ylabel="second (parameter)")
    axis.set_title(start_label(window), fontsize=7)


def draw_variance_shares(axis: Axes, window: WindowGeometry) -> None:
    """Shares of the variance about the mean position, beside those of random walks."""
    modes = window.modes
    if modes is None:
        style.message(axis, "the window is too short")
        return
    share = modes.shares["centred"]
    order = np.arange(1, share.size + 1)
    for kind, colour, label in (
        ("uncorrelated", NULL, "null: random signs"),
        ("same_autocorrelation", "C1", "same autocorrelation of steps"),
    ):
        nulls = [window.nulls.get(kind, {}).get(f"centred_share_{k}") for k in order]
        ends = {k: (e.low, e.high) for k, e in zip(order, nulls, strict=True) if e is not None}
        if ends:
            low, high = np.maximum(list(ends.values()), 1e-6).T
            axis.fill_between(list(ends), low, high, color=colour, alpha=0.3, lw=0, label=label)
    long = r"$6 / (\pi k)^2$" if window.stride is not None else "Brownian, same steps"
    axis.plot(order, modes.brownian["centred"], color=NULL, ls=":", label=long)
    axis.plot(order, share, "o", ms=3, color="C0", label="as walked")
    axis.set(xscale="log", yscale="log", xlabel="component", ylabel="share of the variance")
    axis.set_title(start_label(window), fontsize=7)
    axis.legend(loc="lower left", fontsize=5.5)


def draw_first_shares(axis: Axes, windows: Sequence[WindowGeometry]) -> None:
    """Share of the first component by window in every frame.

    Bars are those of random signs, dashes walks whose steps have the same autocorrelation.
    """
    looks = {"centred": ("o", "C0"), "uncentred": ("s", "C2"), "row_normalised": ("^", "C4")}
    series = []
    for frame, (marker, colour) in looks.items():
        found = [
            None if w.modes is None else Estimate(float(w.modes.shares[frame][0])) for w in windows
        ]
        nulls, alike = (
            [w.nulls.get(kind, {}).get(f"{frame}_share_1") for w in windows]
            for kind in ("uncorrelated", "same_autocorrelation")
        )
        label = frame.replace("_", "-")
        series.append(Series(label, marker, colour, found, nulls=nulls, others=alike))
    draw_along_training(axis, windows, series, "share of the first component")
    axis.margins(y=0.15)
    said = "bar: random signs; dash: same autocorrelation"
    axis.text(0.02, 0.02, said, transform=axis.transAxes, fontsize=5.5)


def draw_lag_curves(axis: Axes, windows: Sequence[WindowGeometry], name: str, label: str) -> None:
    """A mean over pairs of increments against their lag, with 95 % band and null.

    Args:
        axis: where to.
        windows: of one family; the first, the middle and the last are drawn.
        name: key of the windows' `velocity`.
        label: of the ordinate.
    """
    for window, colour in shown_windows(windows):
        curve = window.velocity.get(name)
        if curve is None:
            continue
        axis.plot(curve.lag, curve.value, color=colour, lw=0.9)
        band = (curve.value - 1.96 * curve.error, curve.value + 1.96 * curve.error)
        axis.fill_between(curve.lag, *band, color=colour, alpha=0.2, lw=0)
        axis.axhline(curve.null, color=colour, lw=0.8, ls=":")
    axis.set(xscale="log", xlabel=style.LAG, ylabel=label)


def ensemble_series(windows: Sequence[WindowEnsemble]) -> list[Series]:
    """H, J, L, M and the excess over their sum rule, pooled over seeds."""
    names = {**EXPONENTS, "excess": ("$H - J - L - M + 1$", "D")}
    return [
        Series(
            symbol,
            marker,
            f"C{k}",
            [getattr(window.exponents, name, None) for window in windows],
        )
        for k, (name, (symbol, marker)) in enumerate(names.items())
    ]


def draw_ageing(axis: Axes, found: Ageing | None) -> None:
    """MSD at fixed lags against the age of the walk, beside a walk that does not age."""
    if found is None:
        style.message(axis, "fewer than two windows of one family")
        return
    for k, (lag, colour) in enumerate(zip(found.lag, style.colours(len(found.lag)), strict=True)):
        relative = found.msd[:, k] / found.stationary[k]
        error = 1.96 * found.error[:, k] / found.stationary[k]
        fit = found.fits[k].exponent.value
        law = rf": $\propto$ age$^{{{fit:.2f}}}$" if np.isfinite(fit) else ""
        axis.errorbar(
            found.start + 1,
            relative,
            np.minimum(np.nan_to_num(error), 0.9 * relative),
            fmt="o-",
            ms=3,
            lw=0.8,
            color=colour,
            label=rf"$\tau = {lag}${law}",
        )
    style.null_line(axis, 1, width=0.8)
    axis.set(yscale="log", ylabel="MSD / mean over windows")
    first = found.start + 1
    style.window_axis(axis, first, 0.05 * (first[-1] - first[0]))
    axis.legend(loc="best")


def draw_ergodicity(axis: Axes, windows: Sequence[WindowEnsemble]) -> None:
    """EB(lag) over seeds with intervals, and that of Brownian walks."""
    found = [(w, w.ergodicity) for w in windows if w.ergodicity is not None]
    if not found:
        style.message(axis, "needs three or more seeds\nof the same settings")
        return
    for (window, e), colour in zip(found, style.colours(len(found)), strict=True):
        label = f"{start_label(window)}, stride {window.stride}"
        axis.plot(e.lag, e.breaking, color=colour, label=label)
        axis.fill_between(e.lag, e.low, e.high, color=colour, alpha=0.2, lw=0)
        axis.plot(e.lag, e.brownian, color=colour, lw=0.8, ls=":")
    axis.plot([], [], color=NULL, lw=0.8, ls=":", label="null: Brownian")
    seeds = max(window.seeds for window, _ in found)
    drawn = np.concatenate([[e.breaking, e.brownian] for _, e in found], axis=1)
    axis.set_ylim(drawn[drawn > 0].min() / 10, drawn.max() * 100)  # few seeds: endless bands
    axis.set(xscale="log", yscale="log", xlabel=style.LAG, ylabel=r"EB($\tau$)")
    axis.set_title(f"{seeds} seeds", fontsize=7)
    axis.legend(loc="upper right")


def draw_structure_functions(axis: Axes, window: WindowGeometry) -> None:
    """Structure functions of the loss against distance, with their power laws."""
    found = window.distance.structure
    if found is None:
        style.message(axis, "minibatch noise covers the loss differences:\nrecord a probe")
        return
    for k, (q, colour) in enumerate(
        zip(found.orders, style.colours(len(found.orders)), strict=True)
    ):
        axis.plot(found.separation, found.moments[k], ".", ms=2, color=colour, label=f"q = {q:g}")
        fit = found.fits[k]
        if fit.exponent.defined:
            x = np.array([fit.fit_low, fit.fit_high])
            axis.plot(x, fit(x), color=colour, lw=0.9)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="distance $r$ (parameter)",
        ylabel=r"$\langle |dL|^q \rangle$ (loss$^q$)",
    )
    axis.legend(loc="lower right", fontsize=5, ncols=2)
    axis.set_title(start_label(window), fontsize=7)


def draw_zeta(axis: Axes, windows: Sequence[WindowGeometry]) -> None:
    """Scaling exponents zeta(q) beside the line of a monofractal."""
    drawn = False
    for window, colour in shown_windows(windows):
        found = window.distance.structure
        if found is None or not np.isfinite(found.zeta).any():
            continue
        drawn = True
        c = found.curvature
        label = f"{start_label(window)}: c = {c.value:.2f} ({c.low:.2f}, {c.high:.2f})"
        exponents = [fit.exponent for fit in found.fits]
        look = {"fmt": "o", "ms": 2.5, "color": colour, "label": label}
        style.interval_bars(axis, found.orders, exponents, **look)
        axis.plot(found.orders, found.monofractal_zeta, color=colour, lw=0.8, ls=":")
    if not drawn:
        style.message(axis, "minibatch noise covers the loss differences:\nrecord a probe")
        return
    axis.plot([], [], color=NULL, lw=0.8, ls=":", label="null: monofractal")
    axis.set(xlabel="order $q$", ylabel=r"$\zeta(q)$")
    axis.legend(loc="upper left", fontsize=5.5)


def draw_spanning_trees(axis: Axes, window: WindowGeometry) -> None:
    """Length of minimum spanning trees against the number of positions."""
    found = window.homology
    if found is None:
        style.message(axis, "fewer than 50 positions")
        return
    text = f"dimension {found.dimension:.2f}"
    null = window.nulls.get("uncorrelated", {}).get("homology_dimension")
    if null is not None and null.defined:
        text += f"\nnull, random signs: {null.low:.2f} to {null.high:.2f}"
    axis.plot(found.size, found.length.mean(axis=0), "o-", ms=2.5, lw=0.8, label=text)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="positions sampled",
        ylabel="length of spanning tree (parameter)",
    )
    axis.set_title(start_label(window), fontsize=7)
    axis.legend(loc="lower right", fontsize=5.5)
