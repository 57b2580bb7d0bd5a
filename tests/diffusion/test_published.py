"""Fits to MSD curves of a real network (A. Ly's thesis, 2022), lags to 10^5 steps."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from sgdwalk.diffusion.msd import local_exponent
from sgdwalk.diffusion.regimes import fit_regimes

CURVES = Path(__file__).parents[1] / "data" / "dnn_msd_curves.csv"


@pytest.fixture(scope="module")
def curves():
    points = defaultdict(list)
    with CURVES.open() as table:
        for row in csv.DictReader(table):
            points[int(row["waiting_step"])].append((float(row["lag"]), float(row["msd"])))
    assert len(points) == 12
    return {start: np.array(values).T for start, values in points.items()}


@pytest.fixture(scope="module")
def fits(curves):
    return {start: fit_regimes(lags, msd) for start, (lags, msd) in curves.items()}


def test_every_fit_follows_its_curve(curves, fits):
    """To 7 %, over up to five decades of lag, all of which are used."""
    for start, fit in fits.items():
        lags, msd = curves[start]
        assert (fit.lags[0], fit.lags[-1]) == (lags[0], lags[-1])
        error = np.log(fit.fitted) - np.interp(np.log(fit.lags), np.log(lags), np.log(msd))
        assert np.sqrt(np.mean(error**2)) < 0.07


def test_every_fit_is_physical_and_claims_no_interval(fits):
    """Nobody knows how these curves scatter."""
    for fit in fits.values():
        assert fit.regimes in (2, 3)
        for segment in fit.segments:
            assert 0.5 < segment.exponent.value < 1.5
            assert np.isnan([segment.exponent.low, segment.exponent.high]).all()
            assert segment.last_lag > 2.99 * segment.first_lag
        crossover = fit.crossover_lag
        assert crossover.value == fit.segments[-1].first_lag
        assert np.isnan([crossover.low, crossover.high]).all()


@pytest.mark.parametrize("start", [1, 10001, 20001])
def test_early_windows_are_slow_then_superdiffusive_then_subdiffusive(fits, start):
    short, middle, long = (segment.exponent.value for segment in fits[start].segments)
    assert short < 0.9
    assert fits[start].exponent_max.value == middle > 1.05
    assert long < 0.9


@pytest.mark.parametrize("start", [60001, 80001, 100001])
def test_late_windows_slow_down_and_are_nowhere_superdiffusive(fits, start):
    exponents = [segment.exponent.value for segment in fits[start].segments]
    assert exponents == sorted(exponents, reverse=True)
    assert 0.9 < exponents[0] < 1.0
    assert exponents[-1] < 0.8


def test_segments_agree_with_the_local_exponent_within_them(curves, fits):
    for start, fit in fits.items():
        lags, local = local_exponent(*curves[start])
        for segment in fit.segments:
            inside = (lags > 1.3 * segment.first_lag) & (lags < segment.last_lag / 1.3)
            assert np.mean(local[inside]) == pytest.approx(segment.exponent.value, abs=0.12)
