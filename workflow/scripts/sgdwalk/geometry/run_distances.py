"""Distances between runs: walks of one network that were recorded with one sketch share a space.

What is exact helps what is not. With ``u``, ``v`` the ways of two runs from their starts, the norms
are known and only the cosine c is of sketches: those of ``u / |u|`` and ``v / |v|`` have entries
that are Gaussian pairs of variance 1 / k and correlation c, as each is a sum over many parameters.
The likelihood is largest where (Li, Hastie and Church 2006, COLT), with a the sum of both squared
sketches and b their product,

    c^3 - b c^2 + (a - 1) c - b = 0,

and artanh c has the standard error ``1 / sqrt(k (1 + c^2))``. Runs from one start have the distance
``sqrt(|u|^2 + |v|^2 - 2 |u| |v| c)``, which knows more than the sketch of ``u - v``. For runs from
different starts there is that sketch alone: its square over the true one is chi-squared over k.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from sgdwalk.files.table import versions_cell
from sgdwalk.fits.estimate import Estimate
from sgdwalk.geometry.setting_differences import differences
from sgdwalk.recording.trajectory import Trajectory

PER_DECADE = 6  # steps that are looked at
MOST_PAIRS = 200
_SAME_START = 1e-6  # relative distance: two machines need not round alike
_HALVINGS = 100


@dataclass(frozen=True)
class PairDistances:
    """Two runs at n steps that both have taken.

    Ends are of 95 % intervals over sketches, and the numbers themselves where a sketch is exact.
    All steps of a pair share one map, so their errors go together. The distance of independent
    walks is None for runs that start at different points.
    """

    run_a: Annotated[str, "the one run"]
    run_b: Annotated[str, "the other"]
    differ: Annotated[dict[str, str], "setting that differs: its value in either"]
    versions: Annotated[str, "versions of the libraries that trained them"]
    k: Annotated[int, "numbers of a sketch"]
    step: Annotated[np.ndarray, "(n,) steps taken", "step"]
    distance: Annotated[np.ndarray, "(n,) distance of their positions", "parameter"]
    distance_low: Annotated[np.ndarray, "(n,) low end of it", "parameter"]
    distance_high: Annotated[np.ndarray, "(n,) high end of it", "parameter"]
    independent: Annotated[
        np.ndarray | None,
        "(n,) what it would be if their ways were orthogonal, as those of independent walks",
        "parameter",
    ]
    from_start_a: Annotated[np.ndarray, "(n,) way of the one from its own start", "parameter"]
    from_start_b: Annotated[np.ndarray, "(n,) way of the other", "parameter"]
    cosine: Annotated[np.ndarray, "(n,) cosine of these ways; nan where one is none"]
    cosine_low: Annotated[np.ndarray, "(n,) low end of it"]
    cosine_high: Annotated[np.ndarray, "(n,) high end of it"]


@dataclass(frozen=True)
class RunDistances:
    """Pairs of runs of one network that were sketched alike, by the order of the runs."""

    pairs: tuple[PairDistances, ...]
    missing: Annotated[dict[str, str], "why a run, the rest of it, or pairs are not there"]
    origin: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Walk:
    """A run at some of its steps: its way there from its start, sketched, and how long that is."""

    space: tuple[Any, ...]
    start: np.ndarray
    step: np.ndarray
    way: np.ndarray
    from_start: np.ndarray
    exact: bool
    versions: str


def analyse(
    paths: Mapping[str, str | Path],
    settings: Mapping[str, Mapping[str, Any]],
    at: Sequence[int] = (),
) -> RunDistances:
    """Compare every two runs that live in one space; above `MOST_PAIRS` pairs, some of them.

    One sketch at a time is in memory. Steps are a few per decade, the same for all pairs, and the
    length of every run. A walk that was broken, or diverged, is known up to there.

    Args:
        paths: trajectory files by run.
        settings: of the trainings, by run. Of a walk from elsewhere its `steps` and, in place of
            all others, its name as `walk`.
        at: further steps that are looked at, as those of checkpoints.

    Raises:
        InputError: for a file that is no whole trajectory.
    """
    grid = np.union1d(looked_at([s["steps"] for s in settings.values()]), at).astype(int)
    walks, missing = {}, {}
    for run, path in paths.items():
        trajectory = Trajectory(path)
        walk = _read(trajectory, grid)
        if walk is None:
            missing[run] = "recorded without a sketch, or from a start that is not finite"
            continue
        walks[run] = walk
        if walk.step[-1] < settings[run]["steps"]:
            missing[run] = f"known up to step {walk.step[-1]} of {settings[run]['steps']}"
    pairs = [(a, b) for a, b in combinations(walks, 2) if walks[a].space == walks[b].space]
    paired = {run for pair in pairs for run in pair}
    for run in walks:
        if run not in paired:
            missing[run] = "no other run of its network was sketched alike"
    differ = {(a, b): _differences(settings, a, b) for a, b in pairs}
    chosen, said = _chosen(differ)
    if said:
        missing["pairs"] = said
    found = tuple(_pair((a, b), walks[a], walks[b], differ[a, b]) for a, b in chosen)
    return RunDistances(found, missing)


def _differences(settings: Mapping[str, Mapping[str, Any]], a: str, b: str) -> dict[str, str]:
    if "walk" in settings[a] or "walk" in settings[b]:  # nobody knows in what else
        return {"walk": f"{a} / {b}"}
    return differences(settings[a], settings[b])


def looked_at(lengths: Sequence[int]) -> np.ndarray:
    """Steps at which runs are compared: 0, `PER_DECADE` of every decade, and the runs' lengths."""
    longest = max(lengths, default=0)
    powers = np.arange(PER_DECADE * len(str(longest)) + 1) / PER_DECADE
    steps = {0, *np.round(10**powers).astype(int).tolist(), *lengths}
    return np.array(sorted(step for step in steps if step <= longest))


