"""Tail indices of what a recorded walk keeps of its gradients, window by window, with their nulls.

A minibatch that is smaller than the others, as an epoch's last one may be, has larger noise, which
would look like heavy tails: its step is left out everywhere. Where the sizes of minibatches were
not recorded the last step of every epoch is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import nan
from typing import Annotated, Any

import numpy as np

from sgdwalk.fits.estimate import Estimate
from sgdwalk.gradients.scale_mixture import (
    scale_mixture_density,
    scale_mixture_interval,
    standardise,
)
from sgdwalk.gradients.stable_fit import fit_stable
from sgdwalk.gradients.tail_record import (
    TailRecord,
    likelihood_record,
    noise_dimension,
    vector_records,
)

_FEWEST_FOR_SCALE = 10  # values behind a scale: fewer would make the null itself heavy-tailed
_FEWEST_BINS, _MOST_BINS = 11, 121


@dataclass(frozen=True)
class Gradients:
    """What is known of the gradients of consecutive steps, or of the whole run.

    Attributes:
        entries: (S, s) entries drawn at random at each step.
        series: (S, C) entries at fixed coordinates.
        layer: (C,) number of the layer of each of these.
        weight: (C,) parameters that each stands for.
        noise_norm: (E, B) norms of full minibatches' gradients minus the epoch's mean.
        noise_gram: (E, n, n) inner products of the first n of these.
        mean_gradient: (E, m) entries of the mean.

    Steps with a smaller minibatch are in none of them.
    """

    entries: np.ndarray
    series: np.ndarray
    layer: np.ndarray
    weight: np.ndarray
    noise_norm: np.ndarray
    noise_gram: np.ndarray
    mean_gradient: np.ndarray


@dataclass(frozen=True)
class Histogram:
    """Density of gradient entries without zeros, beside the Gaussian scale mixture."""

    edges: Annotated[
        np.ndarray, "(bins + 1,) bin edges of gradient entries, finer towards 0", "1/parameter"
    ]
    density: Annotated[np.ndarray, "(bins,) share of entries per width of bin", "parameter"]
    null: Annotated[
        np.ndarray, "(bins,) density of the scale mixture, mid-bin; nan if undefined", "parameter"
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
    first_kept = kept[kept < grams.shape[1]]
    return Gradients(
        entries=entries[steps].astype(float),
        series=series[steps].astype(float),
        layer=layer,
        weight=(sizes / np.maximum(np.bincount(layer, minlength=len(sizes)), 1))[layer],
        noise_norm=norms[here][:, kept],
        noise_gram=grams[here][:, first_kept][:, :, first_kept],
        mean_gradient=epochs.get("mean_gradient", np.zeros((0, 0)))[here].astype(float),
    )


def _full(batch_size: np.ndarray | None, per_epoch: int, steps: int) -> np.ndarray:
    """Whether the minibatch of each step is, or may be taken to be, as large as any."""
    if batch_size is not None and len(batch_size):
        return batch_size == batch_size.max()
    if per_epoch > 1:
        return np.arange(1, steps + 1) % per_epoch != 0
    return np.ones(steps, bool)


@dataclass(frozen=True)
class Mixture:
    """Gaussian scale mixture of c coordinates in w windows.

    Attributes:
        scales: (w, c) standard deviations, positive.
        weights: (w, c) entries that each stands for; 0 for a coordinate without a scale.
        strata: (c,) layer of each coordinate.
    """

    scales: np.ndarray
    weights: np.ndarray
    strata: np.ndarray

    @property
    def defined(self) -> bool:
        """Whether any coordinate has a scale."""
        return bool(self.weights.sum() > 0)

    def null(self, size: int) -> Estimate:
        """Tail index of as many numbers drawn from it."""
        if not self.defined:
            return Estimate.undefined()
        return scale_mixture_interval(self.scales, self.weights, self.strata, size, seed=0)


def scale_mixture_of(columns: np.ndarray, weights: np.ndarray, strata: np.ndarray) -> Mixture:
    """Root mean square of each column without zeros: a Gaussian of mean zero as large as it.

    A column counts with the share of its values that are not zero, as these are what is fitted;
    columns with fewer than ten do not count.

    Args:
        columns: (T, c) values over time.
        weights: (c,) entries that each column stands for.
        strata: (c,) layer of each.
    """
    used = np.isfinite(columns) & (columns != 0)
    count = used.sum(axis=0)
    squares = np.where(used, columns, 0.0) ** 2
    scales = np.sqrt(squares.sum(axis=0) / np.maximum(count, 1))
    known = (count >= _FEWEST_FOR_SCALE) & (scales > 0)
    shares = np.where(known, weights * count / max(len(columns), 1), 0.0)
    return Mixture(np.where(known, scales, 1.0)[None], shares[None], strata)


def pooled_mixture(mixtures: list[Mixture]) -> Mixture:
    """The mixture over coordinates and windows: a scale of its own for each of both."""
    scales, weights = (
        np.concatenate([getattr(m, name) for m in mixtures]) for name in ("scales", "weights")
    )
    return Mixture(scales, weights, mixtures[0].strata)


def entries_mixture(gradients: Gradients) -> Mixture:
    """The Gaussian scale mixture that stands beside pooled entries."""
    return scale_mixture_of(gradients.series, gradients.weight, gradients.layer)


def histogram(entries: np.ndarray, null: Mixture) -> Histogram | None:
    """Density of pooled entries; None without any that is finite and not zero."""
    entries = entries[np.isfinite(entries) & (entries != 0)]
    if not entries.size:
        return None
    unit = float(np.median(np.abs(entries)))
    reach = np.arcsinh(np.abs(entries).max() / unit) * 1.001
    bins = int(np.clip(2 * entries.size**0.5, _FEWEST_BINS, _MOST_BINS)) | 1
    edges = unit * np.sinh(np.linspace(-reach, reach, bins + 1))
    counts, _ = np.histogram(entries, edges)
    middle = (edges[1:] + edges[:-1]) / 2
    density = np.full(bins, nan)
    if null.defined:
        density = scale_mixture_density(middle, null.scales.ravel(), null.weights)
    return Histogram(edges, counts / (entries.size * np.diff(edges)), density)


def finite_rows(series: np.ndarray) -> np.ndarray:
    """Rows in which all is finite."""
    return series[np.isfinite(series).all(axis=1)]


@cache
def standardised_null(times: int, coordinates: int) -> Estimate:
    """Tail index of Gaussian numbers that went through ``standardise``.

    It is below 2 for short series, whose quartiles are uncertain.

    Args:
        times: values per coordinate.
        coordinates: number of coordinates.
    """
    numbers = np.random.default_rng(0).standard_normal((times, max(coordinates, 1)))
    values = standardise(numbers).values
    return fit_stable(values).alpha if values.size else Estimate.undefined()


def window_records(gradients: Gradients, place: Mapping[str, Any]) -> list[TailRecord]:
    """Tail indices of all quantities in one window.

    Args:
        gradients: of the window's steps.
        place: the window's ``window_start``, ``window_length`` and ``stride``.
    """
    series = finite_rows(gradients.series)
    standardised = standardise(series)
    mean = gradients.mean_gradient
    ones = np.ones(mean.shape[1])
    mean_null = scale_mixture_of(mean, ones, ones)
    return [
        likelihood_record(
            "entries",
            place,
            gradients.entries,
            entries_mixture(gradients).null,
            power=True,
        ),
        likelihood_record(
            "standardised entries",
            place,
            standardised.values,
            _same_null(*series.shape),
            zeros=standardised.zeros,
        ),
        likelihood_record("full-batch entries", place, mean, mean_null.null),
        likelihood_record(
            "noise norms",
            place,
            gradients.noise_norm,
            lambda size: _norm_null(gradients, size),
            power=True,
        ),
        *vector_records("noise vectors", place, gradients.noise_gram, seed=0),
    ]


def _norm_null(gradients: Gradients, size: int) -> Estimate:
    """Norms of Gaussian vectors, with each epoch's mean square and the effective dimension."""
    grams = [g for g in gradients.noise_gram if len(g) >= 4 and np.isfinite(g).all()]
    norms = finite_rows(gradients.noise_norm)
    if not grams or not norms.size:
        return Estimate.undefined()
    dimension = np.median([noise_dimension(gram) for gram in grams])
    rms = np.sqrt(np.mean(norms**2, axis=1))
    generator = np.random.default_rng(0)
    chi = np.sqrt(generator.chisquare(dimension, size) / dimension)
    return fit_stable(generator.choice(rms, size) * chi).alpha


def layer_records(windows: list[Gradients], names: list[str]) -> list[TailRecord]:
    """Tail index of each layer, each coordinate standardised within each window.

    Args:
        windows: gradients of each window, or of the whole run.
        names: of the layers.
    """
    series = [(finite_rows(g.series), g.layer) for g in windows]
    records = []
    for number, name in enumerate(names):
        columns = [rows[:, layer == number] for rows, layer in series]
        parts = [standardise(each) for each in columns]
        times, coordinates = columns[0].shape
        records.append(
            likelihood_record(
                "standardised entries",
                {"layer": name},
                np.concatenate([part.values for part in parts]),
                _same_null(times, coordinates * len(columns)),
                zeros=sum(part.zeros for part in parts),
            )
        )
    return records


def _same_null(times: int, coordinates: int) -> Callable[[int], Estimate]:
    """The null of standardised values, however many of them are fitted."""
    return lambda size: standardised_null(times, coordinates)
