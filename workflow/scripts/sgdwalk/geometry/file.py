"""The geometry of a run's windows as a file: written by one job, read by tables and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sgdwalk.files import hdf5, records
from sgdwalk.geometry.ageing import Ageing
from sgdwalk.geometry.window import WindowGeometry

# By pattern of the dataset's path; the first that matches counts.
_LOSS_BY_SEPARATION = {
    "*/orders": ("orders q of the structure functions", "1"),
    "*/moments": ("structure functions <|dL|^q>, a row per order", "loss^q"),
    "*/moments_error": ("their standard errors", "loss^q"),
    "*/fits": ("power law of the structure function of each order", "1"),
    "*/curvature": ("curvature c of zeta(q) = h q + c q^2", "1"),
    "*/separation": ("mean separation of the bin's pairs", "parameter"),
    "*/msl": ("mean squared loss difference, noise floor subtracted", "loss^2"),
    "*/msl_error": ("standard error of msl", "loss^2"),
    "*/msl_upper": ("upper end of the 95 % interval of msl", "loss^2"),
    "*/floor": ("noise floor that was subtracted", "loss^2"),
    "*/upper_limit": ("msl does not stand out from the noise: an upper limit", "1"),
    "*/pairs": ("pairs of positions in the bin", "1"),
    "*/fit": ("power law of msl, its exponent 2 H", "1"),
}
MEANINGS = {
    "length": ("recorded positions", "1"),
    "stride": ("optimizer steps between recorded positions", "step"),
    "start": ("optimizer steps taken before the first position", "step"),
    "missing/*": ("why this analysis could not be made", "1"),
    **{f"distance/{pattern}": said for pattern, said in _LOSS_BY_SEPARATION.items()},
    **{f"contour/{pattern}": said for pattern, said in _LOSS_BY_SEPARATION.items()},
    "path/contour_by_lag/abscissa": ("mean lag", "step"),
    "path/*/abscissa": ("mean displacement, or contour length for msd_by_contour", "parameter"),
    "path/msd_by_contour/mean": ("mean squared displacement", "parameter^2"),
    "path/msd_by_contour/error": ("its standard error", "parameter^2"),
    "path/*/mean": ("mean contour length", "parameter"),
    "path/*/error": ("its standard error", "parameter"),
    "path/*/pairs": ("pairs of positions in the bin", "1"),
    "path/*/fit": ("power law of the mean", "1"),
    "path/dimension": ("fractal dimension D of the path", "1"),
    "path/shuffled_dimension": ("D of the same increments in random order", "1"),
    "path/shuffled_contour": ("mean contour length of those, by lag", "parameter"),
    "path/shuffled_msd": ("mean squared displacement of those, by lag", "parameter^2"),
    "path/pairs": ("contour length and squared distance of random pairs", "parameter; parameter^2"),
    "*excursions/*/length": ("increments of a fragment", "1"),
    "*excursions/*/start": ("index of each fragment's first position", "1"),
    "*excursions/*/end_to_end_squared": ("squared distance between the ends", "parameter^2"),
    "*excursions/*/excursion_squared": ("largest squared distance from the chord", "parameter^2"),
    "*excursions/*/ratio": ("mean squared excursion over mean squared end-to-end distance", "1"),
    "fragment/start": ("index of the fragment's first position", "1"),
    "fragment/coordinates": ("positions in the fragment's own principal plane", "parameter"),
    "fragment/farthest": ("index in the fragment of the position farthest from the chord", "1"),
    "fragment/share": ("part of the fragment's variance in that plane", "1"),
    "fragment/*": ("length in the space of all parameters", "parameter"),
    "avalanches/threshold": ("standard deviation of |dL|", "loss"),
    "avalanches/start": ("index of the first loss increment of each avalanche", "1"),
    "avalanches/duration": ("loss increments of each avalanche", "1"),
    "avalanches/size": ("sum of |dL| over each avalanche", "loss"),
    "avalanches/peak": ("index of the largest |dL| of each avalanche", "1"),
    "avalanches/mean_duration": ("mean number of increments", "1"),
    "avalanches/independent_mean_duration": ("the same for increments in random order", "1"),
    "aftermath/*/peak": ("index of the avalanche's largest |dL|", "1"),
    "aftermath/*/duration": ("loss increments of the avalanche", "1"),
    "aftermath/*/contour": ("contour length from the peak on", "parameter"),
    "aftermath/*/loss": ("loss along it", "loss"),
    "aftermath/*/increment": ("|dL| along it", "loss"),
    "modes/*coordinates": ("positions along the components (brownian: cosines)", "parameter"),
    "modes/variance": ("explained variance", "parameter^2"),
    "modes/dimension": ("effective dimension of the increments", "1"),
    "modes/brownian*": ("share of the variance of a Brownian walk, or its standard deviation", "1"),
    "modes/share*": ("share of the variance, or an end of its 95 % interval", "1"),
    "velocity/*/lag": ("lag", "step"),
    "velocity/*/value": ("mean over pairs of increments at this lag", "1"),
    "velocity/*/error": ("its standard error", "1"),
    "velocity/*/null": ("value for the same increments in random order", "1"),
    "*exponents/*": ("exponent of the displacement, or of its parts", "1"),
    "*homology/size": ("positions sampled", "1"),
    "*homology/length": ("length of their minimum spanning tree, by repetition", "parameter"),
    "*homology/dimension": ("persistent-homology dimension", "1"),
}
_RUN = {
    "*/start": ("steps taken before each window", "step"),
    "*/lag": ("lags", "step"),
    "*/msd": ("mean squared displacement, by window and lag", "parameter^2"),
    "*/error": ("standard error of msd", "parameter^2"),
    "*/stationary": ("mean of msd over windows", "parameter^2"),
    "*/fits": ("power law of msd in the age of the walk, at each lag", "1"),
}


@dataclass(frozen=True)
class RunGeometry:
    """Geometry of all windows of one run.

    Attributes:
        windows: by stride, then length, then start.
        ageing: MSD at fixed lags against age, by family, such as `500x1` (length x stride).
        moving_variance: (n,) variance of the minibatch loss over `moving_window` steps; entry i is
            of steps i to i + moving_window - 1, empty for a shorter run.
        moving_window: steps of that.
        diverged_at: step whose loss was not finite, or None.
        origin: where the run and this analysis come from; of a result that was read.
    """

    windows: tuple[WindowGeometry, ...]
    ageing: dict[str, Ageing]
    moving_variance: np.ndarray
    moving_window: int
    diverged_at: int | None
    origin: dict = field(default_factory=dict)


def write(path: str | Path, result: RunGeometry, origin: dict) -> None:
    """Write the geometry of one run as a file, with a record of where it comes from."""
    with hdf5.create(path, "geometry", origin) as file:
        file.attrs["diverged_at"] = -1 if result.diverged_at is None else result.diverged_at
        group = file.create_group("windows")
        for number, window in enumerate(result.windows):
            records.write(group.create_group(f"{number:05d}"), window, MEANINGS)
        records.write(file.create_group("ageing"), result.ageing, _RUN)
        variance = hdf5.put(
            file,
            "moving_variance",
            result.moving_variance,
            "variance of the minibatch loss over a moving window of steps",
            "loss^2",
        )
        variance.attrs["window"] = result.moving_window


def read(path: str | Path) -> RunGeometry:
    """Read what `write` wrote.

    Raises:
        InputError: one line for a missing, foreign, old or damaged file.
    """
    with hdf5.opened(path, "geometry") as file:
        windows, diverged = file["windows"], int(file.attrs["diverged_at"])
        return RunGeometry(
            tuple(records.read(windows[name], WindowGeometry) for name in sorted(windows)),
            {name: records.read(group, Ageing) for name, group in file["ageing"].items()},
            file["moving_variance"][()],
            int(file["moving_variance"].attrs["window"]),
            None if diverged < 0 else diverged,
            hdf5.origin(file),
        )
