"""Damaged, foreign and old files: one line that names the file; never a wrong number."""

import random

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from sgdwalk.datasets.load import load_dataset
from sgdwalk.datasets.prepared import read_dataset, write_dataset
from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.errors import InputError
from sgdwalk.files import hdf5
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.training.checkpoints import load_checkpoint, save_checkpoint

MUTATIONS = 300


def everything(trajectory: Trajectory) -> dict[str, np.ndarray]:
    """All numbers that a reader gives out."""
    found = {"loss": trajectory.loss, "norm": trajectory.gradient_norm}
    found["attributes"] = np.array([trajectory.steps, trajectory.parameters])
    for i, window in enumerate(trajectory.windows):
        found[f"gram{i}"] = window.gram
        found[f"window{i}"] = np.array([window.length, window.stride, window.start])
        found[f"loss{i}"], found[f"step{i}"] = window.loss, window.step
    found |= {f"epochs/{k}": v for k, v in trajectory.epochs.items()}
    found |= {f"gradients/{k}": v for k, v in trajectory.gradients.items()}
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorded") / "trajectory.h5"
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    with TrajectoryRecorder(model, path, window=12, steps_per_epoch=5) as recorder:
        for _ in range(30):
            model.zero_grad()
            loss = model(torch.randn(6, 4)).square().mean()
            loss.backward()
            recorder.record(loss)
            with torch.no_grad():
                for p in model.parameters():
                    p -= 0.1 * p.grad
        recorder.record_epoch(train_loss=1.0)
    return path


def mutated(content: bytes, draw: random.Random) -> bytes:
    """One of the ways in which files go bad."""
    kind = draw.choice(["flip", "byte", "cut", "zeros", "swap", "extend", "nothing left"])
    data = bytearray(content)
    place = draw.randrange(len(data))
    if kind == "flip":
        data[place] ^= 1 << draw.randrange(8)
    elif kind == "byte":
        data[place] = (data[place] + draw.randrange(1, 256)) % 256
    elif kind == "cut":
        del data[place:]
    elif kind == "zeros":
        data[place : place + 512] = bytes(len(data[place : place + 512]))
    elif kind == "swap":
        other = draw.randrange(len(data))
        a, b = data[place : place + 64], data[other : other + 64]
        if len(a) == len(b) == 64 and abs(place - other) > 64:
            data[place : place + 64], data[other : other + 64] = b, a
    elif kind == "extend":
        data += bytes(draw.randrange(256) for _ in range(draw.randrange(1, 2000)))
    else:
        data.clear()
    return bytes(data)


def fuzz(path, content, read, same, seed):
    """Every mutated file is either refused in one line or read as what was written."""
    draw = random.Random(seed)
    refused = 0
    for _ in range(MUTATIONS):
        path.write_bytes(mutated(content, draw))
        try:
            result = read(path)
        except InputError as error:
            message = str(error)
        else:
            assert same(result)
            continue
        refused += 1
        assert str(path) in message
        assert "\n" not in message
    return refused


def test_mutated_trajectories(recorded, tmp_path):
    expected = everything(Trajectory(recorded))

    def same(found):
        return found.keys() == expected.keys() and all(
            np.array_equal(found[k], expected[k], equal_nan=True) for k in expected
        )

    refused = fuzz(
        tmp_path / "bad.h5",
        recorded.read_bytes(),
        lambda path: everything(Trajectory(path)),
        same,
        seed=1,
    )
    assert refused > 0.8 * MUTATIONS


def test_mutated_checkpoints(tmp_path):
    path = tmp_path / "bad.pt"
    model = nn.Linear(20, 10)
    content = {"step": 7, "model": model.state_dict(), "rng": torch.get_rng_state(), "x": [1.5, 2]}
    save_checkpoint(path, content)

    def same(found):
        return (
            found["step"] == 7
            and found["x"] == [1.5, 2]
            and all(torch.equal(found["model"][k], v) for k, v in content["model"].items())
            and torch.equal(found["rng"], content["rng"])
        )

    refused = fuzz(path, path.read_bytes(), load_checkpoint, same, seed=2)
    assert refused > 0.5 * MUTATIONS


def test_mutated_datasets(tmp_path):
    path = tmp_path / "bad.h5"
    data = load_dataset("gauss", samples=40, test_samples=10, input_shape=(1, 4, 4))
    write_dataset(data, path)

    def same(found):
        return torch.equal(found.train_inputs, data.train_inputs) and torch.equal(
            found.test_labels, data.test_labels
        )

    assert fuzz(path, path.read_bytes(), read_dataset, same, seed=3) > 0.5 * MUTATIONS


def test_mutated_diffusion_files(smoke, tmp_path):
    path = smoke.runs()[0] / "diffusion.h5"
    expected = [w.msd for w in diffusion_file.read(path).windows]

    def same(found):
        return all(np.array_equal(w.msd, e) for w, e in zip(found.windows, expected, strict=True))

    refused = fuzz(tmp_path / "bad.h5", path.read_bytes(), diffusion_file.read, same, seed=4)
    assert refused > 0.8 * MUTATIONS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.unlink(), "no such file; expected a trajectory file"),
        (lambda p: p.write_bytes(b""), "not a file of sgdwalk's"),
        (lambda p: p.write_text("hello"), "not a file of sgdwalk's"),
        (lambda p: h5py.File(p, "w").close(), "not a file of sgdwalk's"),
        (lambda p: hdf5.create(p, "diffusion").__enter__(), None),
        (
            lambda p: p.write_bytes(p.read_bytes().replace(b"trajectory 1 ", b"trajectory 0 ", 1)),
            "format version 0; this sgdwalk reads version 1",
        ),
        (lambda p: p.write_bytes(p.read_bytes()[:-100]), "truncated or damaged"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(recorded, tmp_path, change, message):
    path = tmp_path / "trajectory.h5"
    path.write_bytes(recorded.read_bytes())
    change(path)
    if message is None:  # a writer that never ended leaves the old file as it was
        assert Trajectory(path).steps == 30
        return
    with pytest.raises(InputError, match=message) as error:
        Trajectory(path)
    assert str(path) in str(error.value)


def test_a_file_of_another_kind_is_named(tmp_path):
    with hdf5.create(tmp_path / "x.h5", "diffusion"):
        pass
    with pytest.raises(InputError, match="a diffusion file; expected a trajectory file"):
        Trajectory(tmp_path / "x.h5")


def test_a_writer_that_fails_leaves_nothing_behind(tmp_path):
    with pytest.raises(RuntimeError), hdf5.create(tmp_path / "x.h5", "diffusion"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (print, ("boom",))

    torch.save({"kind": "sgdwalk checkpoint", "content": Bomb()}, tmp_path / "x.pt")
    with pytest.raises(InputError, match="truncated, damaged or no checkpoint"):
        load_checkpoint(tmp_path / "x.pt")


def test_the_workflow_names_the_file_and_the_rule_that_makes_it(smoke_copy):
    path = smoke_copy.runs()[0] / "trajectory.h5"
    path.write_bytes(path.read_bytes()[:-1000])
    result = smoke_copy.snakemake("--cores", "1", "--forcerun", "diffusion")
    assert result.returncode != 0
    lines = [line for line in result.stdout.splitlines() if "truncated or damaged" in line]
    assert lines
    assert "trajectory.h5" in lines[0]
    assert "made by rule train" in lines[0]
    assert "Traceback" not in result.stdout
