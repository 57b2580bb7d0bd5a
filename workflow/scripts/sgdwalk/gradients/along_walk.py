"""Tail indices of what a recorded walk keeps of its gradients, window by window, with their nulls.

A minibatch that is smaller than the others, as an epoch's last one may be, has larger noise, which
would look like heavy tails: its step is left out everywhere. Where the sizes of minibatches were
not recorded the last step of every epoch is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Annotated, Any

import numpy as np

from sgdwalk.gradients.rotations import DRAWS, FEWEST_ROTATED, rotated_grams, rotated_rows
from sgdwalk.gradients.stable_fit import TailIndex
from sgdwalk.gradients.standardise import standardise_runs
from sgdwalk.gradients.tail_record import (
    TailRecord,
    alpha_or_nan,
    drawn_alphas,
    likelihood_record,
    vector_records,
)

_FEWEST_BINS, _MOST_BINS = 11, 121
_DENSITY_DRAWS = 10
_EPOCH_BLOCK = 8  # fewest epochs in a block of rotations
_POOLED = "scales that differ between parameters lower it too, and its null knows those recorded"

# Values of one draw of a null.
Draw = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Gradients:
    """What is known of the gradients of consecutive steps, or of the whole run.

    Attributes:
        entries: (S, s) entries drawn at random at each step.
        series: (S, C) entries at fixed coordinates.
        layer: (C,) number of the layer of each of these.
        weight: (C,) parameters that each stands for.
        noise_gram: (E, n, n) inner products of gradients minus their mean, of the full minibatches
            among the first 128 of an epoch.
        mean_gradient: (E, m) entries of each epoch's mean gradient.
        no_epoch: why there is no epoch, if there is none.

    Steps with a smaller minibatch are in none of them, and epochs whose noise is not finite.
    """

    entries: np.ndarray
    series: np.ndarray
    layer: np.ndarray
    weight: np.ndarray
    noise_gram: np.ndarray
    mean_gradient: np.ndarray
    no_epoch: str = ""


@dataclass(frozen=True)
class Histogram:
    """Density of gradient entries without zeros, beside that of their null."""

    edges: Annotated[
        np.ndarray, "(bins + 1,) bin edges of gradient entries, finer towards 0", "1/parameter"
    ]
    density: Annotated[np.ndarray, "(bins,) share of entries per width of bin", "parameter"]
    null: Annotated[
        np.ndarray, "(bins,) density of the null of entries; nan if undefined", "parameter"
    ]


def gradients_between(
    recorded: dict[str, np.ndarray],
    epochs: dict[str, np.ndarray],
    sizes: np.ndarray,
    first: int,
    stop: int,
    batch_size: np.ndarray | None = None,
) -> Gradients:
    """What was recorded from one step to another, of minibatches of full size.

    Args:
        recorded: gradient samples and series of the whole run, as in a trajectory file; any may be
            missing.
        epochs: gradient noise of all epochs, likewise.
        sizes: (L,) parameters of each layer.
        first: first step.
        stop: step after the last; epochs count if they lie within wholly.
        batch_size: (steps,) samples of every minibatch of the run; None where that is not known.
    """
    norms = epochs.get("noise_norm", np.zeros((0, 0)))
    grams = epochs.get("noise_gram", np.zeros((0, 0, 0)))
    count, per_epoch = norms.shape
    series = recorded.get("series_gradient", np.zeros((stop, 0)))
    entries = recorded.get("sample_value", np.zeros((stop, 0)))
    index = recorded.get("series_index", np.zeros(0, int))
    layer = np.searchsorted(np.cumsum(sizes), index, side="right")
    length = max(len(series), len(entries))
    full = _full(batch_size, per_epoch, max(length, count * per_epoch))
    steps = np.arange(first, min(stop, length, len(full)))
    steps = steps[full[steps]]
    begin, end = (-(-first // per_epoch), stop // per_epoch) if per_epoch > 1 else (0, 0)
    here = slice(begin, max(begin, end))
    # those that are full in every epoch, so that epochs have as many each
    kept = np.flatnonzero(full[: count * per_epoch].reshape(norms.shape)[here].all(axis=0))
    kept = kept[kept < grams.shape[1]]
    noise = _centred(grams[here][:, kept][:, :, kept].astype(float))
    mean = epochs.get("mean_gradient", np.zeros((0, 0)))[here].astype(float)
    if per_epoch < 2:
        no_epoch = "no noise of epochs was recorded"
    elif begin >= end:
        no_epoch = f"no epoch of {per_epoch} steps lies wholly in the window"
    else:
        no_epoch = "no epoch has finite noise"
    return Gradients(
        entries=entries[steps].astype(float),
        series=series[steps].astype(float),
        layer=layer,
        weight=(sizes / np.maximum(np.bincount(layer, minlength=len(sizes)), 1))[layer],
        noise_gram=noise,
        mean_gradient=mean,
        no_epoch=no_epoch,
    )


def _centred(grams: np.ndarray) -> np.ndarray:
    """Inner products (E, n, n) of vectors minus their mean, where they are finite and not zero."""
    usable = np.isfinite(grams).all(axis=(1, 2)) & (np.trace(grams, axis1=1, axis2=2) > 0)
    centred = grams[usable]
    for axis in (1, 2):
        centred = centred - centred.mean(axis=axis, keepdims=True) if centred.size else centred
    return centred


def _full(batch_size: np.ndarray | None, per_epoch: int, steps: int) -> np.ndarray:
    """Whether the minibatch of each step is, or may be taken to be, as large as any."""
    if batch_size is not None and len(batch_size):
        return batch_size == batch_size.max()
    if per_epoch > 1:
        return np.arange(1, steps + 1) % per_epoch != 0
    return np.ones(steps, bool)


def finite_rows(series: np.ndarray) -> np.ndarray:
    """Rows in which all is finite."""
    return series[np.isfinite(series).all(axis=1)]


def entries_draw(gradients: Gradients) -> Draw | str:
    """The null of pooled entries, or why there is none.

    As many entries per step, at coordinates drawn by what they stand for, from the series of the
    recorded coordinates rotated in blocks: each Gaussian with its own mean and scale in each block.
    That only some coordinates are recorded is in its scatter: they are drawn anew, with
    replacement, within each layer.
    """
    series = finite_rows(gradients.series)
    if not series.shape[1]:
        return "no fixed coordinates were recorded"
    if len(series) < FEWEST_ROTATED:
        return f"{len(series)} steps; at least {FEWEST_ROTATED} are needed"
    members = [np.flatnonzero(gradients.layer == k) for k in np.unique(gradients.layer)]
    per_step = gradients.entries.shape[1]

    def draw(generator: np.random.Generator) -> np.ndarray:
        chosen = np.concatenate([generator.choice(m, len(m)) for m in members])
        share = gradients.weight[chosen] / gradients.weight[chosen].sum()
        columns = generator.choice(chosen, (len(series), per_step), p=share)
        turned = rotated_rows(series, generator)
        return turned[np.arange(len(series))[:, None], columns]

    return draw


def histogram(entries: np.ndarray, null: Draw | str) -> Histogram | None:
    """Density of pooled entries; None without any that is finite and not zero."""
    entries = entries[np.isfinite(entries) & (entries != 0)]
    if not entries.size:
        return None
    unit = float(np.median(np.abs(entries)))
    reach = np.arcsinh(np.abs(entries).max() / unit) * 1.001
    bins = int(np.clip(2 * entries.size**0.5, _FEWEST_BINS, _MOST_BINS)) | 1
    edges = unit * np.sinh(np.linspace(-reach, reach, bins + 1))
    counts, _ = np.histogram(entries, edges)
    width = np.diff(edges)
    density = np.full(bins, nan)
    if not isinstance(null, str):
        generator = np.random.default_rng(0)
        drawn = np.concatenate([null(generator).ravel() for _ in range(_DENSITY_DRAWS)])
        drawn = drawn[drawn != 0]
        density = np.histogram(drawn, edges)[0] / (max(drawn.size, 1) * width)
    return Histogram(edges, counts / (entries.size * width), density)


def entries_record(gradients: Gradients, place: Mapping[str, Any]) -> TailRecord:
    """Tail index of pooled entries, of a window or of the whole run.

    Args:
        gradients: of its steps.
        place: the window's ``window_start``, ``window_length`` and ``stride``; nothing for the run.
    """
    draw = entries_draw(gradients)
    return likelihood_record(
        "entries",
        {**place, "note": _POOLED},
        gradients.entries,
        _rows(gradients.entries),
        draw if isinstance(draw, str) else lambda: drawn_alphas(draw),
        power=True,
        empty="no gradient entries were recorded",
    )


def window_records(gradients: Gradients, place: Mapping[str, Any]) -> list[TailRecord]:
    """Tail indices of all quantities in one window.

    Args:
        gradients: of the window's steps.
        place: the window's ``window_start``, ``window_length`` and ``stride``.
    """
    series = finite_rows(gradients.series)
    standardised = standardise_runs(series)
    mean, grams = finite_rows(gradients.mean_gradient), gradients.noise_gram
    norms = relative_norms(grams)
    return [
        entries_record(gradients, place),
        likelihood_record(
            "standardised entries",
            place,
            standardised.values,
            standardised.time,
            lambda: drawn_alphas(lambda rng: standardise_runs(rotated_rows(series, rng)).values),
            zeros=standardised.zeros,
            empty="no coordinate has 20 values that differ and are not zero",
        ),
        likelihood_record(
            "full-batch entries",
            {**place, "note": _POOLED},
            mean,
            _rows(mean),
            lambda: drawn_alphas(lambda rng: rotated_rows(mean, rng, _EPOCH_BLOCK)),
            empty=gradients.no_epoch,
        ),
        likelihood_record(
            "noise norms",
            place,
            norms,
            _rows(norms),
            lambda: drawn_alphas(lambda rng: relative_norms(rotated_grams(grams, rng))),
            power=True,
            empty=gradients.no_epoch,
        ),
        *vector_records("noise vectors", place, grams, empty=gradients.no_epoch),
    ]


def relative_norms(grams: np.ndarray) -> np.ndarray:
    """Norms (E, n) of vectors over their set's root mean square, from inner products (E, n, n)."""
    squares = np.maximum(np.diagonal(grams, axis1=1, axis2=2), 0)
    return np.sqrt(squares / squares.mean(axis=1, keepdims=True)) if squares.size else squares


