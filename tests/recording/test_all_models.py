"""The recorder meets every model: what it keeps is the walk of the parameters."""

import cases
import numpy as np
import pytest

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.trajectory import Trajectory


def recorded(case, path, steps=12, **options):
    """The trajectory of a short training, with (steps, P) positions and gradients seen beside."""
    model, places, gradients = case(), [], []
    with TrajectoryRecorder(model, path, **options) as recorder:
        for loss in case.training(model, steps):
            parameters = cases.trainable(model)
            places.append(cases.flat(parameters))
            gradients.append(cases.flat(p.grad for p in parameters if p.grad is not None))
            recorder.record(loss)
    return Trajectory(path), np.array(places), np.array(gradients)


@pytest.mark.parametrize(
    ("window", "starts"),
    [(6, [(6, 1, 0), (6, 1, 6)]), ([(6, 1), (3, 2)], [(6, 1, 0), (6, 1, 6), (3, 2, 0), (3, 2, 6)])],
    ids=["window", "families"],
)
@cases.every_model()
def test_grams_are_those_of_the_parameters(case, window, starts, tmp_path):
    trajectory, places, gradients = recorded(case, tmp_path / "t.h5", window=window)
    assert trajectory.parameters == places.shape[1]
    windows = trajectory.windows
    assert [(w.length, w.stride, w.start) for w in windows] == starts
    for found in windows:
        _, msd = mean_squared_displacement(found.gram)
        np.testing.assert_allclose(msd, cases.exact_msd(places[found.step]), rtol=1e-5)
        expected = cases.gram_of_positions(places[found.step])
        np.testing.assert_allclose(found.gram, expected, atol=1e-5 * expected.max())
    norms = np.linalg.norm(gradients, axis=1)
    np.testing.assert_allclose(trajectory.gradient_norm, norms, rtol=1e-5)


@cases.every_model()
def test_layers_add_up_and_weights_are_the_parameters(case, tmp_path):
    trajectory, places, _ = recorded(
        case, tmp_path / "t.h5", window=6, layer_grams=True, weights=True
    )
    for found in trajectory.windows:
        layers = np.array(list(trajectory.group_grams(found).values()))
        assert len(layers) == len(trajectory.layers)
        np.testing.assert_allclose(layers.sum(0), found.gram, rtol=1e-12)
        np.testing.assert_allclose(trajectory.weights(found), places[found.step], rtol=1e-6)
