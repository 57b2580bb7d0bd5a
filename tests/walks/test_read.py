"""Walks of checkpoints against float64 arithmetic on their positions, and against the recorder."""

import argparse
import json
import pickle
import resource
import zipfile
from contextlib import contextmanager

import cases
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from series import SHAPES, increments, positions, states, write
from workflow_copy import state_of_files

from sgdwalk.errors import InputError
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.sketch import Sketch
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.walks import blocks
from sgdwalk.walks import read as read_module
from sgdwalk.walks.checkpoint_file import open_checkpoint
from sgdwalk.walks.checkpoint_names import checkpoint_series
from sgdwalk.walks.file import write as write_walk
from sgdwalk.walks.parameters import walking_parameters
from sgdwalk.walks.read import LONGEST, read_walk, walk_of_positions

KINDS = [".pt", "legacy.pt", "wrapped:model.pt", "wrapped:state_dict.pt", ".safetensors", ".npz"]
KINDS += ["wrapped:model_state_dict.pt", "compressed.npz", "sharded", "folder"]
NAMES = list(SHAPES)


def read(pattern, **options):
    return read_walk(checkpoint_series(pattern), **options)


def refused(match, pattern, **options):
    with pytest.raises(InputError, match=match) as error:
        read(pattern, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_walk_and_is_only_read(tmp_path, kind):
    walk = states(12)
    pattern = write(tmp_path / "series", walk, kind)
    before = state_of_files(tmp_path)
    found = read(pattern, memory=2000)  # of several blocks
    assert state_of_files(tmp_path) == before
    assert dict(found.layers) == {name: int(np.prod(shape)) for name, shape in SHAPES.items()}
    names = [name for name, _ in found.layers]
    (window,) = found.windows
    moved = increments(walk, names)
    assert window.gram == pytest.approx(moved @ moved.T, rel=1e-5, abs=1e-5)
    assert (window.stride, window.start, window.length) == (10, 0, 12)
    assert window.step.tolist() == list(range(0, 120, 10))
    assert window.loss is None
    assert found.sketch.norms == pytest.approx(np.linalg.norm(moved, axis=1), rel=1e-6)
    away = np.linalg.norm(positions(walk, names) - positions(walk, names)[0], axis=1)
    assert found.sketch.distance_from_start == pytest.approx(away, rel=1e-6)


def test_the_sketch_is_that_of_recorders(tmp_path):
    walk = states(6)
    found = read(write(tmp_path / "s", walk, ".npz"), sketch=16, memory=900)
    map_ = Sketch([walk[0][name] for name, _ in found.layers], 16)
    placed = [map_.apply([s[name] for name, _ in found.layers]) for s in walk]
    assert found.sketch.increments == pytest.approx(np.diff(placed, axis=0), rel=1e-5, abs=1e-5)
    assert found.sketch.start == pytest.approx(placed[0])


def test_checkpoints_of_a_loop_are_the_walk_that_was_recorded(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 30), torch.nn.Tanh(), torch.nn.Linear(30, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with TrajectoryRecorder(model, tmp_path / "loop.h5", window=40, sketch=64) as recorder:
        for step in range(40):
            torch.save(model.state_dict(), tmp_path / f"{step}.pt")
            optimizer.zero_grad()
            loss = model(torch.randn(16, 8)).square().mean()
            loss.backward()
            recorder.record(loss)
            optimizer.step()
    found = read(str(tmp_path / "*.pt"), sketch=64)
    write_walk(tmp_path / "walk.h5", found, {"made": "here"})
    read_back, recorded = Trajectory(tmp_path / "walk.h5"), Trajectory(tmp_path / "loop.h5")
    assert read_back.layers == recorded.layers
    (window,), (other,) = read_back.windows, recorded.windows
    assert window.gram == pytest.approx(other.gram, rel=1e-5, abs=1e-6 * other.gram.max())
    assert (window.stride, window.start, window.length) == (1, 0, 40)
    ours, theirs = read_back.sketch, recorded.sketch
    assert ours.increments == pytest.approx(theirs.increments[:39], rel=1e-4, abs=1e-6)
    assert ours.start == pytest.approx(theirs.start)
    assert ours.step.tolist() == list(range(40))
    assert read_back.origin["made"] == "here"
    assert read_back.steps == 0


def test_unequal_steps_and_stretches_of_equal_ones(tmp_path):
    steps = [0, 1, 2, 4, 8, 16, *range(100, 3100, 100)]
    walk = cases.brownian(np.random.default_rng(0), len(steps), 20).cumsum(axis=0)
    for step, place in zip(steps, walk, strict=True):
        np.savez(tmp_path / f"{step}.npz", x=place)
    found = read(str(tmp_path / "*.npz"))
    places = [(w.length, w.stride, w.start) for w in found.windows]
    assert places == [(36, None, 0), (30, 100, 100)]
    moved = np.diff(walk[6:], axis=0)
    assert found.windows[1].gram == pytest.approx(moved @ moved.T)
    write_walk(tmp_path / "walk.h5", found, {})
    read_back = Trajectory(tmp_path / "walk.h5").windows
    assert sorted((w.length, w.stride or 0, w.start) for w in read_back) == [
        (30, 100, 100),
        (36, 0, 0),
    ]


def test_long_walks_are_windows_and_all_of_them_thinned():
    walk = np.random.default_rng(0).standard_normal((2 * LONGEST + 5, 3)).cumsum(axis=0)
    found = walk_of_positions(walk)
    places = [(w.length, w.stride, w.start) for w in found.windows]
    assert places == [(669, 1, 0), (668, 1, 669), (668, 1, 1337), (669, 3, 0)]
    moved = np.diff(walk[::3], axis=0)
    assert found.windows[-1].gram == pytest.approx(moved @ moved.T)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_other_widths(tmp_path, dtype):
    walk = states(8, dtype=dtype)
    found = read(write(tmp_path / "s", walk, ".safetensors"))
    names = [name for name, _ in found.layers]
    moved = increments(walk, names)
    assert found.windows[0].gram == pytest.approx(moved @ moved.T, rel=1e-5, abs=1e-5)


def test_complex_numbers_are_two(tmp_path):
    draw = np.random.default_rng(0)
    walk = draw.standard_normal((5, 4)) + 1j * draw.standard_normal((5, 4))
    for i, place in enumerate(walk):
        torch.save({"x": torch.tensor(place)}, tmp_path / f"{i}.pt")
    found = read(str(tmp_path / "*.pt"))
    assert found.layers == [("x", 8)]
    moved = np.diff(walk, axis=0)
    assert found.windows[0].gram == pytest.approx((moved @ moved.conj().T).real)


def test_a_walk_that_folds_back_is_exact_all_the_same(tmp_path):
    draw = np.random.default_rng(0)
    one, other = draw.standard_normal((2, 5000)).astype(np.float32)
    for i in range(60):
        place = (one if i % 2 else other) + 1e-4 * draw.standard_normal(5000).astype(np.float32)
        np.savez(tmp_path / f"{i}.npz", x=place)
    found = read(str(tmp_path / "*.npz"), memory=100_000)
    stored = np.stack([np.load(tmp_path / f"{i}.npz")["x"] for i in range(60)]).astype(float)
    moved = np.diff(stored, axis=0)
    exact = cases.exact_msd(stored)
    sums = np.zeros((60, 60))
    sums[1:, 1:] = found.windows[0].gram.cumsum(0).cumsum(1)
    own = sums.diagonal()
    distance = own + own[:, None] - 2 * sums
    got = np.array([distance.diagonal(lag).mean() for lag in range(1, 60)])
    assert got == pytest.approx(exact, rel=1e-4)
    assert len(moved) == 59


def test_buffers_are_left_out_by_name_and_that_is_said(tmp_path):
    def with_buffers(state, i):
        more = {
            "norm.running_mean": torch.full((3,), float(i)),
            "norm.num_batches_tracked": torch.tensor(i),
            "attn.inv_freq": torch.ones(2) * i,
            "attn.bias": torch.ones(1, 1, 4, 4, dtype=torch.bool),
        }
        return {**state, **more}

    walk = [with_buffers(state, i) for i, state in enumerate(states(5))]
    lines = []
    found = read(write(tmp_path / "s", walk, ".pt"), log=lines.append)
    assert [name for name, _ in found.layers] == NAMES
    assert any("norm.running_mean" in line and "buffers" in line for line in lines)
    assert found.notes == lines


@pytest.mark.parametrize("kind", ["one storage", "two copies"])
def test_tied_tensors_count_once_and_that_is_said(tmp_path, kind):
    lines = []
    for i, state in enumerate(states(5)):
        head = state["head.weight"]
        tied = head if kind == "one storage" else head.clone()
        torch.save({**state, "embed.weight": tied, "zeros": torch.zeros(6)}, tmp_path / f"{i}.pt")
    found = read(str(tmp_path / "*.pt"), log=lines.append)
    assert [name for name, _ in found.layers] == [*NAMES, "zeros"]
    assert any("embed.weight = head.weight counted once" in line for line in lines)


def test_equal_constants_are_not_tied(tmp_path):
    for i in range(4):
        torch.save(
            {"a": torch.ones(6), "b": torch.ones(6), "x": torch.randn(3)}, tmp_path / f"{i}.pt"
        )
    assert len(read(str(tmp_path / "*.pt")).layers) == 3


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_prefixes_of_wrappers_are_taken_off(tmp_path, prefix):
    walk = [{prefix + name: t for name, t in state.items()} for state in states(4)]
    found = read(write(tmp_path / "s", walk, ".pt"))
    assert [name for name, _ in found.layers] == NAMES
    assert any(prefix in note for note in found.notes)


def test_the_walk_of_a_part(tmp_path):
    walk = states(6)
    pattern = write(tmp_path / "s", walk, ".pt")
    found = read(pattern, select=["head.*"])
    moved = increments(walk, ["head.weight"])
    assert found.windows[0].gram == pytest.approx(moved @ moved.T, rel=1e-5, abs=1e-5)
    refused("no parameter matches 'tail", pattern, select=["tail.*"])


def test_a_known_network_decides_what_walks(tmp_path):
    walk = states(4)
    pattern = write(tmp_path / "s", walk, ".safetensors")
    found = read(pattern, names=["head.weight", "layer.bias"])
    assert [name for name, _ in found.layers] == ["head.weight", "layer.bias"]
    refused("no parameter conv.weight, which the network has", pattern, names=["conv.weight"])


def test_parameters_that_differ_are_named_with_their_files(tmp_path):
    walk = states(4)
    lacking = [
        {k: v for k, v in s.items() if i != 2 or k != "layer.bias"} for i, s in enumerate(walk)
    ]
    refused(
        r"step20.pt: no parameter layer.bias, which .*step0.pt has",
        write(tmp_path / "a", lacking, ".pt"),
    )
    added = [{**s, "new": torch.ones(2)} if i == 3 else s for i, s in enumerate(walk)]
    refused(
        r"step30.pt: parameter new, which .*step0.pt has not", write(tmp_path / "b", added, ".pt")
    )
    other = [{**s, "layer.bias": torch.ones(7)} if i == 1 else s for i, s in enumerate(walk)]
    refused(
        r"step10.pt: layer.bias is \(7,\), and \(6,\) in .*step0.pt",
        write(tmp_path / "c", other, ".pt"),
    )


def test_what_needs_code_to_run_is_refused(tmp_path):
    class Net(torch.nn.Linear):
        pass

    import sys

    module = sys.modules[__name__]
    module.Net = Net
    Net.__qualname__ = "Net"
    for i in range(2):
        torch.save(Net(2, 2), tmp_path / f"{i}.pt")
    refused("holds more than tensors, numbers and texts", str(tmp_path / "*.pt"))
    for i in range(2):
        (tmp_path / f"{i}.bin").write_bytes(pickle.dumps({"x": [1]}))
    refused(r"0.bin: ", str(tmp_path / "*.bin"))


@pytest.mark.parametrize("kind", [".pt", ".safetensors", ".npz", "compressed.npz"])
def test_truncated_files_are_named(tmp_path, kind):
    pattern = write(tmp_path / "s", states(3), kind)
    path = next(iter(sorted((tmp_path / "s").glob("step10*"))))
    path.write_bytes(path.read_bytes()[:-90])
    refused(r"step10.*: truncated, damaged or no checkpoint", pattern)


def test_what_holds_no_tensors_says_what_it_holds(tmp_path):
    for i in range(2):
        torch.save({"weights": {"x": torch.ones(2)}, "epoch": i}, tmp_path / f"{i}.pt")
    refused("no tensors by name, .*; it holds weights, epoch", str(tmp_path / "*.pt"))


def test_quantised_numbers_are_refused_by_name(tmp_path):
    for i in range(2):
        torch.save(
            {"a.weight": torch.ones(3, dtype=torch.int8), "b": torch.ones(2)}, tmp_path / f"{i}.pt"
        )
    refused("a.weight is torch.int8", str(tmp_path / "*.pt"))
    for i in range(2):
        save_file({"w": torch.ones(3).to(torch.float8_e4m3fn)}, tmp_path / f"{i}.safetensors")
    refused("w is torch.float8_e4m3fn", str(tmp_path / "*.safetensors"))


def test_a_lacking_shard_is_named(tmp_path):
    pattern = write(tmp_path / "s", states(3), "sharded")
    (tmp_path / "s" / "step10" / "model-00002-of-00002.safetensors").unlink()
    refused(r"index.json: shard model-00002-of-00002.safetensors is not there", pattern)
    index = tmp_path / "s" / "step0" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weights": 1}))
    refused(r"step0.*: no index of shards", pattern)


def test_a_walk_ends_before_what_is_not_finite(tmp_path):
    walk = states(8)
    walk[5]["layer.bias"][2] = float("nan")
    found = read(write(tmp_path / "s", walk, ".pt"), memory=2000)
    (window,) = found.windows
    moved = increments(walk[:5], NAMES)
    assert window.gram == pytest.approx(moved @ moved.T, rel=1e-5, abs=1e-5)
    assert found.diverged_at == 50
    assert len(found.steps) == 5
    assert any("step 50 is not finite" in note for note in found.notes)
    walk[1]["layer.bias"][2] = float("inf")
    refused("a position that is not finite", write(tmp_path / "t", walk, ".pt"))


def test_losses_of_a_table(tmp_path):
    pattern = write(tmp_path / "s", states(4), ".pt")
    table = tmp_path / "losses.csv"
    table.write_text("step,lr,loss\n0,1,2.5\n5,1,9\n10,1,2\n20,1,1.5\n30,1,1\n")
    found = read(pattern, losses=table)
    assert found.windows[0].loss.tolist() == [2.5, 2, 1.5, 1]
    table.write_text("step,loss\n0,2.5\n10,nan\n20,1.5\n")
    found = read(pattern, losses=table)
    assert found.windows[0].loss is None
    assert any(
        "no finite loss of step 10 and 1 more; losses are left out" in n for n in found.notes
    )
    for text, said in (
        ("step,value\n0,1\n", "no column 'loss'; it has step, value"),
        ("", "no column 'step'; it has no rows"),
        ("step,loss\n0,1\n0,2\n", "line 3: another loss of step 0"),
        ("step,loss\n0,x\n", "line 2: step '0', loss 'x'"),
        ("step,loss\n0.5,1\n", "line 2: step 0.5; allowed: a whole number"),
    ):
        table.write_text(text)
        refused(said, pattern, losses=table)
    refused("none.csv: cannot be read", pattern, losses=tmp_path / "none.csv")


def test_memory_that_whole_files_need_is_said(tmp_path):
    lines = []
    read(write(tmp_path / "s", states(3), "compressed.npz"), log=lines.append)
    assert any("cannot be mapped" in line and "GB of memory" in line for line in lines)
    lines.clear()
    read(write(tmp_path / "t", states(3), ".npz"), log=lines.append)
    assert lines == []


def test_arrays_in_other_orders(tmp_path):
    draw = np.random.default_rng(0)
    walk = draw.standard_normal((4, 6, 5))
    for i, place in enumerate(walk):
        np.savez(tmp_path / f"{i}.npz", x=np.asfortranarray(place), y=place.astype(">f4"))
    assert zipfile.is_zipfile(tmp_path / "0.npz")
    found = read(str(tmp_path / "*.npz"))
    flat = walk.reshape(4, -1)
    moved = np.diff(np.hstack([flat, flat.astype("f4")]), axis=0)
    assert found.windows[0].gram == pytest.approx(moved @ moved.T, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((np.zeros(3),), "allowed: floating-point"),
        ((np.zeros((1, 3)),), "T of 2 or more"),
        ((np.zeros((3, 2), int),), "of torch.int64"),
        ((np.zeros((3, 2)), [0, 1]), "3 whole numbers"),
        ((np.zeros((3, 2)), [0, 2, 2]), "increasing"),
        ((np.zeros((3, 2)), None, [1.0, 2.0]), "3 finite numbers"),
    ],
)
def test_bad_arrays_are_one_line(arguments, said):
    with pytest.raises(InputError, match=said) as error:
        walk_of_positions(*arguments)
    assert "\n" not in str(error.value)


def save_all(folder, contents):
    for i, content in enumerate(contents):
        torch.save(content, folder / f"{i}.pt")
    return str(folder / "*.pt")


def test_state_dicts_of_parameters_with_extra_states(tmp_path):
    draw = torch.Generator().manual_seed(0)
    walk = [{"w": torch.randn(3, generator=draw), "b": torch.ones(2) * i} for i in range(4)]
    more = {"norm._extra_state": None, "scale._extra_state": {"amax": [1.0]}}
    pattern = save_all(
        tmp_path, [{**{n: torch.nn.Parameter(t) for n, t in s.items()}, **more} for s in walk]
    )
    found = read(pattern)
    assert found.layers == [("w", 3), ("b", 2)]
    moved = increments(walk, ["w", "b"])
    assert found.windows[0].gram == pytest.approx(moved @ moved.T, rel=1e-5, abs=1e-6)


def test_a_model_beside_more_tensors_than_there_are_other_things(tmp_path):
    beside = {"rng": torch.ones(9), "cuda_rng": torch.ones(9), "ema_decay": torch.ones(1)}
    pattern = save_all(tmp_path, [{"model": {"w": torch.ones(2) * i}, **beside} for i in range(3)])
    assert read(pattern).layers == [("w", 2)]


def test_tensors_without_numbers_of_their_own_are_refused_by_name(tmp_path):
    sparse, meta = torch.ones(3, 3).to_sparse(), torch.empty(3, device="meta")
    for name, tensor in {"sparse": sparse, "meta": meta}.items():
        (tmp_path / name).mkdir()
        pattern = save_all(tmp_path / name, [{name: tensor, "b": torch.ones(2)}] * 2)
        refused(f"0.pt: {name} is sparse or without numbers", pattern)


def test_numbers_that_numpy_does_not_know_are_refused_by_name(tmp_path):
    for i in range(2):
        np.savez(tmp_path / f"{i}.npz", a=np.zeros(3, "V2"), b=np.ones(2))
    refused(r"0.npz: a is \|V2", str(tmp_path / "*.npz"))


def test_what_needs_code_is_named(tmp_path):
    content = {"model": {"w": torch.ones(2)}, "args": argparse.Namespace(lr=0.1)}
    refused(r"\(argparse.Namespace\)", save_all(tmp_path, [content] * 2))


def test_a_part_may_differ_elsewhere(tmp_path):
    walk = [{"head.w": torch.randn(3), "b": torch.ones(1 + i)} for i in range(3)]
    walk[1]["new"] = torch.ones(4)
    del walk[2]["b"]
    pattern = save_all(tmp_path, walk)
    assert read(pattern, select=["head.*"]).layers == [("head.w", 3)]
    refused(r"1.pt: b is \(2,\), and \(1,\)", pattern)
    refused("1.pt: parameter new", pattern, select=["[hn]e*"])


def test_the_tied_part_of_a_walk_is_there(tmp_path):
    tensors = [torch.randn(6) for _ in range(3)]
    pattern = save_all(tmp_path, [{"embed.w": t, "head.w": t} for t in tensors])
    assert read(pattern, select=["head.*"]).layers == [("head.w", 6)]


def test_losses_of_a_walk_that_ends_early_are_those_up_to_there(tmp_path):
    walk = states(5)
    walk[4]["layer.bias"][0] = torch.nan
    table = tmp_path / "losses.csv"
    table.write_text("step,loss\n0,5\n10,4\n20,3\n30,2\n40,nan\n40,nan\n")
    found = read(write(tmp_path / "s", walk, ".pt"), losses=table)
    assert found.windows[0].loss.tolist() == [5, 4, 3, 2]
    assert found.notes == ["step 40 is not finite: the walk ends before it"]
    places = np.array([[0.0], [1.0], [np.nan]])
    assert walk_of_positions(places, losses=[2, 1, np.nan]).windows[0].loss.tolist() == [2, 1]
    with pytest.raises(InputError, match="3 finite numbers"):
        walk_of_positions(places, losses=[2, np.inf, 1])


@pytest.mark.parametrize("count", [120, 121, 150])
@pytest.mark.parametrize("kind", ["unequal", "halves"])
def test_windows_of_long_unequal_walks_are_told_apart_in_files(tmp_path, count, kind, monkeypatch):
    monkeypatch.setattr(read_module, "LONGEST", 100)
    at = np.arange(count)
    steps = np.cumsum(1 + at % 7) if kind == "unequal" else at + 9 * np.maximum(0, at - count // 2)
    walk = np.random.default_rng(0).standard_normal((count, 2)).cumsum(axis=0)
    write_walk(tmp_path / "walk.h5", walk_of_positions(walk, steps), {})
    windows = Trajectory(tmp_path / "walk.h5").windows
    assert len({(w.length, w.stride, w.start) for w in windows}) == len(windows) >= 3
    for window in windows:
        moved = np.diff(walk[np.searchsorted(steps, window.step)], axis=0)
        assert np.allclose(window.gram, moved @ moved.T)
    assert max(w.step[-1] - w.step[0] for w in windows) > 0.95 * (steps[-1] - steps[0])


def test_files_are_not_kept_open(tmp_path):
    for i in range(80):
        np.savez(tmp_path / f"{i}.npz", **{f"w{j}": np.full(3, float(i + j)) for j in range(10)})
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (60, before[1]))
    try:
        found = read(str(tmp_path / "*.npz"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert found.windows[0].gram == pytest.approx(np.full((79, 79), 30.0))


@pytest.mark.parametrize("kind", ["legacy.pt", "compressed.npz"])
def test_files_that_are_read_whole_are_read_once_if_memory_allows(tmp_path, kind, monkeypatch):
    pattern, opened = write(tmp_path / "s", states(4), kind), []

    @contextmanager
    def counted(checkpoint):
        opened.append(checkpoint.step)
        with open_checkpoint(checkpoint) as found:
            yield found

    monkeypatch.setattr(blocks, "open_checkpoint", counted)
    monkeypatch.setattr(read_module, "_NARROWEST", 1)  # as of a large network
    read(pattern)
    assert opened == [0, 10, 20, 30]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_files_that_are_larger_than_memory_are_read_as_others(tmp_path, dtype, monkeypatch):
    monkeypatch.setattr(blocks, "free_host_memory", lambda: 0)
    walk = states(6, dtype=dtype)
    pattern = write(tmp_path / "s", walk, ".safetensors")
    before = state_of_files(tmp_path)
    found = read(pattern, memory=900)
    assert state_of_files(tmp_path) == before
    moved = increments(walk, [name for name, _ in found.layers])
    assert found.windows[0].gram == pytest.approx(moved @ moved.T, rel=1e-5, abs=1e-5)


def test_a_file_that_becomes_shorter_while_it_is_read_is_named(tmp_path):
    series = checkpoint_series(write(tmp_path / "s", states(3), ".safetensors"))
    parts = blocks.position_blocks(series, walking_parameters(series), width=4)
    next(parts)
    path = tmp_path / "s" / "step10.safetensors"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match=r"step10.safetensors: has become shorter"):
        list(parts)


@pytest.mark.parametrize("kind", [".pt", ".npz", "legacy.pt"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_numbers_of_other_widths_from_any_place(tmp_path, kind, dtype):
    walk = states(8, dtype=dtype)
    for state in walk:
        state["head.weight"] = state["head.weight"].T.contiguous().T  # not as it lies in memory
    found = read(write(tmp_path / "s", walk, kind), memory=900)
    moved = increments(walk, [name for name, _ in found.layers])
    rel = 1e-12 if dtype == torch.float64 else 1e-5
    assert found.windows[0].gram == pytest.approx(moved @ moved.T, rel=rel, abs=rel)


def test_a_part_of_the_parameters_that_folds_back_is_seen():
    draw = np.random.default_rng(0)
    count, width = 200, 2**16
    walk = 1e-3 * draw.standard_normal((count, width), dtype=np.float32).cumsum(axis=0)
    swinging = draw.standard_normal(width // 2, dtype=np.float32)
    walk[1::2, width // 2 :] += 10 * swinging  # the others only walk
    gram = walk_of_positions(walk).windows[0].gram
    sums = np.zeros((count, count))
    sums[1:, 1:] = gram.cumsum(0).cumsum(1)
    own = sums.diagonal()
    exact = cases.exact_msd(walk.astype(float))
    found = own + own[:, None] - 2 * sums
    got = np.array([found.diagonal(lag).mean() for lag in range(1, count)])
    assert got == pytest.approx(exact, rel=1e-5)


def test_threads_share_the_work_and_are_given_back():
    walk = np.random.default_rng(0).standard_normal((30, 2**18), dtype=np.float32).cumsum(axis=0)
    before = torch.get_num_threads()
    found = {}
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found[threads] = walk_of_positions(walk, sketch=64)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    one, other = found[1], found[3]
    assert one.windows[0].gram == pytest.approx(other.windows[0].gram, rel=1e-5, abs=1)
    assert one.sketch.increments.tolist() == other.sketch.increments.tolist()
    assert one.sketch.norms.tolist() == other.sketch.norms.tolist()