def _rows(values: np.ndarray) -> np.ndarray:
    return np.arange(len(values))[:, None]


def layer_records(windows: list[Gradients], names: list[str]) -> list[TailRecord]:
    """Tail index of each layer, each coordinate standardised within runs of steps.

    Args:
        windows: gradients of each window, or of the whole run.
        names: of the layers.
    """
    series = [finite_rows(g.series) for g in windows]
    layer = windows[0].layer
    start = np.cumsum([0, *(len(rows) for rows in series)])
    parts = [standardise_runs(rows) for rows in series]
    generator, indices = np.random.default_rng(0), [TailIndex() for _ in names]
    null = np.empty((DRAWS, len(names)))
    for draw in null:
        turned = [standardise_runs(rotated_rows(rows, generator)) for rows in series]
        ends = [np.searchsorted(layer[p.coordinate], range(len(names) + 1)) for p in turned]
        for k, index in enumerate(indices):
            pairs = zip(turned, ends, strict=True)
            values = np.concatenate([p.values[end[k] : end[k + 1]] for p, end in pairs])
            draw[k] = alpha_or_nan(index, values)
    records = []
    for k, name in enumerate(names):
        chosen = [layer[part.coordinate] == k for part in parts]
        both = list(zip(parts, chosen, strict=True))
        times = [part.time[these] + t for (part, these), t in zip(both, start[:-1], strict=True)]
        records.append(
            likelihood_record(
                "standardised entries",
                {"layer": name},
                np.concatenate([part.values[these] for part, these in both]),
                np.concatenate(times),
                null[:, k].tolist,
                zeros=sum(int(np.count_nonzero(rows[:, layer == k] == 0)) for rows in series),
                empty="no coordinate has 20 values that differ and are not zero",
            )
        )
    return records
