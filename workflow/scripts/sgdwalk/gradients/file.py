"""Gradient statistics of a run as a file: tail indices, histograms, bursts of the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

import h5py
import numpy as np

from sgdwalk.files import hdf5
from sgdwalk.gradients.along_walk import Histogram
from sgdwalk.gradients.tail_record import TailRecord

_TEXT = {
    "quantity": "what the tail index is of",
    "layer": "of which layer; empty for all",
    "method": "likelihood of an alpha-stable law, or log-moments of vectors by means or medians",
}
_NUMBERS = {
    "window_start": ("steps taken before the window; nan: whole run or no window", "step"),
    "window_length": ("recorded positions of the window", "1"),
    "stride": ("steps between them", "step"),
    "step": ("steps taken before the checkpoint", "step"),
    "size": ("values or vectors used", "1"),
    "zeros": ("exact zeros dropped", "1"),
    "nonfinite": ("values dropped because they are not finite", "1"),
    "alpha": ("tail index", "1"),
    "alpha_low": ("low end of its 95 % interval", "1"),
    "alpha_high": ("high end of its 95 % interval", "1"),
    "null_alpha": ("tail index of the null", "1"),
    "null_alpha_low": ("low end of its interval", "1"),
    "null_alpha_high": ("high end of its interval", "1"),
    "beta": ("skewness of the alpha-stable law, Nolan's S0", "1"),
    "scale": ("scale of the alpha-stable law", "1/parameter, or 1 if standardised"),
    "location": ("location of the alpha-stable law, S0", "1/parameter, or 1 if standardised"),
    "gaussian_mean": ("mean of the Gaussian", "1/parameter, or 1 if standardised"),
    "gaussian_sd": ("standard deviation of the Gaussian", "1/parameter, or 1 if standardised"),
    "log_likelihood_ratio": ("stable over Gaussian, per value, natural logarithm", "1"),
    "power_exponent": ("exponent of a power law of the largest magnitudes' tail", "1"),
    "power_error": ("its standard error", "1"),
    "power_size": ("values in that tail", "1"),
    "exponential_ratio": ("log-likelihood ratio of the power law over an exponential", "1"),
    "exponential_p": ("its p-value", "1"),
    "lognormal_ratio": ("log-likelihood ratio of the power law over a log-normal", "1"),
    "lognormal_p": ("its p-value", "1"),
    "rejected_share": ("share of coordinates whose normality is rejected at 5 %", "1"),
    "excess_kurtosis": ("mean excess kurtosis of the coordinates", "1"),
    "kurtosis_null": ("its mean for as many Gaussian numbers", "1"),
    "effective_dimension": ("directions among which vectors scatter", "1"),
    "covariance_trace": ("trace of the covariance of a minibatch gradient", "1/parameter^2"),
    "mean_gradient_norm": ("norm of the mean of the minibatch gradients", "1/parameter"),
}
COLUMNS = (*_TEXT, *_NUMBERS)
_WHOLE = {"window_start", "window_length", "stride", "step", "size", "zeros", "nonfinite"}
WHOLE_NUMBERS = frozenset(_WHOLE | {"power_size"})


@dataclass(frozen=True)
class RunGradients:
    """Gradient statistics of one run as read from a file.

    Attributes:
        rows: one dict per tail index, with all of ``COLUMNS``; nan or "" where undefined.
        histograms: densities of entries: ``run`` of all steps, ``first`` and ``last`` of these
            windows; those missing that could not be made.
        absolute_increment: (S-1,) ``|L_{t+1} - L_t|`` of all steps.
        moving_variance: variance of the loss in a moving window; entry i begins at step i.
        moving_window: steps in that window.
        diverged_at: step whose loss was not finite, or None.
        origin: where the run and this analysis come from.
    """

    rows: list[dict]
    histograms: dict[str, Histogram]
    absolute_increment: np.ndarray
    moving_variance: np.ndarray
    moving_window: int
    diverged_at: int | None
    origin: dict

    def select(self, quantity: str, method: str = "likelihood", **defined: bool) -> list[dict]:
        """Rows of a quantity in which the named columns are defined (True) or not (False)."""
        return [
            row
            for row in self.rows
            if (row["quantity"], row["method"]) == (quantity, method)
            and all(_defined(row[name]) == wanted for name, wanted in defined.items())
        ]


def _defined(value: str | float) -> bool:
    return value != "" if isinstance(value, str) else not np.isnan(value)


def row(record: TailRecord) -> dict:
    """A record under the names of ``COLUMNS``."""
    power = record.power
    values = {
        **dict.fromkeys(_TEXT, ""),
        **dict.fromkeys(_NUMBERS, nan),
        **record.place,
        **record.extra,
        "quantity": record.quantity,
        "method": record.method,
        "gaussian_mean": record.mean,
        "gaussian_sd": record.sd,
        "power_exponent": power.exponent,
        "power_error": power.error,
        "power_size": power.size if power.size else nan,
    }
    for name in ("size", "zeros", "nonfinite", "beta", "scale", "location", "log_likelihood_ratio"):
        values[name] = getattr(record, name)
    for name in ("exponential_ratio", "exponential_p", "lognormal_ratio", "lognormal_p"):
        values[name] = getattr(power, name)
    for name, triple in (("alpha", record.alpha), ("null_alpha", record.null)):
        values[name], values[f"{name}_low"], values[f"{name}_high"] = triple
    return values


def write(
    path: str | Path,
    records: Sequence[TailRecord],
    histograms: Mapping[str, Histogram | None],
    absolute_increment: np.ndarray,
    moving_variance: np.ndarray,
    moving_window: int,
    diverged_at: int | None,
    origin: Mapping,
) -> None:
    """Write the gradient statistics of one run; arguments as in ``RunGradients``."""
    rows = [row(record) for record in records]
    with hdf5.create(path, "gradients", origin) as file:
        file.attrs["diverged_at"] = -1 if diverged_at is None else diverged_at
        file.attrs["moving_window"] = moving_window
        table = file.create_group("tails")
        for name, meaning in _TEXT.items():
            text = np.array([r[name] for r in rows], h5py.string_dtype())
            table.create_dataset(name, data=text).attrs["meaning"] = meaning
        for name, (meaning, unit) in _NUMBERS.items():
            hdf5.put(table, name, np.array([r[name] for r in rows], float), meaning, unit)
        group = file.create_group("histograms")
        for name, histogram in histograms.items():
            if histogram is not None:
                _write_histogram(group.create_group(name), histogram)
        loss = file.create_group("loss")
        hdf5.put(loss, "absolute_increment", absolute_increment, "|loss difference| of each step")
        hdf5.put(loss, "moving_variance", moving_variance, "variance of the loss, moving window")


def _write_histogram(group: h5py.Group, histogram: Histogram) -> None:
    hdf5.put(group, "edges", histogram.edges, "bin edges of gradient entries", "1/parameter")
    hdf5.put(group, "density", histogram.density, "share per width of bin", "parameter")
    hdf5.put(group, "null", histogram.null, "Gaussian scale mixture, mid-bin", "parameter")


def read(path: str | Path) -> RunGradients:
    """Read what ``write`` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, "gradients") as file:
        table = file["tails"]
        columns = {name: table[name].asstr()[()].tolist() for name in _TEXT}
        columns |= {name: table[name][()].tolist() for name in _NUMBERS}
        diverged = int(file.attrs["diverged_at"])
        return RunGradients(
            rows=[
                dict(zip(columns, values, strict=True))
                for values in zip(*columns.values(), strict=True)
            ],
            histograms={
                name: Histogram(*(group[part][()] for part in ("edges", "density", "null")))
                for name, group in file["histograms"].items()
            },
            absolute_increment=file["loss/absolute_increment"][()],
            moving_variance=file["loss/moving_variance"][()],
            moving_window=int(file.attrs["moving_window"]),
            diverged_at=None if diverged < 0 else diverged,
            origin=hdf5.origin(file),
        )
