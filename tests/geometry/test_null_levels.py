"""Walks are outside of surrogates that they are one of as rarely as they should be."""

import numpy as np
import pytest
from calibration.seeds import PROCESSES, coverage_of_seeds
from calibration.surrogates import CASES, outside
from calibration.walks import fractional
from scipy.stats import binom

STEPS = 59
REALISATIONS = 20
# One number outside in 5 % is more often so than this once in ten thousand times.
MOST = binom.ppf(1 - 1e-4, REALISATIONS, 0.05) / REALISATIONS
QUICK = {"Brownian, D = 2", "shrinking x 3, D = 30"}


@pytest.mark.parametrize("case", [c for c in CASES if c.name in QUICK], ids=lambda case: case.name)
def test_a_walk_is_among_its_surrogates(case):
    found = outside(case.gram(500 + k, STEPS) for k in range(REALISATIONS))
    for kind in case.one_of:
        for name, share in found[kind].items():
            assert share <= MOST, (kind, name)
        assert np.mean(list(found[kind].values())) <= 0.12


def test_a_walk_that_remembers_is_outside():
    walk = fractional(0.8, 30)
    found = outside(walk.gram(k, STEPS) for k in range(5))["uncorrelated"]
    for name in ("path_dimension", "velocity_autocorrelation", "centred_share_1"):
        assert found[name] >= 0.6, name


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_exponents_pooled_over_seeds_hold_the_truth(process):
    held, off = coverage_of_seeds(process, 20, 5, 200, 30)
    of_chance = held[[0, 2, 3]] if process.name == "ageing M = 0.3" else held
    assert (of_chance >= binom.ppf(1e-3, 30, 0.85) / 30).all()
    assert np.abs(off[:2]).max() < 0.06
