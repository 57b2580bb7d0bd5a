"""Gram matrices of every walk, from positions in either precision."""

import cases
import numpy as np
import pytest

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.recording.gram import increment_gram


@pytest.mark.parametrize("precision", [np.float32, np.float64])
@cases.every_walk()
def test_msd_is_exact_at_every_lag(walk, precision):
    for seed in (0, 1):
        places = cases.positions(walk(seed)).astype(precision)
        _, msd = mean_squared_displacement(increment_gram(places))
        np.testing.assert_allclose(msd, cases.exact_msd(places.astype(float)), rtol=1e-5)