def distance_rows(result: RunDistances) -> list[dict[str, Any]]:
    """Rows of ``run_distances.csv``: one per pair and step."""
    rows = []
    for pair in result.pairs:
        names = {
            "run_a": pair.run_a,
            "run_b": pair.run_b,
            "differ": ", ".join(f"{name} {values}" for name, values in pair.differ.items()),
            "versions": pair.versions,
        }
        for i, step in enumerate(pair.step.tolist()):
            cosine = Estimate(*(float(e[i]) for e in _ends(pair, "cosine")))
            reasons = []
            if not np.isfinite(pair.from_start_a[i] + pair.from_start_b[i]):
                reasons.append("distance, cosine: how far a run is from its start is not known")
            elif not cosine.defined:
                reasons.append("cosine: a run is at its start")
            if pair.independent is None:
                reasons.append("distance_null: the runs start at different points")
            row = {
                "step": step,
                "distance": Estimate(*(float(e[i]) for e in _ends(pair, "distance"))),
                "distance_null": None if pair.independent is None else float(pair.independent[i]),
                "from_start_a": float(pair.from_start_a[i]),
                "from_start_b": float(pair.from_start_b[i]),
                "cosine": cosine,
                "undefined": "; ".join(reasons),
            }
            rows.append({**names, **row})
    return rows


def _ends(pair: PairDistances, name: str) -> list[np.ndarray]:
    return [getattr(pair, name + end) for end in ("", "_low", "_high")]


