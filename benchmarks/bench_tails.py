"""Tail estimators: accuracy over 100 samples per alpha, and time against scipy's density."""

from time import perf_counter

import numpy as np
from timing import in_turn, ratio

from sgdwalk.gradients.log_moments import log_moment_bias
from sgdwalk.gradients.power_tail import fit_power_tail
from sgdwalk.gradients.stable_fit import fit_stable
from sgdwalk.gradients.stable_law import sample_stable, stable_density

SIZE = 5000
SAMPLES = 100
ALPHAS = (0.5, 0.8, 1.0, 1.2, 1.5, 1.8, 1.95, 2.0)


def _seconds(call) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def measure() -> dict[str, float]:
    """Named figures: times in seconds, and their ratio where there is a peer."""
    from scipy.stats import levy_stable

    figures = {}
    x = sample_stable(1.5, 0.3, SIZE, seed=0)
    figures["stable fit, first of a process (s)"] = _seconds(lambda: fit_stable(x))
    figures["stable fit, n = 5000 (s)"] = min(_seconds(lambda: fit_stable(x)) for _ in range(5))
    gaussian = np.random.default_rng(0).normal(size=SIZE)
    figures["stable fit, n = 5000, Gaussian (s)"] = min(
        _seconds(lambda: fit_stable(gaussian)) for _ in range(3)
    )

    levy_stable.parameterization = "S0"
    few = x[:200]  # in proportion, 5000 values take scipy 25 times as long
    seconds = in_turn(
        {
            "scipy": lambda: levy_stable.pdf(few, 1.5, 0.3),
            "table": lambda: stable_density(x, 1.5, 0.3),
        },
        3,
    )
    figures["density of 5000 values, scipy's time over the table's"] = (
        ratio(seconds, "scipy", "table") * SIZE / len(few)
    )

    big = sample_stable(1.5, 0.3, 1_000_000, seed=0)
    figures["stable fit, n = 10^6 (s)"] = _seconds(lambda: fit_stable(big))
    magnitudes = np.abs(big)
    figures["power law, n = 10^6 (s)"] = _seconds(lambda: fit_power_tail(magnitudes))

    for row, alpha in enumerate(ALPHAS):
        seeds = range(row * SAMPLES, (row + 1) * SAMPLES)
        fits = [fit_stable(sample_stable(alpha, 0.0, SIZE, seed)) for seed in seeds]
        alphas = np.array([fit.alpha.value for fit in fits])
        covered = [fit.alpha.low <= alpha <= fit.alpha.high for fit in fits]
        name = f"alpha = {alpha}"
        figures[f"{name}: bias"] = float(alphas.mean() - alpha)
        figures[f"{name}: spread"] = float(alphas.std(ddof=1))
        figures[f"{name}: coverage of the 95 % interval"] = float(np.mean(covered))

    for alpha in (1.2, 1.5, 1.8, 2.0):
        bias = log_moment_bias(alpha, SIZE, seed=0)
        name = f"log-moments, alpha = {alpha}"
        figures[f"{name}: bias of the mean's (2.4)"] = bias.mean_bias
        figures[f"{name}: spread of the mean's (2.4)"] = bias.mean_spread
        figures[f"{name}: bias of the median's (2.2)"] = bias.median_bias
        figures[f"{name}: spread of the median's (2.2)"] = bias.median_spread
    return figures
