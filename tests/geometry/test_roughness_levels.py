"""A quick part of `calibration.loss_roughness`: the rest makes the table of the manual."""

import numpy as np
import pytest
from calibration.loss_roughness import LossWalk, descent, free, on_rough, roughness_levels


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_bowl_under_sgd_is_seldom_called_rough(noise):
    kind = LossWalk("SGD at rest", descent(10))
    found = roughness_levels(kind, 100, noise, 12, structure=noise == 0)
    # Two of twelve at a level of 5 % have a chance of one in ten, three of one in fifty.
    assert np.all(np.nan_to_num(found.rough) <= 2 / 12)
    if noise == 0:
        # Along such a walk H of a smooth landscape is far from 1, and so is its null.
        assert found.hurst[1] < 0.4
        np.testing.assert_allclose(found.null, found.hurst, atol=0.02)
        assert np.all(found.multifractal <= 2 / 12)


def test_a_rough_landscape_is_called_rough_and_its_exponent_held():
    kind = LossWalk("free", on_rough(free(20), 0.5), 0.5)
    found = roughness_levels(kind, 100, 0.0, 12, structure=False)
    assert np.all(found.rough > 0.9)
    assert np.all(found.covered >= 9 / 12)
    assert np.all(found.half_width < 0.4)
    assert found.hurst[0] == pytest.approx(0.5, abs=0.08)
