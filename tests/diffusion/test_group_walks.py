"""Walks of groups of parameter tensors: exact in recorded windows, else from their sketches."""

import numpy as np
import pytest
from cases import brownian, exact_msd, gram, positions
from recorded_walks import record

from sgdwalk.diffusion import file as diffusion_file
from sgdwalk.diffusion.run import analyse
from sgdwalk.diffusion.table import exponent_rows, group_rows

PARTS = {"stem.weight": 40, "stem.bias": 10, "head.weight": 30}
GROUPS = {"stem": "stem.*", "head": "head.*", "all": "*"}
COLUMNS = {"stem": slice(0, 50), "head": slice(50, 80), "all": slice(0, 80)}
SIZES = {"stem": (50, 2), "head": (30, 1), "all": (80, 3)}


def walk(count=80, resting=None):
    steps = brownian(np.random.default_rng(0), count, 80)
    steps[:, :50] *= 3
    if resting is not None:
        steps[:, resting] = 0.0
    return steps


def analysed(path, steps, windows=(), **options):
    trajectory = record(path, steps, PARTS, groups=GROUPS, **options)
    return trajectory, analyse(trajectory, 40, 0, windows)


def centred_shares(steps):
    """Shares of the variance of positions along their first principal components."""
    places = positions(steps)
    values = np.linalg.svd(places - places.mean(axis=0), compute_uv=False) ** 2
    return values[:3] / values.sum()


@pytest.mark.parametrize(
    "options",
    [{"sketch": None, "window": [(40, 1)]}, {"sketch": 80}, {"sketch": 16, "window": [(40, 1)]}],
    ids=["recorded", "exact sketch", "both"],
)
def test_every_group_walks_in_its_own_space(tmp_path, options):
    steps = walk()
    _, found = analysed(tmp_path / "t.h5", steps, [{"length": 40}], **options)
    assert list(found.groups) == list(GROUPS)
    for name, group in found.groups.items():
        assert (group.parameters, group.tensors) == SIZES[name]
        assert not group.missing
        assert [w.diffusion.start for w in group.windows] == [0, 40]
        for window in group.windows:
            start = window.diffusion.start
            whole = steps[start : start + 39]
            own = whole[:, COLUMNS[name]]
            np.testing.assert_allclose(window.diffusion.msd, exact_msd(positions(own)), rtol=1e-9)
            np.testing.assert_allclose(window.component_shares, centred_shares(own), rtol=1e-6)
            share = (own**2).sum() / (whole**2).sum()
            assert window.share_of_msd == pytest.approx(share, rel=1e-9)
            assert not window.diffusion.sketch_error


def test_from_a_sketch_groups_are_as_near_as_it_says(tmp_path):
    steps = walk()
    trajectory, found = analysed(tmp_path / "t.h5", steps, sketch=20)
    for name, group in found.groups.items():
        (window,) = group.windows
        path = trajectory.sketch.groups[name]
        own = window.diffusion
        assert (own.start, own.length, own.stride) == (0, 80, 1)
        np.testing.assert_allclose(own.msd, exact_msd(positions(path.increments[:79])), rtol=1e-6)
        assert 0 < own.sketch_error <= np.sqrt(2 / 20)
        exact = exact_msd(positions(steps[:79, COLUMNS[name]]))
        assert np.abs(own.msd[:20] / exact[:20] - 1).max() < 4 * own.sketch_error


def test_shares_of_all_parts_add_up(tmp_path):
    for options in ({"sketch": None, "window": [(40, 1)]}, {"sketch": 80}):
        _, found = analysed(tmp_path / "t.h5", walk(), overwrite=True, **options)
        windows = zip(found.groups["stem"].windows, found.groups["head"].windows, strict=True)
        for stem, head in windows:
            assert stem.share_of_msd + head.share_of_msd == pytest.approx(1, rel=1e-9)
        for window in found.groups["all"].windows:
            assert window.share_of_msd == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(
    "options", [{"sketch": None, "window": [(40, 1)]}, {"sketch": 16}], ids=["recorded", "sketched"]
)
def test_a_group_at_rest_has_a_reason_and_the_others_their_numbers(tmp_path, options):
    _, found = analysed(tmp_path / "t.h5", walk(resting=COLUMNS["head"]), **options)
    head = found.groups["head"]
    assert not head.windows
    assert len(head.missing) == len(found.windows) >= 1
    for place, reason in head.missing.items():
        assert place.startswith("window from step ")
        assert reason
    for name in ("stem", "all"):
        assert len(found.groups[name].windows) == len(found.windows)
    rows = [row for row in group_rows("run", {}, found) if row["group"] == "head"]
    assert [row["undefined"] for row in rows] == [
        "; ".join(f"{place}: {reason}" for place, reason in head.missing.items())
    ]
    diffusion_file.write(tmp_path / "d.h5", found, {})
    assert diffusion_file.read(tmp_path / "d.h5").groups["head"].missing == head.missing