def _chosen(
    differ: Mapping[tuple[str, str], Mapping[str, str]],
) -> tuple[list[tuple[str, str]], str | None]:
    """Pairs that are compared, and what is said of the others."""
    if len(differ) <= MOST_PAIRS:
        return list(differ), None
    alone = [pair for pair, settings in differ.items() if len(settings) == 1]
    said = f"of {len(differ)} the {len(alone)} that differ in one setting alone are compared"
    if len(alone) <= MOST_PAIRS:
        return alone, said
    every = -(-len(alone) // MOST_PAIRS)
    return alone[::every], f"{said}, one in {every} of them"


def _read(trajectory: Trajectory, grid: np.ndarray) -> _Walk | None:
    """A run at steps of the grid and at its last one, as far as it is known from its start on."""
    sketch = trajectory.sketch
    if sketch is None or not np.isfinite(sketch.start).all():
        return None
    first = next(iter(sketch.stretches()), (0, 1))
    last = first[1] - 1 if first[0] == 0 else 0
    known = np.arange(last + 1) if sketch.step is None else sketch.step[: last + 1]
    step = np.union1d(np.intersect1d(grid, known), known[-1:]).astype(int)
    index = np.searchsorted(known, step)
    return _Walk(
        (tuple(trajectory.layers), sketch.k, sketch.seed),
        sketch.start,
        step,
        sketch.positions(index) - sketch.start,
        sketch.distance_from_start[index],
        sketch.exact,
        versions_cell({"run": trajectory.origin}),
    )


def _pair(runs: tuple[str, str], a: _Walk, b: _Walk, differ: dict[str, str]) -> PairDistances:
    step, at_a, at_b = np.intersect1d(a.step, b.step, return_indices=True)
    k = a.start.size
    way_a, way_b = a.way[at_a], b.way[at_b]
    long_a, long_b = a.from_start[at_a], b.from_start[at_b]
    apart = a.start - b.start
    same = bool(np.linalg.norm(apart) <= _SAME_START * np.linalg.norm(a.start))
    gap = lack_of_cosine(way_a, way_b, long_a, long_b)
    if a.exact:
        gap = (gap[0], gap[0], gap[0])
    if same:
        products = 2 * long_a * long_b
        squares = ((long_a - long_b) ** 2 + np.where(products > 0, products * g, 0) for g in gap)
        distance, low, high = map(np.sqrt, squares)
    else:
        distance = low = high = np.linalg.norm(apart + way_a - way_b, axis=1)
        if not a.exact:
            low, high = ends_of_norms(distance, k)
    return PairDistances(
        run_a=runs[0],
        run_b=runs[1],
        differ=differ,
        versions=a.versions if a.versions == b.versions else f"{a.versions} / {b.versions}",
        k=k,
        step=step,
        distance=distance,
        distance_low=low,
        distance_high=high,
        independent=np.hypot(long_a, long_b) if same else None,
        from_start_a=long_a,
        from_start_b=long_b,
        cosine=1 - gap[0],
        cosine_low=1 - gap[2],
        cosine_high=1 - gap[1],
    )


def lack_of_cosine(
    one: np.ndarray, other: np.ndarray, norms: np.ndarray, other_norms: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """1 - c of vectors from their sketches and exact norms: exact where they are alike, c near 1.

    Args:
        one: (n, k) sketches.
        other: (n, k) of what they are compared with.
        norms: (n,) norms of the vectors that were sketched.
        other_norms: (n,) of the others.

    Returns:
        Three (n,): the number, the low and the high end of its 95 % interval; nan where a norm is
        zero.
    """
    from scipy.special import stdtrit

    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = one / norms[:, None], other / other_norms[:, None]
    apart, product = ((p - q) ** 2).sum(axis=1), (p * q).sum(axis=1)
    low, high = np.zeros_like(apart), np.full_like(apart, 2.0)
    # the cubic in 1 - c, in which nothing cancels: negative at 0 and positive at 2
    for _ in range(_HALVINGS):
        gap = (low + high) / 2
        above = ((gap - 3 + product) * gap + 2 + apart) * gap > apart
        low, high = np.where(above, low, gap), np.where(above, gap, high)
    gap = np.where(apart > 0, gap, np.where(apart == 0, 0.0, np.nan))
    error = float(stdtrit(one.shape[1], 0.975)) / np.sqrt(one.shape[1] * (1 + (1 - gap) ** 2))
    # artanh c shifted by the error either way
    low, high = (2 * gap / (gap + (2 - gap) * np.exp(2 * w * error)) for w in (1, -1))
    return gap, low, high


def ends_of_norms(norms: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of the norms of vectors from those of their sketches.

    Args:
        norms: (n,) of the sketches, which are what is known.
        k: numbers of a sketch.

    Returns:
        Two (n,): low and high ends.
    """
    from scipy.special import gammaincinv

    low, high = (norms * np.sqrt(k / (2 * gammaincinv(k / 2, p))) for p in (0.975, 0.025))
    return low, high
