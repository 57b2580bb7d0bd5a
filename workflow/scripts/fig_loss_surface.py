"""The loss surface of a run: planes with contours and in three dimensions, lines, roughness."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from launch import job
from sgdwalk.figures import style
from sgdwalk.geometry import file as geometry_file
from sgdwalk.landscape import file as surface_file
from sgdwalk.landscape.results import CheckpointRoughness, Interpolation, Line, Plane

COLOURS = "viridis"
CONTOURS = 14
TRAIN, TEST = "#1f4e79", "#c8651b"
KINDS = {"filter": "filter", "layer": "layer", "raw": "none (raw)"}
LOSSES = {"train": "training loss", "test": "test loss"}
NEAR = 0.15  # of the radius: how far the Hessian's parabola is shown
LENGTHS = r"($|\theta|$)"
WEIGHTS = r"coordinate ($|\theta|$)"


def scale(values: np.ndarray) -> tuple[Normalize, np.ndarray]:
    """Norm and levels of finite losses; logarithmic where they span a decade."""
    found = values[np.isfinite(values)]
    low, high = float(found.min()), float(found.max())
    if low > 0 and high > 10 * low:
        return LogNorm(low, high), np.geomspace(low, high, CONTOURS)
    high = high if high > low else low + 1e-9
    return Normalize(low, high), np.linspace(low, high, CONTOURS)


def axis_labels(plane: Plane) -> tuple[str, str]:
    """What the coordinates of a plane are."""
    if plane.kind == "random":
        return rf"first direction {LENGTHS}", rf"second direction {LENGTHS}"
    found, null = plane.explained_variance, plane.explained_null
    parts = [
        f"PC {k + 1} ({100 * found[k]:.1f} %; random walk {100 * null[k]:.0f} %)" for k in (0, 1)
    ]
    return parts[0], parts[1]


def draw_contours(figure: Figure, axis: Axes, plane: Plane, name: str, label: str) -> None:
    values = np.ma.masked_invalid(plane.values.arrays[name])
    norm, levels = scale(values.compressed())
    filled = axis.contourf(plane.x, plane.y, values, levels, norm=norm, cmap=COLOURS)
    axis.contour(plane.x, plane.y, values, levels, colors="w", linewidths=0.3, alpha=0.7)
    bar = figure.colorbar(filled, ax=axis, pad=0.02, aspect=25, label=label)
    ticks = levels[:: CONTOURS // 4]
    bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
    bar.ax.minorticks_off()
    x, y = axis_labels(plane)
    axis.set(xlabel=x, ylabel=y)
    if plane.path is None:
        axis.plot(0, 0, "+", color="w", ms=6)
        return
    axis.plot(*plane.path.T, "o-", color="w", mec="k", mew=0.5, ms=3.5, lw=1)
    for i in {0, len(plane.path) - 1}:
        right = plane.path[i, 0] > plane.x.mean()
        axis.annotate(
            f"step {plane.path_step[i]}",
            plane.path[i],
            xytext=(-3 if right else 4, 4),
            textcoords="offset points",
            ha="right" if right else "left",
            color="w",
            fontsize=6.5,
        )


def draw_relief(figure: Figure, axis: Axes, plane: Plane, title: str) -> None:
    """The same in three dimensions, logarithmic heights where losses span a decade."""
    place, letter = axis.get_subplotspec(), axis.get_title(loc="left")
    axis.remove()
    axis = figure.add_subplot(place, projection="3d")
    axis.set_title(letter, loc="left", fontweight="bold")
    values = plane.values.train_loss
    norm, _ = scale(values)
    logarithmic = isinstance(norm, LogNorm)
    heights = np.log10(values) if logarithmic else values
    heights = np.where(np.isfinite(heights), heights, np.nan)
    x, y = np.meshgrid(plane.x, plane.y)
    axis.plot_surface(
        x, y, heights, cmap=COLOURS, rcount=60, ccount=60, lw=0.15, edgecolor="w", alpha=0.9
    )
    if plane.path is not None:
        z = [heights[near(plane.y, py), near(plane.x, px)] for px, py in plane.path]
        axis.plot(*plane.path.T, z, "o-", color="r", ms=2.5, lw=1, zorder=10)
    axis.view_init(elev=38, azim=-125)
    axis.tick_params(labelsize=5.5, pad=-3)
    axis.set_zlabel(r"$\log_{10}$ loss" if logarithmic else "loss", fontsize=6.5, labelpad=-8)
    axis.text2D(0.5, 0.97, title, transform=axis.transAxes, ha="center", fontsize=7)
    axis.set_box_aspect(None, zoom=1.15)
    axis.set_in_layout(False)


def near(axis: np.ndarray, value: float) -> int:
    """Index of the grid line nearest to a value."""
    return int(np.abs(axis - value).argmin())


def inside(axis: Axes, place: str):
    """A legend in an axis that does not move the other axes."""
    legend = axis.legend(loc=place, borderpad=0.1, labelspacing=0.3)
    legend.set_in_layout(False)
    return legend


def draw_lines(axis: Axes, lines: list[Line]) -> None:
    for line, colour in zip(lines, style.colours(len(lines)), strict=True):
        axis.plot(line.coordinate, line.values.train_loss, color=colour, label=KINDS[line.kind])
        axis.plot(line.coordinate, line.values.test_loss, color=colour, lw=0.8, ls="--")
    axis.plot([], [], color="k", lw=0.8, ls="--", label="test")
    axis.set(xlabel=WEIGHTS, ylabel="loss")
    low = min(line.values.train_loss.min() for line in lines)
    if low > 0:
        axis.set_yscale("log")
    inside(axis, "upper center")


def draw_curvature(axis: Axes, lines: list[Line]) -> None:
    for line, colour in zip(lines, style.colours(len(lines)), strict=True):
        reach = NEAR * line.coordinate[-1]
        reach = max(reach, 2.01 * np.diff(line.coordinate)[0])
        shown = np.abs(line.coordinate) <= reach
        middle = line.values.train_loss[len(line.coordinate) // 2]
        said = f"{KINDS[line.kind]}: {line.curvature:.2g} ({line.predicted_curvature:.2g})"
        axis.plot(
            line.coordinate[shown],
            line.values.train_loss[shown],
            "o",
            ms=3,
            color=colour,
            label=said,
        )
        t = np.linspace(-reach, reach, 101)
        parabola = middle + line.predicted_slope * t + line.predicted_curvature * t**2 / 2
        axis.plot(t, parabola, color=colour, lw=0.9)
    axis.set(xlabel=WEIGHTS, ylabel="training loss")
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.5 * (high - low))
    inside(axis, "upper center").set_title("second derivative: fitted (Hessian)", {"size": 6.5})


def draw_interpolations(axis: Axes, lines: list[Interpolation], run: str) -> None:
    twin = axis.twinx()
    styles = ("-", "--", ":", "-.")
    for number, line in enumerate(lines):
        dashes = styles[number % len(styles)]
        other = "" if line.stop_run == run else ", other run"
        label = f"step {line.step} to {line.stop_step}{other}"
        axis.plot(line.coordinate, line.values.train_loss, color=TRAIN, ls=dashes, label=label)
        axis.plot(line.coordinate, line.values.test_loss, color=TEST, ls=dashes)
        twin.plot(line.coordinate, line.values.test_accuracy, color="0.6", ls=dashes, lw=0.8)
    axis.plot([], [], color=TEST, label="test loss")
    axis.plot([], [], color="0.6", label="test accuracy")
    twin.set_ylabel("accuracy")
    axis.set(xlabel=r"coordinate $\alpha$ between the two", ylabel="loss", ylim=(0, None))
    axis.set_ylim(0, 1.7 * axis.get_ylim()[1])
    twin.set_ylim(0, 1.7)
    twin.set_yticks(np.linspace(0, 1, 6))
    inside(axis, "upper left")


def draw_roughness(axis: Axes, found: CheckpointRoughness, walk) -> None:
    sets = (
        ("isotropic lines", found.random, "o", TRAIN),
        ("line to neighbour", found.chord, "s", TEST),
    )
    for label, lines, marker, colour in sets:
        curve = lines.roughness
        said = f"{label}: $H$ = {curve.hurst.value:.2f}"
        axis.plot(curve.separation, curve.msl, marker, ms=3, color=colour, label=said)
        fit = curve.power_law
        ends = np.array([fit.fit_low, fit.fit_high])
        axis.plot(ends, fit(ends), color=colour, lw=0.8)
    if walk is not None:
        above = (walk.msl > 0) & ~walk.upper_limit
        said = f"walk, last window: $H$ = {walk.hurst.value:.2f}"
        axis.plot(walk.separation[above], walk.msl[above], "^", ms=3, color="0.4", label=said)
        axis.plot(walk.separation[~above], walk.msl_upper[~above], "v", ms=2.5, color="0.8")
    curve = found.random.roughness
    style.guide(axis, 2, curve.separation[[0, -1]], 4 * curve.msl[0], "$H$ = 1")
    axis.set(xscale="log", yscale="log", xlabel="distance (parameter)", ylabel="MSL")
    low, high = axis.get_ylim()
    axis.set_ylim(low, high * (high / low) ** 0.4)
    inside(axis, "upper left")


def walk_roughness(path: str):
    """MSL of the last window along the walk, of probe losses if there are any, or None."""
    windows = geometry_file.read(path).windows
    distance = windows[-1].distance if windows else None
    return distance and (distance.probe or distance.minibatch)


def draw(figure: Figure, axes: dict[str, Axes], surfaces, walk) -> None:
    plane = next(p for p in reversed(surfaces.planes.values()) if p.kind == "random")
    path, lines = surfaces.planes["pca"], surfaces.lines
    for name, shown in (("train", plane), ("relief", plane), ("test", plane), ("path", path)):
        if shown.missing or not np.isfinite(shown.values.train_loss).any():
            style.message(axes[name], shown.missing or "no loss is finite")
            if name == "path":
                style.message(axes["path_relief"], shown.missing or "no loss is finite")
        elif name == "relief":
            draw_relief(figure, axes[name], plane, f"step {plane.step}")
        elif name == "path":
            draw_contours(figure, axes[name], path, "train_loss", "training loss")
            draw_relief(figure, axes["path_relief"], path, "path on its principal plane")
        else:
            draw_contours(figure, axes[name], plane, f"{name}_loss", LOSSES[name])
    chosen = [line for line in lines.lines if line.step == plane.step]
    for name, function in (("lines", draw_lines), ("curvature", draw_curvature)):
        said_or_drawn(axes[name], chosen, lambda found, f=function, a=axes[name]: f(a, found))
    said_or_drawn(
        axes["interpolation"],
        lines.interpolations,
        lambda found: draw_interpolations(axes["interpolation"], found, surfaces.origin["run"]),
    )
    said_or_drawn(
        axes["roughness"],
        [found for found in lines.roughness if found.step == plane.step],
        lambda found: draw_roughness(axes["roughness"], found[0], walk),
    )


def said_or_drawn(axis: Axes, items, function) -> None:
    present = [item for item in items if not item.missing]
    if present:
        function(present)
    else:
        style.message(axis, items[0].missing if items else "none was asked for")


NAMES = (
    "train",
    "relief",
    "test",
    "path",
    "path_relief",
    "interpolation",
    "lines",
    "curvature",
    "roughness",
)

with job(snakemake) as log:
    figure, axes = style.panels(NAMES)
    surfaces = surface_file.read(snakemake.input.landscape[0])
    draw(figure, axes, surfaces, walk_roughness(snakemake.input.geometry[0]))
    figure.suptitle(snakemake.params.run, fontsize=9)
    style.save_figure(figure, snakemake.output)
    log(f"{snakemake.params.run}: {len(surfaces.planes)} planes")