def test_a_group_that_rests_in_one_window_says_which(tmp_path):
    steps = walk()
    steps[:40, COLUMNS["head"]] = 0.0
    options = {"sketch": None, "window": [(40, 1)]}
    _, found = analysed(tmp_path / "t.h5", steps, **options)
    head = found.groups["head"]
    assert [w.diffusion.start for w in head.windows] == [40]
    assert list(head.missing) == ["window from step 0, stride 1"]


def test_a_run_without_groups_has_none(tmp_path):
    trajectory = record(tmp_path / "t.h5", walk(), PARTS)
    found = analyse(trajectory, 40, 0)
    assert found.groups == {}
    assert group_rows("run", {}, found) == []


def test_every_tensor_may_be_a_group(tmp_path):
    trajectory = record(tmp_path / "t.h5", walk(), PARTS, sketch=80, layer_grams=True)
    found = analyse(trajectory, 40, 0)
    assert {name: g.parameters for name, g in found.groups.items()} == PARTS
    assert {g.tensors for g in found.groups.values()} == {1}
    shares = [g.windows[0].share_of_msd for g in found.groups.values()]
    assert sum(shares) == pytest.approx(1, rel=1e-9)


# --- rows of the tables


def test_rows_of_groups_have_their_window_and_their_shares(tmp_path):
    steps = walk()
    _, found = analysed(tmp_path / "t.h5", steps, [{"length": 40}], sketch=80)
    rows = group_rows("run", {"seed": 3}, found)
    assert [(row["group"], row["window_start"]) for row in rows] == [
        (name, start) for name in GROUPS for start in (0, 40)
    ]
    for row in rows:
        own = steps[row["window_start"] : row["window_start"] + 39, COLUMNS[row["group"]]]
        assert (row["run"], row["seed"]) == ("run", 3)
        assert (row["parameters"], row["tensors"]) == SIZES[row["group"]]
        shares = [row[f"share_{i}"] for i in (1, 2, 3)]
        np.testing.assert_allclose(shares, centred_shares(own), rtol=1e-6)
        assert row["whole_run"] == "no"
        assert row["exponent_short"].low < 1 < row["exponent_short"].high


def test_a_run_too_short_for_a_window_says_so_in_its_groups(tmp_path):
    _, found = analysed(tmp_path / "t.h5", walk(15))
    rows = group_rows("run", {}, found)
    assert [(row["group"], row["undefined"]) for row in rows] == [
        (name, "no whole window") for name in GROUPS
    ]


def test_the_whole_run_has_the_last_row(tmp_path):
    steps = walk()
    _, found = analysed(tmp_path / "t.h5", steps, [{"length": 40}], sketch=16)
    rows = exponent_rows("run", {}, found)
    places = [(r["whole_run"], r["window_start"], r["window_length"], r["stride"]) for r in rows]
    assert places == [("no", 0, 40, 1), ("no", 40, 40, 1), ("yes", 0, 80, 1)]
    assert all(0 < row["sketch_error"] <= np.sqrt(2 / 16) for row in rows)
    assert rows[-1]["exponent_short"] == found.whole.window.exponent_short


def test_recorded_windows_have_no_error_of_a_sketch(tmp_path):
    _, found = analysed(tmp_path / "t.h5", walk(), window=[(40, 1)])
    rows = exponent_rows("run", {}, found)
    assert [(row["whole_run"], row["sketch_error"] is None) for row in rows] == [
        ("no", True),
        ("no", True),
        ("yes", False),
    ]
    for row in rows[:2]:
        assert "sketch_error: the window is not from a sketch" in row["undefined"]
    steps = walk()[:39]
    np.testing.assert_allclose(found.windows[0].msd, exact_msd(positions(steps)), rtol=1e-9)
    assert gram(steps).trace() / 39 == pytest.approx(found.windows[0].msd[0])


def test_a_run_without_windows_and_without_a_whole_has_one_empty_row(tmp_path):
    _, found = analysed(tmp_path / "t.h5", walk(15))
    (row,) = exponent_rows("run", {}, found)
    assert (row["whole_run"], row["window_length"], row["sketch_error"]) == (None, None, None)


def test_a_file_gives_back_the_whole_run_and_its_groups(tmp_path):
    _, found = analysed(tmp_path / "t.h5", walk(), [{"length": 40}])
    diffusion_file.write(tmp_path / "d.h5", found, {"run": "here"})
    back = diffusion_file.read(tmp_path / "d.h5")
    np.testing.assert_array_equal(back.whole.msd, found.whole.msd)
    np.testing.assert_array_equal(back.whole.sketch_error, found.whole.sketch_error)
    assert back.whole.window.exponent_long == found.whole.window.exponent_long
    assert set(back.groups) == set(GROUPS)
    for name, group in back.groups.items():
        for one, other in zip(group.windows, found.groups[name].windows, strict=True):
            assert one.share_of_msd == other.share_of_msd
            np.testing.assert_array_equal(one.diffusion.msd, other.diffusion.msd)
        assert (group.parameters, group.tensors, group.missing) == (*SIZES[name], {})
