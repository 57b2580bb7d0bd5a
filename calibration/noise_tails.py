"""How often Gaussian noise is called heavier than its null, and heavy noise is.

Noise of an epoch is known by its Gram matrix. Spectra of many dimensions are drawn as their largest
directions one by one and the rest as one Wishart matrix with its trace and trace of the square
(Bartlett decomposition): any number of dimensions costs the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sgdwalk.gradients.along_walk import Gradients, window_records
from sgdwalk.gradients.fixed_weights import checkpoint_records
from sgdwalk.gradients.stable_law import sample_stable
from sgdwalk.gradients.tail_record import TailRecord, vector_records

EPOCHS, BATCHES, DRAWS = 45, 11, 32
LAYERS, PER_LAYER, PER_STEP = 24, 4, 32
SHRINKING = 3.0
CALLED = 0.05  # null_p at most this: called heavier than the null
_SINGLE = 300  # directions drawn one by one


@dataclass(frozen=True)
class Noise:
    """A kind of noise.

    Attributes:
        name: of the kind.
        dimensions: of its vectors; 0 for recorded coordinates and pooled entries instead.
        spread: standard deviation of the logarithms of the scales of directions or coordinates.
        power: their variances fall as rank^-power instead, if not zero.
        shrinking: factor by which it shrinks over a window.
        alpha: 2, or that of the heavy radius of its vectors.
    """

    name: str
    dimensions: int = 0
    spread: float = 0.0
    power: float = 0.0
    shrinking: float = 1.0
    alpha: float = 2.0


VECTORS = (
    *(Noise(f"equal scales, D = {d:,}", d) for d in (1, 10, 1000, 100_000)),
    *(
        Noise(f"log-normal scales, log-sd {s:g}, D = {d:,}", d, spread=s)
        for d in (10, 1000, 100_000)
        for s in (1.0, 2.0)
    ),
    *(Noise(f"variances as rank^-{p:g}, D = 1,000", 1000, power=p) for p in (1.0, 2.0)),
    *(
        Noise(f"log-sd 1, D = {d:,}, shrinks threefold", d, 1.0, shrinking=SHRINKING)
        for d in (10, 100_000)
    ),
    *(
        Noise(f"heavy, alpha = {a:g}, log-sd 1, D = {d:,}", d, 1.0, alpha=a)
        for d in (10, 1000)
        for a in (1.8, 1.5)
    ),
)
COORDINATES = (
    *(Noise(f"log-normal scales, log-sd {s:g}", spread=s) for s in (0.0, 1.0, 2.0)),
    *(Noise(f"log-sd {s:g}, shrinks threefold", spread=s, shrinking=SHRINKING) for s in (0.0, 1.0)),
    *(Noise(f"heavy, alpha = {a:g}, log-sd 1", spread=1.0, alpha=a) for a in (1.8, 1.5)),
)


@dataclass(frozen=True)
class TailLevels:
    """Share of data sets of one kind of noise that are called heavier than their null, by what."""

    noise: Noise
    sets: int
    share: dict[str, float]


def tail_levels(noise: Noise, sets: int, seed: int = 0) -> TailLevels:
    """Analyse data sets of one kind of noise: a window, and a checkpoint.

    Args:
        noise: its kind.
        sets: how many.
        seed: of the first.

    Returns:
        Shares by quantity; for norms also how often a power law is called better than an
        exponential and than a log-normal, at 5 %.
    """
    called: dict[str, list[bool]] = {}
    for k in range(sets):
        generator = np.random.default_rng([seed, k])
        of_set = _vectors(noise, generator) if noise.dimensions else _values(noise, generator)
        for record in of_set:
            if not record.alpha.defined:
                continue
            name = f"{record.quantity} {record.method.removeprefix('log-moment')}"
            name = name.removesuffix("likelihood").strip().replace("  ", ", ")
            called.setdefault(name, []).append(record.null_p <= CALLED)
            if record.quantity == "noise norms":
                for law in ("exponential", "lognormal"):
                    ratio, p = getattr(record, f"{law}_ratio"), getattr(record, f"{law}_p")
                    called.setdefault(f"power law over {law}", []).append(ratio > 0 and p <= CALLED)
    return TailLevels(noise, sets, {name: float(np.mean(c)) for name, c in called.items()})


def _vectors(noise: Noise, generator: np.random.Generator) -> Iterable[TailRecord]:
    """Of a window's norms and vectors, and of the vectors at a checkpoint."""
    variances = spectrum(noise, generator)

    def gram(count: int, size: np.ndarray) -> np.ndarray:
        factor = size * _radius(noise.alpha, count, generator)
        return _centred(spectrum_gram(variances, count, generator) * np.outer(factor, factor))

    decay = noise.shrinking ** -np.linspace(0, 1, EPOCHS * BATCHES).reshape(EPOCHS, BATCHES)
    grams = np.array([gram(BATCHES, size) for size in decay])
    nothing = np.zeros((0, 0))
    window = Gradients(nothing, nothing, np.zeros(0, int), np.zeros(0), grams, nothing)
    yield from window_records(window, {})
    still = gram(DRAWS, np.ones(DRAWS))[None]
    yield from vector_records("vectors at fixed weights", {}, still, DRAWS)


