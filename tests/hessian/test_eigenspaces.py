"""Overlaps, shares and slopes against closed forms."""

import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.fits.intervals import log_slope
from sgdwalk.hessian.eigenspaces import share_inside, subspace_overlap


def test_overlap_of_subspaces():
    eye = np.eye(6)
    turned = np.column_stack([np.cos(0.3) * eye[0] + np.sin(0.3) * eye[4], eye[1]])
    assert subspace_overlap(eye[:, :2], eye[:, [1, 0]]) == pytest.approx(1)
    assert subspace_overlap(eye[:, :2], eye[:, 2:5]) == 0
    assert subspace_overlap(eye[:, :2], turned) == pytest.approx((1 + np.cos(0.3) ** 2) / 2)
    assert subspace_overlap(eye[:, :1], eye[:, :3]) == pytest.approx(1)
    with pytest.raises(InputError, match="must be as many"):
        subspace_overlap(eye[:5, :2], eye[:, :2])


def test_overlap_of_random_subspaces_is_their_share_of_the_dimensions():
    rng = np.random.default_rng(0)
    bases = [np.linalg.qr(rng.normal(size=(400, 10)))[0] for _ in range(20)]
    overlaps = [subspace_overlap(a, b) for a, b in zip(bases[::2], bases[1::2], strict=True)]
    assert np.mean(overlaps) == pytest.approx(10 / 400, rel=0.15)


def test_share_inside():
    vector = np.array([3.0, 4, 0, 12])
    assert share_inside(vector, np.eye(4)[:, :2]) == pytest.approx(25 / 169)
    with pytest.raises(InputError, match="zero"):
        share_inside(np.zeros(4), np.eye(4)[:, :2])
    with pytest.raises(InputError, match="must be as many"):
        share_inside(vector, np.eye(5))


def test_slope_of_a_power_law_and_its_error():
    x = np.array([1.0, 2, 5, 9, -3])
    slope, error = log_slope(x, 3 * np.abs(x) ** -1.5)
    assert slope == pytest.approx(-1.5)
    assert error == pytest.approx(0, abs=1e-9)
    rng = np.random.default_rng(1)
    x = np.geomspace(1, 100, 12)
    fits = np.array([log_slope(x, x**2 * np.exp(rng.normal(0, 0.3, 12))) for _ in range(400)])
    assert fits[:, 0].mean() == pytest.approx(2, abs=0.02)
    assert fits[:, 1].mean() == pytest.approx(fits[:, 0].std(), rel=0.1)
    assert np.isnan(log_slope(x[:2], x[:2])).all()
    assert np.isnan(log_slope(np.full(4, np.nan), np.ones(4))).all()
