"""Panels of distances between runs: along training, beside independent walks, and their cosines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from sgdwalk.figures import style
from sgdwalk.geometry.run_distances import PairDistances

# Settings that runs differ by alone in a panel of their own, and how they are called.
ALONE = {"seed": "seed", "learning_rate": "learning rate", "batch_size": "batch size"}
# Of walks from elsewhere nobody knows in what they differ.
WALKS = {"walk": "walks from elsewhere"}
_CALLED = ALONE | WALKS
MOST = 6  # pairs with a colour and a line in the legend of their own
_LETTERS = 12  # of the name of a walk
_BAND: style.Look = {"alpha": 0.2, "lw": 0}


def largest_family(pairs: Sequence[PairDistances], name: str) -> list[PairDistances]:
    """Pairs that differ by one setting alone and agree in all others, the most there are.

    Args:
        pairs: in the order of their runs.
        name: of the setting.

    Returns:
        One pair for each two values of the setting, the one that was followed longest.
    """
    first: dict[str, str] = {}
    families: dict[str, dict[frozenset[str], PairDistances]] = {}
    for pair in pairs:
        if set(pair.differ) != {name}:
            continue
        one = first.setdefault(pair.run_a, pair.run_a)
        found = families.setdefault(first.setdefault(pair.run_b, one), {})
        values = frozenset(pair.differ[name].split(" / "))
        if values not in found or pair.step[-1] > found[values].step[-1]:
            found[values] = pair
    return list(max(families.values(), key=len, default={}).values())


def shared_settings(settings: Mapping[str, Any], name: str) -> str:
    """What runs have in common that differ by a setting alone, as a title."""
    if "model" not in settings:
        return ""
    said = {
        "model": settings["model"],
        "batch_size": f"batch size {settings['batch_size']}",
        "learning_rate": rf"$\eta$ = {settings['learning_rate']:g}",
    }
    return ", ".join(text for key, text in said.items() if key != name)


def draw_distances(axis: Axes, pairs: Sequence[PairDistances], name: str) -> None:
    """Distance of two runs against step, with 95 % bands.

    Dotted, in the colour of the pair, what it would be if their ways from the same start were
    orthogonal; where the starts differ, dashed, how far each run is from its own.

    Args:
        axis: where to.
        pairs: that differ by one setting alone.
        name: of the setting.
    """
    if not pairs:
        style.message(axis, f"no two runs differ by\nthe {_CALLED[name]} alone")
        return
    drawn = pairs if name in ("seed", "walk") else _spread(pairs)
    drawn = sorted(drawn, key=lambda pair: pair.distance[-1], reverse=True)  # as the legend stands
    many = len(drawn) > MOST
    colours = style.colours(len(drawn))
    for pair, colour in zip(drawn, colours, strict=True):
        own, after = "C0" if many else colour, pair.step > 0
        look: style.Look = {"color": own, "lw": 0.7 if many else 1.2}
        step, label = pair.step[after], None if many else _values(pair, name)
        axis.plot(step, pair.distance[after], label=label, **look)
        ends = (pair.distance_low[after], pair.distance_high[after])
        axis.fill_between(step, *ends, color=own, **_BAND)
        if pair.independent is not None:
            axis.plot(step, pair.independent[after], color=own, lw=0.8, ls=":")
    if many:
        axis.plot([], [], color="C0", label=f"{len(drawn)} pairs")
    if any(pair.independent is not None for pair in drawn):
        axis.plot([], [], color=style.NULL_COLOUR, lw=0.8, ls=":", label="null: orthogonal ways")
    if any(pair.independent is None for pair in drawn):
        _draw_ways(axis, drawn)
    axis.set(xscale="log", yscale="log", xlabel="step", ylabel="distance (parameter)")
    style.make_headroom(axis, 0.45)
    axis.legend(loc="upper left", ncols=2, title=_CALLED[name], fontsize=6, title_fontsize=6)


def _values(pair: PairDistances, name: str) -> str:
    """What two runs differ in; names of walks may be long."""
    if name in ALONE:
        return pair.differ[name]
    return " / ".join(style.shortened(run, _LETTERS) for run in (pair.run_a, pair.run_b))


def draw_cosines(axis: Axes, families: Mapping[str, Sequence[PairDistances]]) -> None:
    """Cosine of the ways of two runs from their starts, with 95 % bands, by what they differ in."""
    if not any(families.values()):
        style.message(axis, "no two runs differ by\none of these settings alone")
        return
    for k, (name, pairs) in enumerate(families.items()):
        for pair in pairs if name in ("seed", "walk") else _spread(pairs):
            there = (pair.step > 0) & np.isfinite(pair.cosine)
            step = pair.step[there]
            axis.plot(step, pair.cosine[there], color=f"C{k}", lw=0.8)
            ends = (pair.cosine_low[there], pair.cosine_high[there])
            axis.fill_between(step, *ends, color=f"C{k}", **_BAND)
        if pairs:
            axis.plot([], [], color=f"C{k}", label=_CALLED[name])
    style.null_line(axis, 0)
    axis.set(xscale="log", xlabel="step", ylabel="cosine of ways from the start")
    style.legend_above(axis, size=6)


def _draw_ways(axis: Axes, pairs: Sequence[PairDistances]) -> None:
    """How far runs are from their own starts, each once."""
    ways = {}
    for pair in pairs:
        after = pair.step > 0
        ways[pair.run_a] = (pair.step[after], pair.from_start_a[after])
        ways[pair.run_b] = (pair.step[after], pair.from_start_b[after])
    for way in ways.values():
        axis.plot(*way, color=style.NULL_COLOUR, lw=0.7, ls="--")
    axis.plot([], [], color=style.NULL_COLOUR, lw=0.7, ls="--", label="way from the own start")


def _spread(pairs: Sequence[PairDistances]) -> list[PairDistances]:
    """At most `MOST` of them, evenly, the first and the last among them."""
    chosen = np.linspace(0, len(pairs) - 1, min(len(pairs), MOST)).round().astype(int)
    return [pairs[i] for i in chosen]