def _values(noise: Noise, generator: np.random.Generator) -> Iterable[TailRecord]:
    """Of a window's entries, and of the coordinates at a checkpoint."""
    yield from window_records(window_of(noise, generator), {})
    _, values = coordinates(noise, DRAWS, generator)
    still = values - values.mean(axis=0)
    yield checkpoint_records(0, still, still @ still.T, 1.0, 0.0)[0]


def spectrum(noise: Noise, generator: np.random.Generator) -> np.ndarray:
    """Variances (D,) of the directions, in falling order."""
    if noise.power:
        return np.arange(1, noise.dimensions + 1) ** -noise.power
    scales = np.exp(noise.spread * generator.standard_normal(noise.dimensions))
    return np.sort(scales**2)[::-1]


def spectrum_gram(variances: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Inner products (count, count) of Gaussian vectors of a spectrum."""
    first, rest = variances[:_SINGLE], variances[_SINGLE:]
    vectors = generator.standard_normal((count, len(first))) * np.sqrt(first)
    gram = vectors @ vectors.T
    if rest.size:
        unit = np.square(rest).sum() / rest.sum()
        gram += unit * wishart(rest.sum() / unit, count, generator)
    return gram


def wishart(degrees: float, count: int, generator: np.random.Generator) -> np.ndarray:
    """Inner products of Gaussian vectors of unit variance in `degrees` > count - 1 dimensions.

    By the Bartlett decomposition: L L^T with independent normals below the diagonal and chi of
    degrees, degrees - 1, ... on it.
    """
    lower = np.tril(generator.standard_normal((count, count)), -1)
    lower[np.diag_indices(count)] = np.sqrt(generator.chisquare(degrees - np.arange(count)))
    return lower @ lower.T


def _radius(alpha: float, count: int, generator: np.random.Generator) -> np.ndarray:
    """Factors (count,) that make Gaussian vectors alpha-stable ones, with all directions alike."""
    if alpha == 2:
        return np.ones(count)
    # Samorodnitsky and Taqqu 1994, proposition 2.5.2
    tail = alpha / 2
    scale = np.cos(np.pi * tail / 2) ** (1 / tail)
    shift = np.tan(np.pi * tail / 2)  # S0 to S1
    return np.sqrt(np.maximum(scale * (sample_stable(tail, 1.0, count, generator) + shift), 0))


def coordinates(
    noise: Noise, steps: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Factors (steps,) of the vectors, and recorded coordinates (steps, C) of these.

    Scales of coordinates are log-normal, half of their variance is of eight common directions.
    """
    count = LAYERS * PER_LAYER
    factor = _radius(noise.alpha, steps, generator)
    common = generator.standard_normal((steps, 8)) @ generator.standard_normal((8, count)) / 4
    values = common + np.sqrt(0.5) * generator.standard_normal((steps, count))
    scales = np.exp(noise.spread * generator.standard_normal(count))
    return factor, values * scales * factor[:, None]


def window_of(noise: Noise, generator: np.random.Generator) -> Gradients:
    """What is recorded in a window of 45 epochs of 11 minibatches.

    Layers have 10 to 10,000 parameters and scales of their own; pooled entries are of coordinates
    of their own.
    """
    steps = EPOCHS * BATCHES
    sizes = np.geomspace(10, 10_000, LAYERS)
    layer = np.repeat(np.arange(LAYERS), PER_LAYER)
    level = np.exp(noise.spread / 2 * generator.standard_normal(LAYERS))
    decay = noise.shrinking ** -np.linspace(0, 1, steps)
    factor, series = coordinates(noise, steps, generator)
    drawn = generator.choice(LAYERS, (steps, PER_STEP), p=sizes / sizes.sum())
    shape = (steps, PER_STEP)
    scales = level[drawn] * np.exp(noise.spread * generator.standard_normal(shape))
    entries = generator.standard_normal(shape) * scales * (factor * decay)[:, None]
    series = series * level[layer] * decay[:, None]
    return Gradients(
        entries=entries,
        series=series,
        layer=layer,
        weight=(sizes / PER_LAYER)[layer],
        noise_gram=np.zeros((0, 0, 0)),
        mean_gradient=series.reshape(EPOCHS, BATCHES, -1).mean(axis=1),
    )


def _centred(gram: np.ndarray) -> np.ndarray:
    gram = gram - gram.mean(axis=0)
    return gram - gram.mean(axis=1, keepdims=True)


CASES = (*VECTORS, *COORDINATES)


def measured(part: int, realisations: int, seed: int) -> TailLevels:
    """Levels of one kind of noise, from a quarter as many sets: each has dozens of fits."""
    return tail_levels(CASES[part], max(realisations // 4, 2), seed)


def table(rows: list[TailLevels]) -> str:
    """The tables of the manual: of vectors and of coordinates, a column per quantity."""
    parts = (
        [row for row in rows if bool(row.noise.dimensions) is whole] for whole in (True, False)
    )
    return "\n\n".join(_table(part) for part in parts) + "\n"


def _table(rows: list[TailLevels]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row.share))
    lines = [["noise", *columns], ["---"] * (1 + len(columns))]
    lines += [
        [row.noise.name, *(f"{row.share[c]:.2f}" if c in row.share else "" for c in columns)]
        for row in rows
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
