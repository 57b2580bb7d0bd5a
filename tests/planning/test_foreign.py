"""Files of somebody else's in the place of results stop the study before any job."""

import h5py
import numpy as np
import pytest
import torch

from planning.foreign import check_results
from sgdwalk.errors import InputError
from sgdwalk.files import hdf5
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.training.checkpoints import save_checkpoint

OURS = {"run": "a-run", "code": "abc", "versions": {}}


def ours(path, kind, origin=OURS):
    path.parent.mkdir(parents=True, exist_ok=True)
    with hdf5.create(path, kind, origin) as file:
        hdf5.put(file, "numbers", np.arange(3), "some numbers")


def refused(folder, name):
    with pytest.raises(InputError, match=name) as error:
        check_results(folder, "a-run")
    assert "\n" not in str(error.value)
    assert "not made by this workflow" in str(error.value)


def test_results_of_the_workflow_pass(tmp_path):
    ours(tmp_path / "trajectory.h5", "trajectory")
    for name in ("diffusion", "geometry", "noise", "gradients", "hessian"):
        ours(tmp_path / f"{name}.h5", name)
    ours(tmp_path / "hessian" / "10.h5", "hessian")
    (tmp_path / "checkpoints").mkdir()
    save_checkpoint(tmp_path / "checkpoints" / "10.pt", {"status": "reached", "step": 10})
    check_results(tmp_path, "a-run")
    check_results(tmp_path / "not-there", "a-run")


def test_a_recording_of_somebody_elses_loop_stops_it(tmp_path):
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with TrajectoryRecorder(model, tmp_path / "trajectory.h5", window=5) as recorder:
        for _ in range(12):
            optimizer.zero_grad()
            loss = model(torch.ones(2, 3)).square().mean()
            loss.backward()
            recorder.record(loss)
            optimizer.step()
    refused(tmp_path, "trajectory.h5")


def test_the_training_of_another_run_stops_it(tmp_path):
    ours(tmp_path / "trajectory.h5", "trajectory", {**OURS, "run": "another-run"})
    refused(tmp_path, "trajectory.h5")


@pytest.mark.parametrize("name", ["diffusion.h5", "hessian/5.h5", "checkpoints/best.pt"])
def test_what_other_programs_wrote_stops_it(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".pt":
        torch.save({"model": {}}, path)
    else:
        with h5py.File(path, "w") as file:
            file["numbers"] = np.arange(3)
    refused(tmp_path, name)


def test_anything_in_the_folder_of_checkpoints_stops_it(tmp_path):
    (tmp_path / "checkpoints" / "old").mkdir(parents=True)
    (tmp_path / "checkpoints" / "old" / "notes.txt").write_text("six months of work")
    refused(tmp_path, "notes.txt")


def test_a_link_in_the_place_of_a_result_stops_it(tmp_path):
    ours(tmp_path / "elsewhere" / "trajectory.h5", "trajectory")
    (tmp_path / "trajectory.h5").symlink_to(tmp_path / "elsewhere" / "trajectory.h5")
    refused(tmp_path, "trajectory.h5")


def test_what_no_job_touches_may_lie_there(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "mine.h5").write_bytes(b"anything")
    check_results(tmp_path, "a-run")
