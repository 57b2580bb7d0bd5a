"""A small training that every framework makes, and what its recording must be equal to."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from cases import exact_msd, flat
from torch import nn

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.recording.trajectory import Trajectory

# The folder tests/datasets is on the path, and not the package that transformers takes it for.
sys.modules.setdefault("datasets", None)

SAMPLES = 64
FOLDER = Path(__file__).parent


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))


def samples(count=SAMPLES):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 6, generator=generator), torch.randint(
        3, (count,), generator=generator
    )


class Seen:
    """What a training did, written down beside the recorder.

    Attributes:
        positions: before every step that the optimizer really makes.
        losses: of every minibatch that was trained on.
    """

    def __init__(self):
        self.positions, self.losses = [], []

    def watch(self, optimizer):
        """From its first step on."""
        optimizer.register_step_pre_hook(self._before_step)
        return optimizer

    def _before_step(self, optimizer, args, kwargs):
        self.positions.append(flat(p for g in optimizer.param_groups for p in g["params"]))

    def mean_losses(self, *counts):
        """(steps,) from the number of minibatches of each step, again and again."""
        left, means = list(self.losses), []
        while left:
            for count in counts:
                means.append(np.mean(left[:count]))
                del left[:count]
        return means

    def save(self, path):
        np.savez(path, positions=np.array(self.positions), losses=self.losses)


def check(path, positions, losses):
    """The recording's walk and its losses are those that were seen; returns it."""
    trajectory = Trajectory(path)
    assert trajectory.steps == len(positions) == len(losses) > 10
    assert np.isfinite(losses).all()
    np.testing.assert_allclose(trajectory.loss, losses, rtol=1e-6)
    window, *others = trajectory.windows
    assert not others
    lags, msd = mean_squared_displacement(window.gram)
    assert len(lags) == len(positions) - 1
    np.testing.assert_allclose(msd, exact_msd(np.array(positions)), rtol=1e-5)
    return trajectory


def assert_two_walk_as_one(folder):
    """Files 1.h5 of one process and 2.h5 of two, which saved what each of them saw beside it."""
    one, two = (Trajectory(folder / f"{n}.h5") for n in (1, 2))
    parts = [np.load(folder / f"2.h5.{rank}.npz") for rank in (0, 1)]
    losses = np.mean([part["losses"].reshape(-1, 2) for part in parts], axis=(0, 2))
    check(folder / "2.h5", parts[0]["positions"], losses)
    np.testing.assert_allclose(two.loss, one.loss, rtol=1e-5)
    np.testing.assert_allclose(two.windows[0].gram, one.windows[0].gram, rtol=1e-4, atol=1e-9)
    assert two.layers == one.layers


def run(script, *arguments, folder, processes=None):
    """Run a script in a folder, perhaps on several processes."""
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(launch if processes else []), script, *arguments]
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, **paths},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result
