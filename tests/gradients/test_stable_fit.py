"""Heavy-tail estimators against closed forms, scipy and powerlaw, and samples of known law."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.stats import levy_stable

from sgdwalk.errors import InputError
from sgdwalk.gradients import stable_law, stable_table
from sgdwalk.gradients.gaussianity import gaussianity
from sgdwalk.gradients.log_moments import (
    gram_log_moment_index,
    log_moment_bias,
    log_moment_index,
)
from sgdwalk.gradients.power_tail import fit_power_tail
from sgdwalk.gradients.stable_fit import fit_gaussian, fit_stable
from sgdwalk.gradients.stable_law import sample_stable, stable_density, stable_log_density
from sgdwalk.gradients.standardise import standardise


@pytest.fixture
def scipy_s0(monkeypatch):
    monkeypatch.setattr(levy_stable, "parameterization", "S0")
    return levy_stable


# --- density ---------------------------------------------------------------------------------


def test_density_matches_closed_forms():
    x = np.linspace(-8, 8, 401)
    np.testing.assert_allclose(stable_density(x, 1, 0), stats.cauchy.pdf(x), rtol=1e-5)
    np.testing.assert_allclose(
        stable_density(x, 2, np.nan, 1.5, 0.5), stats.norm.pdf(x, 0.5, 1.5 * np.sqrt(2)), rtol=1e-12
    )
    # Levy: support from -1 (S0 location 0) on, S1 location = S0 location - scale tan(pi/4).
    x = np.geomspace(0.1, 1e6, 200)
    np.testing.assert_allclose(stable_density(x - 1, 0.5, 1), stats.levy.pdf(x), rtol=2e-4)


def test_table_is_the_gaussian_at_alpha_two():
    x = np.linspace(-6, 6, 101)
    table = np.exp(stable_law.tabulated_log_density(x, 2.0, 0.0, 1.0, 0.0))
    np.testing.assert_allclose(table, stable_density(x, 2, 0), atol=1e-8)


@pytest.mark.parametrize(
    ("alpha", "beta"),
    [(0.45, 0.2), (0.6, -0.9), (0.83, 0.5), (1.27, 1.0), (1.5, -0.35), (1.77, 0.0), (1.96, 0.6)],
)
def test_density_matches_scipy(scipy_s0, alpha, beta):
    x = np.array([-30, -6, -2.5, -1.2, -0.7, -0.3, 0, 0.2, 0.6, 1, 1.7, 4, 12, 50]) * 1.5 + 0.3
    expected = scipy_s0.pdf(x, alpha, beta, 0.3, 1.5)
    ours = stable_density(x, alpha, beta, 1.5, 0.3)
    np.testing.assert_allclose(ours, expected, rtol=2e-4, atol=1e-7)


def test_density_is_continuous_at_alpha_one_and_symmetric_in_beta():
    x = np.linspace(-10, 10, 41)
    at = stable_density(x, 1, 0.7)
    for alpha in (1 - 1e-7, 1 + 1e-7):
        np.testing.assert_allclose(stable_density(x, alpha, 0.7), at, rtol=1e-5)
    np.testing.assert_allclose(stable_density(-x, 1, -0.7), at, rtol=1e-10)


def test_density_has_the_pareto_tail():
    # Scipy's own density is off here: at alpha = 1, x = 7e4 it gives a third of this.
    x = 1e5
    np.testing.assert_allclose(stable_density(-x, 1, 0.3) * np.pi * x**2, 0.7, rtol=1e-3)
    np.testing.assert_allclose(stable_density(x, 1, 0.3) * np.pi * x**2, 1.3, rtol=1e-3)


def test_table_entries_are_regenerated_by_quadrature():
    table = np.load(stable_law.TABLE_PATH)
    assert stable_law.TABLE_PATH.stat().st_size < 1_000_000
    columns = np.array([0, 60, 130, 200, 251, 330, 400])
    for row in (0, 7, 15, 20, 23):
        again = stable_table.weighted_density(
            stable_law.ALPHA_NODES[row], stable_law.BETA_NODES, stable_law.U_NODES[columns]
        )
        np.testing.assert_allclose(table[row][:, columns], again, rtol=1e-6, atol=1e-9)


def test_quadrature_does_not_depend_on_its_path():
    xi = np.array([-1e4, -60, -20, -3, -0.5, 0, 0.8, 5, 39, 41, 1e4])
    betas = np.array([0, 0.6, 1.0])
    for alpha in (0.4, 0.97, 1.0, 1.6, 1.99):
        straight = stable_table.standard_density(xi, alpha, betas, bend=1.0)
        other = stable_table.standard_density(xi, alpha, betas, bend=0.7)
        weight = (1 + xi**2) ** ((1 + alpha) / 2)
        np.testing.assert_allclose(straight * weight, other * weight, atol=1e-9)


def test_interpolation_between_nodes_matches_quadrature():
    u = np.linspace(-0.97, 0.97, 57)
    for alpha in (0.5, 0.72, 1.1, 1.45, 1.88, 1.97):
        width, shift = stable_law.peak_width(alpha), stable_law.peak_shift(alpha)
        xi = np.sinh(np.arctanh(u) / stable_law.COMPRESSION)
        for beta in (0.1, 0.55, 0.93):
            exact = stable_table.standard_density(xi, alpha, np.array([beta]))[0] / width
            ours = stable_density(width * xi - beta * shift, alpha, beta)
            # Least exact at the foot of a light tail; on average over the law, far better.
            np.testing.assert_allclose(ours, exact, rtol=1e-3, atol=3e-7)
            probability = exact * np.gradient(width * xi)
            assert np.nansum(probability * np.abs(ours / exact - 1)) < 3e-6


def test_density_refuses_parameters_out_of_range():
    for alpha, beta, scale in (
        (0.3, 0, 1),
        (2.1, 0, 1),
        (1.5, 1.2, 1),
        (1.5, np.nan, 1),
        (1, 0, 0),
    ):
        with pytest.raises(InputError):
            stable_log_density(np.zeros(3), alpha, beta, scale)


@pytest.mark.parametrize(("alpha", "beta"), [(0.6, 0.5), (1.0, -0.8), (1.4, 1.0), (2.0, 0.0)])
def test_samples_follow_the_density(alpha, beta):
    x = np.sort(sample_stable(alpha, beta, 20_000, seed=1, scale=2.0, location=-1.0))
    edges = np.quantile(x, np.linspace(0.02, 0.98, 25))
    grid = np.linspace(edges[:-1], edges[1:], 101)
    mass = np.trapezoid(stable_density(grid, alpha, beta, 2.0, -1.0), grid, axis=0)
    np.testing.assert_allclose(mass, 0.04, atol=5e-3)
    assert np.sum((mass - 0.04) ** 2) * 20_000 / 0.04 < stats.chi2.ppf(0.999, 24)


# --- alpha-stable fit -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alpha", "beta", "floor"),
    [
        (0.5, 0.0, 0.0068),
        (1.2, 0.0, 0.019),
        (1.5, 0.5, 0.021),
        (1.8, 0.0, 0.020),
        (1.95, 0.0, 0.0126),
    ],
)
def test_fit_reaches_the_cramer_rao_floor(alpha, beta, floor):
    fits = [fit_stable(sample_stable(alpha, beta, 5000, seed, 3.0, -2.0)) for seed in range(30)]
    alphas = np.array([fit.alpha.value for fit in fits])
    # Spread of 30 estimates is known to 13 %, their mean to floor/5.5.
    assert abs(alphas.mean() - alpha) < min(0.01, 0.6 * floor)
    assert alphas.std(ddof=1) < 1.4 * floor
    assert np.mean([fit.alpha_error for fit in fits]) == pytest.approx(floor, rel=0.1)
    within = [fit.alpha.low <= alpha <= fit.alpha.high for fit in fits]
    assert sum(within) >= 25
    for name, true in (("beta", beta), ("scale", 3.0), ("location", -2.0)):
        values = np.array([getattr(fit, name) for fit in fits])
        error = np.mean([getattr(fit, f"{name}_error") for fit in fits])
        assert abs(values.mean() - true) < 4 * error / np.sqrt(30)
        assert values.std(ddof=1) == pytest.approx(error, rel=0.5)


def test_fit_of_a_gaussian_is_one_sided_and_has_no_beta():
    for seed in range(5):
        x = np.random.default_rng(seed).normal(3.0, 2.0, 5000)
        fit, gaussian = fit_stable(x), fit_gaussian(x)
        assert fit.alpha.value > 1.99
        assert fit.alpha.high == 2
        assert 1.97 < fit.alpha.low < 2
        assert np.isnan(fit.beta)
        assert np.isnan(fit.beta_error)
        assert fit.scale == pytest.approx(gaussian.sd / np.sqrt(2), rel=0.01)
        assert fit.scale_error == pytest.approx(gaussian.sd_error / np.sqrt(2), rel=0.1)
        assert fit.location_error == pytest.approx(gaussian.mean_error, rel=0.15)
        assert fit.log_likelihood >= gaussian.log_likelihood - 1e-6


def test_interval_covers_close_to_two():
    fits = [fit_stable(sample_stable(1.99, 0, 5000, seed)) for seed in range(30)]
    assert sum(fit.alpha.low <= 1.99 <= fit.alpha.high for fit in fits) >= 26


def test_totally_skewed_law_is_found():
    fit = fit_stable(sample_stable(0.7, 1.0, 5000, seed=2))
    assert fit.alpha.value == pytest.approx(0.7, abs=4 * fit.alpha_error)
    assert fit.beta == pytest.approx(1, abs=0.02)


def test_fit_is_at_least_as_likely_as_scipys_quantile_start(scipy_s0):
    rng = np.random.default_rng(5)
    for trial in range(40):
        alpha, beta = rng.uniform(0.5, 2), rng.uniform(-1, 1)
        size = int(rng.choice([50, 300, 5000]))
        x = sample_stable(alpha, beta, size, trial, 10.0 ** rng.uniform(-6, 6), rng.normal())
        fit = fit_stable(x)
        a, b, location, scale = scipy_s0._fitstart(x)
        a = min(max(a, 0.5), 2.0)
        start = stable_log_density(x, a, b, scale, location).sum()
        truth = stable_log_density(x, alpha, beta, scale, location).sum()
        assert fit.log_likelihood >= max(start, truth) - 1e-3


def test_log_likelihood_is_scipys(scipy_s0):
    fit = fit_stable(x := sample_stable(1.6, 0.4, 400, seed=3, scale=1e-5))
    expected = scipy_s0.logpdf(x, fit.alpha.value, fit.beta, fit.location, fit.scale).sum()
    assert fit.log_likelihood == pytest.approx(expected, abs=1e-2)


def test_fit_moves_with_units_and_sign():
    x = sample_stable(1.4, 0.5, 2000, seed=4)
    fit, moved = fit_stable(x), fit_stable(-1e-7 * x + 1e-6)
    assert moved.alpha.value == pytest.approx(fit.alpha.value, abs=1e-4)
    assert moved.beta == pytest.approx(-fit.beta, abs=1e-3)
    assert moved.scale == pytest.approx(1e-7 * fit.scale, rel=1e-3)
    assert moved.location == pytest.approx(1e-6 - 1e-7 * fit.location, abs=1e-10)


def test_large_samples_are_grouped_without_loss(monkeypatch):
    x = sample_stable(1.7, 0.2, 30_000, seed=6)
    fit = fit_stable(x)
    monkeypatch.setattr(
        "sgdwalk.gradients.stable_likelihood.StableLikelihood.__init__.__defaults__", (0.0,)
    )
    exact = fit_stable(x)
    assert fit.alpha.value == pytest.approx(exact.alpha.value, abs=1e-4)
    assert fit.alpha_error == pytest.approx(exact.alpha_error, rel=1e-3)
    assert fit.log_likelihood == pytest.approx(exact.log_likelihood, abs=1e-4)


def test_fitted_density_integrates_to_one():
    grid = np.sinh(np.linspace(-15, 15, 20_001))
    fit = fit_stable(sample_stable(1.5, -0.5, 1000, seed=8))
    assert np.trapezoid(fit.density(grid), grid) == pytest.approx(1, abs=1e-4)
    gaussian = fit_stable(np.random.default_rng(0).normal(size=1000))
    assert np.trapezoid(gaussian.density(grid), grid) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("size", [20, 25, 60])
def test_small_and_foreign_samples_give_finite_fits(size):
    rng = np.random.default_rng(size)
    for x in (
        rng.uniform(size=size),
        rng.exponential(size=size),
        np.sign(rng.normal(size=size)) + 0.1 * rng.normal(size=size),
        np.exp(5 * rng.normal(size=size)),
        np.arange(size) ** 2.0,
    ):
        fit = fit_stable(x)
        assert 0.4 <= float(fit.alpha) <= 2
        assert fit.alpha.low <= fit.alpha.value <= fit.alpha.high
        assert np.isfinite([fit.scale, fit.location, fit.log_likelihood]).all()


@pytest.mark.parametrize("fit", [fit_stable, fit_gaussian])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones(100), "equal"),
        (np.arange(19.0), "19 values"),
        (np.append(np.arange(50.0), np.nan), "1 of 51 values"),
        (np.append(np.arange(50.0), np.inf), "not finite"),
    ],
)
def test_degenerate_input_is_refused(fit, x, message):
    with pytest.raises(InputError, match=message):
        fit(x)


def test_repeated_values_are_refused():
    x = np.append(np.zeros(600), np.random.default_rng(0).normal(size=1400))
    with pytest.raises(InputError, match="more than a quarter of the 2000"):
        fit_stable(x)


def test_gaussian_fit_is_scipys():
    x = np.random.default_rng(1).normal(-1, 0.3, 500)
    fit = fit_gaussian(x)
    mean, sd = stats.norm.fit(x)
    assert (fit.mean, fit.sd) == pytest.approx((mean, sd))
    assert fit.log_likelihood == pytest.approx(stats.norm.logpdf(x, mean, sd).sum())
    np.testing.assert_allclose(fit.density(x), stats.norm.pdf(x, mean, sd))


# --- log-moments ------------------------------------------------------------------------------


def test_log_moments_are_the_corollaries_by_hand():
    x = np.array([1.0, 2.0, -4.0, 3.0, 5.0, 1.0, 7.0])
    index = log_moment_index(x, block=2)
    sums = np.log([3, 1, 6])
    terms = np.log([1, 2, 4, 3, 5, 1])
    assert index.mean_alpha == pytest.approx(np.log(2) / (sums.mean() - terms.mean()))
    assert index.median_alpha == pytest.approx(np.log(2) / (np.log(3) - np.log(6) / 2))
    assert (index.block, index.blocks) == (2, 3)


def test_gram_matrix_gives_the_same_index():
    x = sample_stable(1.5, 0, (101, 30), seed=0)
    assert gram_log_moment_index(x @ x.T).mean_alpha == pytest.approx(
        log_moment_index(x).mean_alpha
    )
    with pytest.raises(InputError, match="square"):
        gram_log_moment_index(x)


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0])
def test_log_moments_are_nearly_unbiased_for_long_stable_series(alpha):
    bias = log_moment_bias(alpha, size=10_000, seed=1, repeats=60)
    for name in ("mean", "median"):
        spread = getattr(bias, f"{name}_spread")
        assert 0.01 < spread < 0.3
        # 1/alpha is what is unbiased: alpha itself is off by about spread^2/alpha.
        expected = spread**2 / alpha
        assert abs(getattr(bias, f"{name}_bias") - expected) < 4 * spread / np.sqrt(60)


def test_log_moment_bias_shows_centring():
    # Few, centred Gaussian samples: block sums are too small, alpha comes out too large.
    free = log_moment_bias(2.0, 64, seed=2, dimension=50, block=16)
    centred = log_moment_bias(2.0, 64, seed=2, dimension=50, block=16, centred=True)
    assert abs(free.mean_bias) < 0.02
    assert centred.mean_bias > 0.15


def test_log_moments_refuse_zero_norms_and_short_series():
    with pytest.raises(InputError, match="zero"):
        log_moment_index(np.zeros(100))
    with pytest.raises(InputError, match="two"):
        log_moment_index(np.ones(3))


# --- power law --------------------------------------------------------------------------------


def test_power_law_agrees_with_the_powerlaw_package():
    import powerlaw

    rng = np.random.default_rng(3)
    body, tail = rng.uniform(0.2, 1, 1500), rng.pareto(1.6, 1500) + 1
    x = np.concatenate([body, tail])
    ours = fit_power_tail(x)
    theirs = powerlaw.Fit(x, xmin=ours.xmin, verbose=0)
    assert ours.exponent == pytest.approx(theirs.power_law.alpha, rel=1e-3)
    assert ours.exponent_error == pytest.approx(theirs.power_law.standard_err, rel=1e-2)
    assert ours.distance == pytest.approx(theirs.power_law.D, abs=2 / ours.tail_size)
    ratio, p = theirs.distribution_compare("power_law", "exponential")
    assert ours.exponential.log_likelihood_ratio == pytest.approx(ratio, rel=1e-3)
    assert ours.exponential.p_value == pytest.approx(p, abs=1e-3)
    assert ours.xmin == pytest.approx(1, rel=0.2)
    assert ours.exponent == pytest.approx(2.6, abs=4 * ours.exponent_error)
    # The power law is a limit of log-normals, so it cannot be more likely than the best of them.
    assert ours.lognormal.log_likelihood_ratio <= 1e-9
    assert ours.lognormal.p_value > 0.1


def test_power_law_loses_against_what_the_sample_is():
    import powerlaw

    rng = np.random.default_rng(4)
    exponential = fit_power_tail(rng.exponential(size=20_000) + 0.5)
    assert exponential.exponential.log_likelihood_ratio < 0
    x = np.exp(rng.normal(size=20_000))
    lognormal = fit_power_tail(x)
    theirs = powerlaw.Fit(x, xmin=lognormal.xmin, parameter_ranges={"alpha": [1.01, 20]}, verbose=0)
    ratio, _ = theirs.distribution_compare("power_law", "lognormal")
    assert lognormal.lognormal.log_likelihood_ratio == pytest.approx(ratio, abs=0.05)


def test_power_law_refuses_bad_samples():
    for x in (np.ones(10), np.append(np.ones(60), 0.0), np.ones(100), np.full(60, np.nan)):
        with pytest.raises(InputError, match="power law"):
            fit_power_tail(x)


# --- nulls ------------------------------------------------------------------------------------


def test_log_normal_scales_look_stable_with_alpha_near_one():
    rng = np.random.default_rng(0)
    alpha = fit_stable(np.exp(rng.normal(size=20_000)) * rng.normal(size=20_000)).alpha
    assert alpha.value == pytest.approx(1.1, abs=0.05)


def test_standardising_takes_the_scales_out():
    rng = np.random.default_rng(2)
    scales = np.exp(rng.normal(size=300))
    series = 5 * scales + scales * rng.normal(size=(400, 300))
    series[:, 7] = 0
    series[:100, 8] = 0
    series[:, 9] = 3.0
    out = standardise(series)
    assert out.zeros == 500
    assert out.dropped.tolist() == [7, 9]
    assert len(out.values) == len(out.coordinate) == len(out.time) == 298 * 400 - 100
    assert np.all(np.diff(out.time[out.coordinate == 8]) == 1)
    assert out.time[out.coordinate == 8][0] == 100
    one = out.values[out.coordinate == 8]
    low, middle, high = np.quantile(one, [0.25, 0.5, 0.75])
    assert (len(one), middle, high - low) == pytest.approx((300, 0, 1))
    centred = series - series.mean(axis=0) + 1e-9 * rng.normal(size=series.shape)
    assert fit_stable(centred).alpha.value < 1.5
    assert fit_stable(out.values).alpha.value > 1.97


def test_standardising_refuses_and_survives_nothing():
    with pytest.raises(InputError):
        standardise(np.ones(10))
    with pytest.raises(InputError):
        standardise(np.full((30, 2), np.nan))
    assert len(standardise(np.zeros((30, 2))).values) == 0


def test_gaussianity_has_its_level_and_matches_scipy():
    rng = np.random.default_rng(6)
    noise = rng.normal(size=(200, 3000)) * np.exp(rng.normal(size=3000))
    noise[:, 5] = 1.0
    out = gaussianity(noise)
    assert out.rejected_share == pytest.approx(0.05, abs=0.016)
    assert out.dropped == 1
    assert np.isnan(out.excess_kurtosis[5])
    column = noise[:, 0]
    z = np.sort((column - column.mean()) / column.std(ddof=1))
    i = np.arange(1, 201)
    a2 = -200 - np.sum((2 * i - 1) * (stats.norm.logcdf(z) + stats.norm.logsf(z[::-1]))) / 200
    assert out.statistic[0] == pytest.approx(a2 * (1 + 0.75 / 200 + 2.25 / 200**2))
    assert out.excess_kurtosis[0] == pytest.approx(stats.kurtosis(column))
    assert gaussianity(rng.standard_t(3, size=(200, 50))).rejected_share > 0.7
    with pytest.raises(InputError):
        gaussianity(noise[:10])


def test_modules_import_neither_torch_nor_scipy_nor_matplotlib():
    code = (
        "import sys; import sgdwalk.gradients.stable_fit, sgdwalk.gradients.log_moments;"
        "import sgdwalk.gradients.standardise, sgdwalk.gradients.rotations;"
        "import sgdwalk.gradients.power_tail;"
        "bad = {'torch', 'scipy', 'matplotlib', 'powerlaw'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    scripts = Path(stable_law.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=scripts)
