"""Files of loss surfaces: tiles make the plane, everything comes back, VTK is as VTK reads it."""

from dataclasses import replace

import numpy as np
import pytest

from sgdwalk.errors import InputError
from sgdwalk.files import vtk
from sgdwalk.landscape import file as landscape_file
from sgdwalk.landscape.results import (
    CheckpointRoughness,
    FineLines,
    Interpolation,
    Line,
    Plane,
    PlaneTile,
    RunLines,
    RunSurfaces,
    SurfaceValues,
)
from sgdwalk.landscape.run import analyse, join_tiles, with_roughness

X, Y = np.linspace(-1, 1, 5), np.linspace(0, 2, 3)
PLANE = Plane("pca", 9, x=X, y=Y, lengths=np.ones(2), cosine=0.25, path=np.eye(2))


def values(count, start=0):
    number = np.arange(start, start + count, dtype=float)
    return SurfaceValues(number, number / 100)


def tiles(tmp_path, parts=((0, 4), (4, 9), (9, 15))):
    paths = [tmp_path / f"{i}.h5" for i in range(len(parts))]
    for i, (path, (start, stop)) in enumerate(zip(paths, parts, strict=True)):
        plane = replace(PLANE, values=values(stop - start, start))
        landscape_file.write_tile(path, PlaneTile(i, len(parts), plane), {"run": "a"})
    return paths


def test_tiles_make_the_plane(tmp_path):
    plane = join_tiles(tiles(tmp_path))
    np.testing.assert_array_equal(plane.values.train_loss, np.arange(15.0).reshape(3, 5))
    np.testing.assert_array_equal(plane.x, X)
    np.testing.assert_array_equal(plane.path, np.eye(2))
    assert (plane.cosine, plane.step, plane.values.test_loss) == (0.25, 9, None)


def test_tiles_out_of_order_or_of_another_number_are_refused(tmp_path):
    paths = tiles(tmp_path)
    with pytest.raises(InputError, match="expected 0 of 3"):
        join_tiles(paths[::-1])
    with pytest.raises(InputError, match="remake all tiles"):
        join_tiles(paths[:2])


def test_a_plane_that_is_missing_says_so(tmp_path):
    plane = Plane("random", 5, {"values": "step 5 was not reached: diverged at step 3"})
    for i in (0, 1):
        landscape_file.write_tile(tmp_path / f"{i}.h5", PlaneTile(i, 2, plane), {})
    joined = join_tiles([tmp_path / "0.h5", tmp_path / "1.h5"])
    assert joined == plane


def test_a_run_comes_back(tmp_path):
    fine = FineLines(np.random.default_rng(0).standard_normal((2, 33)).cumsum(axis=1))
    why = {"values": "why"}
    lines = RunLines(
        (Line("raw", 9, {}, X, 3.0, values(5), 0.1, 2.0, 0.11, 2.1), Line("filter", 3, why)),
        (Interpolation(0, 9, "other", {}, X, 2.0, values(5)),),
        (
            CheckpointRoughness(9, {}, 1.0, 2 / 32, fine, fine),
            CheckpointRoughness.without_lines(3, "why"),
        ),
    )
    lines = with_roughness(lines)
    planes = {"pca": replace(PLANE, values=values(15)), "random-3": Plane("random", 3, why)}
    landscape_file.write(tmp_path / "all.h5", RunSurfaces(planes, lines), {"run": "a"})
    found = landscape_file.read(tmp_path / "all.h5")
    assert found.origin == {"run": "a"}
    assert found.planes["random-3"].missing == why
    assert found.planes["pca"].missing == {}
    assert found.lines.roughness[1].missing == {"random": "why", "chord": "why"}
    assert found.lines.lines[0].predicted_curvature == 2.1
    assert found.lines.lines[1].values is None
    assert found.lines.interpolations[0].stop_run == "other"
    roughness = found.lines.roughness[0].random.roughness
    assert roughness.hurst == lines.roughness[0].random.roughness.hurst
    landscape_file.write_lines(tmp_path / "lines.h5", lines, {})
    assert len(landscape_file.read_lines(tmp_path / "lines.h5").roughness) == 2


def test_a_run_is_its_tiles_and_its_lines(tmp_path):
    fine = FineLines(np.random.default_rng(0).standard_normal((2, 33)).cumsum(axis=1))
    lines = RunLines((), (), (CheckpointRoughness(9, {}, 1.0, 2 / 32, fine, fine),))
    landscape_file.write_lines(tmp_path / "lines.h5", lines, {})
    found = analyse({"pca": tiles(tmp_path)}, tmp_path / "lines.h5")
    np.testing.assert_array_equal(
        found.planes["pca"].values.train_loss, np.arange(15.0).reshape(3, 5)
    )
    expected = with_roughness(lines).roughness[0].chord.roughness
    assert found.lines.roughness[0].chord.roughness.hurst == expected.hurst


def test_fine_lines_that_leave_finite_losses_say_so():
    bad = FineLines(np.full((2, 33), np.inf))
    lines = RunLines((), (), (CheckpointRoughness(9, {}, 1.0, 0.1, bad, bad),))
    found = with_roughness(lines).roughness[0]
    assert found.random is None
    assert found.chord is None
    assert all("not finite" in found.missing[part] for part in ("random", "chord"))


def read_vtk(path):
    """Read a legacy binary rectilinear grid, as its specification says."""
    raw = path.read_bytes()
    place = 0

    def line():
        nonlocal place
        end = raw.index(b"\n", place)
        text, place = raw[place:end].decode(), end + 1
        return text

    def numbers(count):
        nonlocal place
        array = np.frombuffer(raw, ">f8", count, place)
        place += 8 * count + 1
        return array

    assert line() == "# vtk DataFile Version 3.0"
    title = line()
    assert (line(), line()) == ("BINARY", "DATASET RECTILINEAR_GRID")
    word, *sizes = line().split()
    assert word == "DIMENSIONS"
    axes = []
    for name in "XYZ":
        word, count, kind = line().split()
        assert (word, kind) == (f"{name}_COORDINATES", "double")
        axes.append(numbers(int(count)))
    assert [len(axis) for axis in axes] == [int(size) for size in sizes]
    arrays = {}
    if place < len(raw):
        word, count = line().split()
        assert word == "POINT_DATA"
        assert int(count) == np.prod([len(a) for a in axes])
        while place < len(raw):
            _, name, _, _ = line().split()
            assert line() == "LOOKUP_TABLE default"
            arrays[name] = numbers(int(count))
    return title, axes, arrays


def test_vtk_is_what_its_specification_says(tmp_path):
    loss = np.arange(15.0).reshape(3, 5)
    vtk.write_plane(tmp_path / "a.vtk", "a plane", X, Y, {"loss": loss, "twice": 2 * loss})
    title, axes, arrays = read_vtk(tmp_path / "a.vtk")
    assert title == "a plane"
    np.testing.assert_array_equal(axes[0], X)
    np.testing.assert_array_equal(axes[1], Y)
    np.testing.assert_array_equal(arrays["loss"], loss.ravel())  # x runs fastest
    np.testing.assert_array_equal(arrays["twice"], 2 * loss.ravel())


def test_bad_vtk(tmp_path):
    with pytest.raises(InputError, match="must be"):
        vtk.write_plane(tmp_path / "a.vtk", "t", X, Y, {"loss": np.zeros((5, 3))})
    with pytest.raises(InputError, match="one line"):
        vtk.write_plane(tmp_path / "a.vtk", "t\nu", X, Y, {})
