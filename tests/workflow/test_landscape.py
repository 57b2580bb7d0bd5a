"""Loss surfaces in the finished smoke study: planes, lines, VTK, and what makes them run again."""

import numpy as np
import pytest

from sgdwalk.landscape import file as landscape_file

RUN, OTHER = (
    f"resnet8-digits-bs64-lr{rate}-drop_last_true-steps240-seed0" for rate in ("0.05", "0.1")
)


@pytest.fixture(scope="module")
def surfaces(smoke):
    return landscape_file.read(smoke.results / "runs" / RUN / "landscape.h5")


def test_planes_are_whole(surfaces):
    assert set(surfaces.planes) == {"random-240", "pca"}
    for plane in surfaces.planes.values():
        assert plane.missing == {}
        for values in plane.values.arrays.values():
            assert values.shape == (7, 7)
            assert np.isfinite(values).all()
    assert surfaces.planes["pca"].path.shape == (3, 2)
    assert surfaces.origin["run"] == RUN


def test_surfaces_agree_where_they_meet(surfaces):
    plane = surfaces.planes["random-240"].values.train_loss
    line = next(line for line in surfaces.lines.lines if line.kind == "filter")
    chord = surfaces.lines.roughness[0].chord.loss[0]
    assert line.values.train_loss[5] == pytest.approx(plane[3, 3], rel=1e-5)
    assert chord[8] == pytest.approx(plane[3, 3], rel=1e-5)
    to_end, to_other = surfaces.lines.interpolations
    assert (to_end.stop_run, to_other.stop_run) == (RUN, OTHER)
    assert to_end.values.train_loss[-1] == pytest.approx(to_other.values.train_loss[0], rel=1e-5)


def test_vtk_and_figure_are_made(smoke):
    for plane in ("random-240", "pca"):
        path = smoke.results / "runs" / RUN / "landscape" / f"{plane}.vtk"
        assert path.read_bytes().startswith(b"# vtk DataFile Version 3.0\n")
    assert (smoke.results / "figures" / "fig_loss_surface.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("old", "new", "plan"),
    [
        (
            "line_points: 11",
            "line_points: 13",
            {"landscape_lines": 1, "landscape": 1, "landscape_vtk": 2, "fig_loss_surface": 1},
        ),
        (
            "tiles: 2",
            "tiles: 3",
            {"landscape_tile": 6, "landscape": 1, "landscape_vtk": 2, "fig_loss_surface": 1},
        ),
    ],
)
def test_what_reruns(smoke_copy, old, new, plan):
    smoke_copy.edit("studies/smoke.yaml", old, new)
    assert smoke_copy.plan() == plan
