"""Check that a finished default study holds what it promises: files that open, finite numbers."""

import csv
import math
import sys
from pathlib import Path

import matplotlib.image
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.geometry import file as geometry_file
from sgdwalk.gradients import file as gradients_file
from sgdwalk.hessian import file as hessian_file
from sgdwalk.noise import file as noise_file
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.recording.window_families import without_remnants
from sgdwalk.training.checkpoints import load_checkpoint


def check_run(folder: Path) -> None:
    """All files of one run open and hold finite numbers."""
    trajectory = Trajectory(folder / "trajectory.h5")
    assert trajectory.windows, f"{folder}: no window"
    for window in trajectory.windows:
        assert np.isfinite(window.gram).all(), f"{folder}: a Gram matrix is not finite"
        assert np.isfinite(window.loss).all(), f"{folder}: a loss is not finite"
    saved = list((folder / "checkpoints").glob("*.pt"))
    assert len(saved) >= 2, f"{folder}: {len(saved)} checkpoints"
    for path in saved:
        assert load_checkpoint(path)["status"] == "reached", f"{path}: not reached"
    for window in diffusion_file.read(folder / "diffusion.h5").windows:
        assert np.isfinite(window.msd).all(), f"{folder}: an MSD is not finite"
    geometry = geometry_file.read(folder / "geometry.h5")
    analysed = without_remnants(trajectory.windows)
    assert len(geometry.windows) == len(analysed), f"{folder}: geometry of other windows"
    for window in geometry.windows:
        assert window.path.dimension.low > 0.5, f"{folder}: path dimension {window.path.dimension}"
        assert np.isfinite(window.exponents.joseph.value), f"{folder}: no Joseph exponent"
    noise = noise_file.read(folder / "noise.h5")
    assert (noise.loss_variance > 0).all(), f"{folder}: no noise at a checkpoint"
    tails = gradients_file.read(folder / "gradients.h5").select("entries")
    assert all(0.4 <= tail.alpha.value <= 2 for tail in tails), f"{folder}: a tail index is missing"


def check_hessian(folder: Path) -> None:
    """Eigenvalues of all checkpoints of a run have converged, and its steps have shares."""
    run = hessian_file.read_run(folder / "hessian.h5")
    assert not run.missing, f"{folder}: no Hessians, because {run.missing}"
    assert run.converged.all(), f"{folder}: an eigenvalue has not converged"
    for name in ("train_mode_eigenvalue", "replay_step_share", "variance"):
        assert np.isfinite(getattr(run, name)).all(), f"{folder}: {name} is not finite"
    assert ((run.overlap > 0) & (run.overlap <= 1)).all(), f"{folder}: overlaps {run.overlap}"


def check_table(path: Path, runs: int) -> None:
    """Every run is in the table, with exponents that a walk can have and intervals around them."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["run"] for row in rows}) == runs, f"{path}: not all runs"
    for row in rows:
        for name in ("exponent_short", "exponent_max", "exponent_long"):
            if not row[name]:
                assert name in row["undefined"], f"{path}: {name} of {row['run']}: no reason"
                continue
            low, value, high = (float(row[name + end]) for end in ("_low", "", "_high"))
            assert all(map(math.isfinite, (low, value, high))), f"{path}: {name} of {row['run']}"
            assert low <= value <= high, f"{path}: {name} of {row['run']} is outside its interval"
            assert -0.5 < value < 2.5, f"{path}: {name} of {row['run']} is {value}"
            assert high - low <= 1, f"{path}: {name} of {row['run']} says nothing"
    assert all(float(row["ragged_share"]) == 0 for row in rows), f"{path}: ragged batches"


def check_figure(path: Path) -> None:
    """A picture of some size that is not one colour."""
    pixels = matplotlib.image.imread(path)
    assert min(pixels.shape[:2]) > 300, f"{path}: {pixels.shape}"
    assert pixels[..., :3].std() > 0.02, f"{path}: empty"
    assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF"), f"{path}: no PDF beside it"


def main(study: Path) -> None:
    """Check a whole study."""
    runs = sorted((study / "runs").iterdir())
    for run in runs:
        check_run(run)
    hessians = [run for run in runs if (run / "hessian.h5").exists()]
    assert hessians, f"{study}: no Hessian"
    for run in hessians:
        check_hessian(run)
    check_table(study / "tables" / "exponents.csv", len(runs))
    figures = sorted((study / "figures").glob("*.png"))
    assert figures, f"{study}: no figures"
    for figure in figures:
        check_figure(figure)
    print(f"{study}: {len(runs)} runs, their tables and {len(figures)} figures are whole")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
