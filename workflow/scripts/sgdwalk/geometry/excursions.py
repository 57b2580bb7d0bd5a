"""How far fragments of the walk bulge from the chord between their ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError
from sgdwalk.fits.estimate import Estimate
from sgdwalk.fits.intervals import jackknife_interval
from sgdwalk.fits.pair_bins import BLOCKS, time_blocks
from sgdwalk.geometry.distances import (
    CHORD_RESOLUTION,
    EXCURSION_RESOLUTION,
    CheckedGram,
    principal_components,
    squared_distances,
)


@dataclass(frozen=True)
class Excursions:
    """Fragments of one length.

    The ratio is of the resolved fragments: zero for a straight line, large for a walk that turns
    back.
    """

    length: Annotated[int, "increments of a fragment"]
    start: Annotated[np.ndarray, "(n,) index of the first position of each fragment"]
    end_to_end_squared: Annotated[
        np.ndarray, "(n,) squared distance between the ends", "parameter^2"
    ]
    excursion_squared: Annotated[
        np.ndarray,
        "(n,) largest squared distance from the chord; nan where unresolved",
        "parameter^2",
    ]
    ratio: Annotated[Estimate, "mean squared excursion over mean squared end-to-end distance"]


def random_fragments(gram: ArrayLike, length: int, seed: int, fragments: int = 300) -> Excursions:
    """Transverse excursion against end-to-end distance over random fragments of one length.

    The null is the same of surrogates of the walk, see `surrogates`.

    Args:
        gram: (T-1, T-1) inner products of increments.
        length: increments of a fragment; 50 and 100 in the paper.
        seed: of the random choice of fragments, without repetition.
        fragments: how many; all there are if the window holds fewer.

    Returns:
        Excursions and end-to-end distances of the fragments, sorted by start, and the ratio of
        their means with its interval, by leaving out blocks of fragments, at most ten, as long as
        a fragment or longer.

    Raises:
        InputError: if the window holds no fragment of this length, or `gram` is no Gram matrix.

    Source: Chen, Qu and Gong, Neural Networks 149 (2022).
    """
    checked = CheckedGram.of(gram)
    starts = len(checked) - length + 1
    if length < 2 or starts < 1:
        raise InputError(f"fragments: length {length}; allowed are 2 to {len(checked)} increments")
    rng = np.random.default_rng(seed)
    start = np.sort(rng.choice(starts, size=min(fragments, starts), replace=False))
    end_to_end, excursion = _from_chords(checked, start, length)

    resolved = np.isfinite(excursion)
    ratio = _ratio(excursion[resolved], end_to_end[resolved])
    # Fragments share increments: only blocks as long as they are nearly independent.
    blocks = time_blocks(starts, min(max(starts // length, 2), BLOCKS, starts))
    block = np.searchsorted([b.stop for b in blocks], start, "right")
    left = [resolved & (block != b) for b in np.unique(block[resolved])]
    without = np.array([_ratio(excursion[keep], end_to_end[keep]) for keep in left])
    return Excursions(length, start, end_to_end, excursion, jackknife_interval(ratio, without))


def _from_chords(
    gram: CheckedGram, start: np.ndarray, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) squared chords of fragments and largest squared distances from them.

    As `transverse_excursion` for each, from the triangles of both ends and every point between.
    """
    squares = squared_distances(gram)
    between = start[:, None] + np.arange(length + 1)
    from_first = squares[start[:, None], between]
    from_last = squares[start[:, None] + length, between]
    chord = from_first[:, -1]
    contour = np.concatenate([[0.0], np.cumsum(np.sqrt(gram.values.diagonal()))])
    contour_squared = (contour[start + length] - contour[start]) ** 2
    straight = chord > CHORD_RESOLUTION * contour_squared
    along = (from_first + chord[:, None] - from_last) / 2  # product with the chord
    off = np.where(straight, chord, np.inf)[:, None]
    largest = (from_first - along**2 / off).max(axis=1)
    resolved = (largest >= EXCURSION_RESOLUTION * contour_squared) | (contour_squared == 0)
    return chord, np.where(resolved, np.maximum(largest, 0.0), np.nan)


@dataclass(frozen=True)
class Fragment:
    """One fragment in its own plane: what chord, contour and excursion are, to be drawn."""

    start: Annotated[int, "index of its first position in the window"]
    coordinates: Annotated[
        np.ndarray, "(n+1, 2) positions along its two leading principal components", "parameter"
    ]
    farthest: Annotated[int, "index in the fragment of the position farthest from the chord"]
    contour_length: Annotated[float, "sum of its increments' norms", "parameter"]
    end_to_end: Annotated[float, "distance between its ends, the chord", "parameter"]
    excursion: Annotated[float, "distance of the farthest position from the chord", "parameter"]
    share: Annotated[float, "part of the fragment's variance that the plane shows"]


def typical_fragment(gram: ArrayLike, excursions: Excursions) -> Fragment:
    """Return the fragment with the median ratio of excursion to end-to-end distance.

    Args:
        gram: (T-1, T-1) inner products of increments.
        excursions: result of `random_fragments` of the same window.

    Returns:
        The fragment, with lengths in the space of all parameters and positions in its plane.

    Raises:
        InputError: if no fragment is resolved.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = excursions.excursion_squared / excursions.end_to_end_squared
    known = np.flatnonzero(np.isfinite(ratio))
    if not known.size:
        raise InputError("fragments: none has a resolved excursion")
    chosen = known[np.argsort(ratio[known])[known.size // 2]]
    start = int(excursions.start[chosen])
    checked = CheckedGram.of(gram)
    fragment = checked.part(start, start + excursions.length)
    coordinates, variance = principal_components(fragment, 2)
    part, positions = fragment.values, len(fragment) + 1
    within = slice(start, start + positions)
    # a copy of its own: sums of rows with gaps between them round otherwise
    squares = squared_distances(checked)[within, within].copy()
    total = squares.sum() / (2 * positions * (positions - 1))
    # Squared distances from the chord: from the start, less the part along the chord.
    reached = np.concatenate([[0.0], part.cumsum(axis=0).cumsum(axis=1).diagonal()])
    along = np.concatenate([[0.0], part.sum(axis=1).cumsum()])
    return Fragment(
        start=start,
        coordinates=coordinates,
        farthest=int(np.argmax(reached - along**2 / along[-1])),
        contour_length=float(np.sqrt(part.diagonal()).sum()),
        end_to_end=float(np.sqrt(excursions.end_to_end_squared[chosen])),
        excursion=float(np.sqrt(excursions.excursion_squared[chosen])),
        share=float(variance.sum() / total),
    )


def _ratio(excursion: np.ndarray, end_to_end: np.ndarray) -> float:
    total = end_to_end.sum()
    return float(excursion.sum() / total) if total > 0 else np.nan
