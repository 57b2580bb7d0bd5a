"""What panels of diffusion show: regimes, what bends, nulls, and exponents that there are not."""

from dataclasses import replace

import numpy as np
import pytest
from cases import brownian, fractional, gram, with_drift
from recorded_walks import record

from sgdwalk.diffusion.run import RunDiffusion
from sgdwalk.diffusion.whole_run import whole_run
from sgdwalk.diffusion.window import analyse_diffusion
from sgdwalk.figures import diffusion_panels, style, sweep_panels, window_panels
from sgdwalk.fits.estimate import Estimate

UNKNOWN = Estimate(1.0, 0.3, 1.9)  # wider than 1


def of_one_regime(window, exponent=None, bends=False):
    """The same window with its first regime alone, over all its lags."""
    first = window.regimes[0]
    misfit = 2 * first.misfit_expected if bends else first.misfit_expected / 2
    regime = replace(
        first,
        exponent=exponent or Estimate(1.0, 0.9, 1.1),
        misfit=misfit,
        first_lag=window.fit_lags[0],
        last_lag=window.fit_lags[-1],
    )
    there = regime.exponent if exponent is not UNKNOWN else Estimate.undefined()
    names = ("exponent_short", "exponent_max", "exponent_long")
    signs = replace(window.signs, exponents=window.signs.exponents[:1])
    return replace(window, regimes=(regime,), signs=signs, **dict.fromkeys(names, there))


@pytest.fixture(scope="module")
def window():
    return analyse_diffusion(gram(brownian(np.random.default_rng(0), 99, 30)))


@pytest.fixture(scope="module")
def drifting():
    walk = with_drift(lambda rng, n: brownian(rng, n, 10), 1.0)
    return analyse_diffusion(gram(walk(np.random.default_rng(0), 99)), start=100)


def axis():
    return style.panels(["one"])[1]["one"]


def labels(drawn):
    return drawn.get_legend_handles_labels()[1]


def crosses(drawn):
    return [line for line in drawn.lines if line.get_marker() == "x" and len(line.get_xdata())]


def test_lines_of_regimes_have_their_slopes_and_pass_through_the_msd():
    rng = np.random.default_rng(1)
    fast = analyse_diffusion(gram(fractional(rng, 199, 30, 0.9) + 2 * brownian(rng, 199, 30)))
    drawn = axis()
    diffusion_panels.draw_msd_with_regimes(drawn, [fast])
    walked, *lines = drawn.lines
    np.testing.assert_array_equal(walked.get_ydata(), fast.msd)
    for line, segment in zip(lines, fast.regimes, strict=True):
        x, y = (np.log(values) for values in line.get_data())
        np.testing.assert_allclose(np.exp(x), [segment.first_lag, segment.last_lag])
        assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(segment.exponent.value)
        some = (fast.fit_lags >= segment.first_lag) & (fast.fit_lags <= segment.last_lag)
        x_some = np.log(fast.fit_lags[some])
        y_some = np.log(np.interp(fast.fit_lags[some], fast.lags, fast.msd))
        rest = y_some - np.interp(x_some, x, y)
        assert rest.mean() == pytest.approx(0, abs=1e-9)
        assert np.sqrt((rest**2).mean()) == pytest.approx(segment.misfit)


def test_a_regime_that_bends_is_dashed_and_open(window):
    windows = [
        of_one_regime(window),
        of_one_regime(replace(window, start=100), bends=True),
        of_one_regime(replace(window, start=200), UNKNOWN),
    ]
    drawn = axis()
    diffusion_panels.draw_msd_with_regimes(drawn, windows)
    fitted = [line for line in drawn.lines if isinstance(line.get_color(), str)]  # in black
    assert [line.get_linestyle() for line in fitted] == ["-", "--"]
    for series in diffusion_panels.regime_exponent_series(windows):
        assert series.hollow == [False, True, False]
        assert series.crossed == [False, False, True]
        assert series.nulls == [*(w.signs.exponents[0] for w in windows[:2]), None]


def test_an_exponent_that_is_not_there_is_a_cross_at_the_foot(window):
    windows = [of_one_regime(window, UNKNOWN), of_one_regime(replace(window, start=100))]
    drawn = axis()
    series = diffusion_panels.regime_exponent_series(windows)
    window_panels.draw_along_training(drawn, windows, series, "exponent", spacing=0.25)
    assert [cross.get_xdata()[0] for cross in crosses(drawn)] == pytest.approx([-24, 1, 26])
    assert labels(drawn) == ["first regime", "steepest", "last"]


