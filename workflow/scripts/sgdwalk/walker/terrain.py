"""Loss terrains of the toy walker: made by name, and interpolated.

A terrain is a grid of losses over the square `[-1, 1]^2`, bilinear in between. Random ones are
`loss = 10 - height` of a random surface, as in Chen, Qu and Gong, Neural Networks 149 (2022).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sgdwalk.errors import InputError
from sgdwalk.walker import random_surfaces

SUMMIT = 10.0  # loss at height zero


@dataclass(frozen=True, eq=False)
class Terrain:
    """A loss terrain over the square `[-1, 1]^2`.

    Attributes:
        values: loss at the grid points, `(N, M)`; the first axis is x.
        kind: the name it was made by.
        seed: the seed it was made from; None where nothing is random.
        H: roughness exponent it was made with; None where that has no meaning.
        hoelder: local exponent at the grid points, `(N, N)`, of a multifractal one, else None.
    """

    values: np.ndarray
    kind: str
    seed: int | None = None
    H: float | None = None
    hoelder: np.ndarray | None = None

    def __post_init__(self) -> None:
        values = np.ascontiguousarray(self.values, dtype=float)
        if values.ndim != 2 or min(values.shape) < 2:
            raise InputError(
                f"terrain {self.kind!r}: shape {values.shape}; a grid of at least 2 x 2 is needed"
            )
        if not np.isfinite(values).all():
            raise InputError(f"terrain {self.kind!r}: the grid holds values that are not finite")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    @property
    def x(self) -> np.ndarray:
        """First coordinate of the grid points, `(N,)`."""
        return np.linspace(-1, 1, self.values.shape[0])

    @property
    def y(self) -> np.ndarray:
        """Second coordinate of the grid points, `(M,)`."""
        return np.linspace(-1, 1, self.values.shape[1])

    @property
    def spacing(self) -> tuple[float, float]:
        """Distance of neighbouring grid points along x and y."""
        return 2 / (self.values.shape[0] - 1), 2 / (self.values.shape[1] - 1)

    def loss(self, points: np.ndarray) -> np.ndarray:
        """Bilinear loss `(...)` at points `(..., 2)` of the square; `InputError` outside it."""
        return self.loss_and_gradient(points)[0]

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Gradient `(..., 2)` of the bilinear loss at points `(..., 2)`; `InputError` outside."""
        return self.loss_and_gradient(points)[1]

    def loss_and_gradient(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bilinear loss and its exact gradient.

        The gradient jumps across the lines of the grid; on a line it is that of the cell above,
        on the far border that of the last cell.

        Args:
            points: `(..., 2)`, in the square `[-1, 1]^2`.

        Returns:
            Losses `(...)` and gradients `(..., 2)`.

        Raises:
            InputError: a point outside the square.
        """
        points = np.asarray(points, dtype=float)
        if points.shape[-1:] != (2,) or not (np.abs(points) <= 1).all():
            raise InputError("points: pairs of coordinates in the square [-1, 1]^2 are needed")
        gradient = np.empty(points.shape)
        loss, gradient[..., 0], gradient[..., 1] = self.interpolate(points[..., 0], points[..., 1])
        return loss, gradient

    def interpolate(
        self, x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Loss and its derivatives by x and y, `(...)` each, unchecked: for points in the square.

        What `loss_and_gradient` does, for inner loops that hold coordinates in separate arrays.
        """
        rows, columns = self.values.shape
        scale_x, scale_y = (rows - 1) / 2, (columns - 1) / 2
        u = (x + 1) * scale_x
        v = (y + 1) * scale_y
        # Whole parts, kept as floats as long as they are subtracted and multiplied.
        i = np.minimum(np.floor(u), rows - 2)
        j = np.minimum(np.floor(v), columns - 2)
        u -= i
        v -= j
        i *= columns
        i += j
        corner = i.astype(np.intp)
        flat = self.values.reshape(-1)
        low = flat.take(corner)
        right = flat[columns:].take(corner)
        along_y = flat[1:].take(corner)
        twist = flat[columns + 1 :].take(corner)
        twist -= right
        along_y -= low
        twist -= along_y
        right -= low
        slope_y = twist * u
        slope_y += along_y
        twist *= v
        twist += right  # now the slope along x
        right *= u
        low += right
        low += slope_y * v
        twist *= scale_x
        slope_y *= scale_y
        return low, twist, slope_y


def make_terrain(kind: str | Path, seed: int = 0, **parameters: Any) -> Terrain:
    """Make a terrain by name.

    | kind | terrain | parameters and their defaults |
    |---|---|---|
    | `fractal` | midpoint displacement | `size` 1025, `H` 1, `amplitude` 3, `floor` -0.1 |
    | `spectral` | exact fractional Brownian surface | `size` 1025, `H` 0.9, `amplitude` 0.35 |
    | `multifractal` | Hoelder exponent varying in space | `size`, `hoelder`, `amplitude` 0.2 |
    | `convex` | the cone `9 + r / 2` | `size` 1025 |
    | `shuffled` | the values of `fractal` in random order | those of `fractal` |
    | a path ending in `.npy` | losses `(N, M)` of a user, first axis x | none |

    `size` is the number of grid points per side, for `fractal` and `shuffled` a power of two plus
    one. `fractal` has no height below `floor` and none above `border` (0) on its border; None
    leaves either as it is.
    `amplitude` is the full width of the first displacement of `fractal`, else the root mean square
    height difference over unit distance. `hoelder` is a pair (exponent on the border, exponent in
    the centre; default 0.7 and 0.9), joined by `cos^2(pi x / 2) cos^2(pi y / 2)`, or a grid
    `(N, N)` of exponents. `shuffled` smooths the shuffled heights by a Gaussian of 8 cells and
    raises them to the power 0.7 (keeping the sign of those below zero).

    Args:
        kind: a name or path of the table.
        seed: of the random ones; equal arguments give equal terrains.
        **parameters: as in the table.

    Returns:
        The terrain.

    Raises:
        InputError: an unknown kind or parameter, a value out of range, an unreadable file.

    Source: Chen, Qu and Gong, Neural Networks 149 (2022) for `fractal`, `convex`, `shuffled`;
    Stein, J. Comput. Graph. Stat. 11, 587 (2002) for `spectral`; Ly and Gong, Nature Communications
    (2025), doi 10.1038/s41467-025-58532-9, for `multifractal`.
    """
    if str(kind).endswith(".npy"):
        if parameters:
            raise InputError(f"terrain from a file: takes no parameters, got {list(parameters)}")
        return _load(Path(kind))
    if kind not in KINDS:
        raise InputError(
            f"terrain: unknown kind {str(kind)!r}; allowed are {', '.join(KINDS)} "
            "or the path of a .npy file"
        )
    allowed = list(inspect.signature(KINDS[kind]).parameters)[1:]
    for name in parameters:
        if name not in allowed:
            raise InputError(
                f"terrain {kind!r}: unknown parameter {name!r}; allowed are {', '.join(allowed)}"
            )
    return KINDS[kind](seed, **parameters)


def _displaced(
    kind: str,
    seed: int,
    size: int = 1025,
    H: float = 1.0,
    amplitude: float = 3.0,
    floor: float | None = -0.1,
    border: float | None = 0.0,
) -> Terrain:
    """`fractal`, or `shuffled`, which is made of the same heights."""
    levels = int(size - 1).bit_length() - 1
    if size != 2**levels + 1 or levels < 1:
        raise InputError(f"size: {size}; midpoint displacement takes a power of two plus one")
    rng = np.random.default_rng(seed)
    heights = random_surfaces.midpoint_displacement(levels, H, amplitude, rng)
    if border is not None:
        for side in (heights[0], heights[-1], heights[:, 0], heights[:, -1]):
            np.minimum(side, border, out=side)
    if floor is not None:
        heights = np.maximum(heights, floor)
    if kind == "fractal":
        return Terrain(SUMMIT - heights, kind, seed, H)
    return Terrain(SUMMIT - _shuffled(heights, rng), kind, seed)


def _shuffled(heights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    shuffled = rng.permutation(heights.reshape(-1)).reshape(heights.shape)
    smooth = gaussian_filter(shuffled, sigma=8, mode="nearest")
    return np.sign(smooth) * np.abs(smooth) ** 0.7


def _spectral(seed: int, size: int = 1025, H: float = 0.9, amplitude: float = 0.35) -> Terrain:
    rng = np.random.default_rng(seed)
    heights = random_surfaces.fractional_brownian_surface(size, H, rng)
    return Terrain(SUMMIT - amplitude * heights, "spectral", seed, H)


def _multifractal(
    seed: int,
    size: int | None = None,
    hoelder: tuple[float, float] | np.ndarray = (0.7, 0.9),
    amplitude: float = 0.2,
) -> Terrain:
    exponents = np.asarray(hoelder, dtype=float)
    if exponents.shape == (2,):
        border, centre = exponents
        bump = np.cos(np.pi / 2 * np.linspace(-1, 1, 1025 if size is None else size)) ** 2
        exponents = border + (centre - border) * np.multiply.outer(bump, bump)
    elif size not in (None, len(exponents)):
        raise InputError(f"size: {size}, but hoelder is a grid of shape {exponents.shape}")
    rng = np.random.default_rng(seed)
    heights = random_surfaces.multifractional_brownian_surface(exponents, rng)
    return Terrain(SUMMIT - amplitude * heights, "multifractal", seed, hoelder=exponents)


def _convex(seed: int, size: int = 1025) -> Terrain:
    if size < 2:
        raise InputError(f"size: {size}; a terrain needs at least 2 grid points per side")
    axis = np.linspace(-1, 1, size)
    return Terrain(SUMMIT - 1 + np.hypot(axis[:, None], axis) / 2, "convex")


def _load(path: Path) -> Terrain:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"terrain {str(path)!r}: not a readable .npy file ({error})") from error
    if not np.issubdtype(values.dtype, np.floating) and not np.issubdtype(values.dtype, np.integer):
        raise InputError(f"terrain {str(path)!r}: holds {values.dtype}; real numbers are needed")
    return Terrain(values, str(path))


KINDS: dict[str, Callable[..., Terrain]] = {
    "fractal": partial(_displaced, "fractal"),
    "spectral": _spectral,
    "multifractal": _multifractal,
    "convex": _convex,
    "shuffled": partial(_displaced, "shuffled"),
}