def test_one_window_without_an_exponent(window):
    windows = [of_one_regime(window, UNKNOWN)]
    drawn = axis()
    series = diffusion_panels.regime_exponent_series(windows)
    window_panels.draw_along_training(drawn, windows, series, "exponent")
    assert labels(drawn) == ["first regime: none", "steepest: none", "last: none"]
    assert len(crosses(drawn)) == 3


def test_nulls_are_those_of_the_last_window(window, drifting):
    drawn = axis()
    diffusion_panels.draw_msd_with_nulls(drawn, [drifting, window])
    p = f"p = {window.signs.p_value:.2g}"
    assert labels(drawn) == ["as walked", f"random signs, {p}", "random order", "drift removed"]
    drawn = axis()
    diffusion_panels.draw_msd_with_nulls(drawn, [window, drifting])
    p = f"p = {drifting.signs_about_drift.p_value:.2g}"
    assert f"about the mean, {p}" in labels(drawn)
    bands = [band.get_datalim(drawn.transData).extents for band in drawn.collections]
    for (*_, right, top), null in zip(
        bands, (drifting.signs, drifting.signs_about_drift), strict=True
    ):
        assert right == drifting.fit_lags[-1]
        assert top == pytest.approx(null.high.max())


def test_ragged_batches_are_in_the_title(window):
    few, many = replace(window, ragged_share=0.1), replace(window, ragged_share=0.42)
    assert diffusion_panels.ragged_note([]) is None
    assert diffusion_panels.ragged_note([window, few]) is None
    note = diffusion_panels.ragged_note([few, many])
    assert note.startswith("1 of 2 windows: ")
    assert "42 %" in note
    assert window_panels.run_title("run", None, note) == f"run\n{note}"
    assert window_panels.run_title("run", 3, None) == "run (diverged at step 3)"
    runs = [RunDiffusion(windows, None, {}, None) for windows in ((few,), (few, many))]
    assert sweep_panels.ragged_runs(runs).startswith("1 of 2 runs: ")
    assert sweep_panels.ragged_runs(runs[:1]) is None


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of which a sketch knows every step."""
    steps = brownian(np.random.default_rng(0), 120, 300)
    path = tmp_path_factory.mktemp("walk") / "t.h5"
    return whole_run(record(path, steps, sketch=64), 40, 0)


def test_a_whole_run_is_drawn_at_all_lags_with_its_error(whole):
    drawn = axis()
    diffusion_panels.draw_whole_run(drawn, whole)
    curve, *regimes, signs = drawn.lines
    np.testing.assert_array_equal(curve.get_xdata(), np.arange(1, 120))
    np.testing.assert_array_equal(curve.get_ydata(), whole.msd)
    assert labels(drawn) == ["whole run", "error of the sketch, k = 64", "random signs"]
    exponents = whole.window.exponents
    assert [text.get_text() for text in drawn.texts] == [f"{e.value:.2f}" for e in exponents]
    assert len(regimes) == len(exponents) >= 1
    assert signs.get_ydata() == pytest.approx(whole.window.signs.mean)
    band = drawn.collections[0].get_datalim(drawn.transData).extents
    lags, last = whole.error_lags, whole.error_lags[-1]
    assert (band[0], band[2]) == (1, last)
    high = whole.msd[last - 1] * np.exp(1.96 * whole.sketch_error[-1])
    assert band[3] == pytest.approx(high)
    assert len(lags) == len(whole.sketch_error)


def test_a_whole_run_stands_beside_windows_of_any_stride(window, drifting, whole):
    other = replace(drifting, stride=4)
    drawn = axis()
    diffusion_panels.draw_local_beside(drawn, [window], [other], whole)
    assert labels(drawn) == ["every step", "every 4 steps", "whole run"]
    drawn = axis()
    diffusion_panels.draw_local_beside(drawn, [window], [], None)
    assert labels(drawn) == ["every step"]
    drawn = axis()
    diffusion_panels.draw_longer_lags(drawn, [other, other], whole)
    assert labels(drawn) == ["other windows", "whole run, from its sketch"]
    np.testing.assert_array_equal(drawn.lines[-1].get_ydata(), whole.msd)
    drawn = axis()
    diffusion_panels.draw_longer_lags(drawn, [], None)
    assert not drawn.lines
