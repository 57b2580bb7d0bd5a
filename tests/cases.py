"""What tests share: walks whose truths are known, and models of every awkward shape.

A walk is its increments, (steps, dimension); `WALKS` are met by every analysis. A model comes with
data and an optimizer; `MODELS` are met by everything that takes a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from calibration.seeds import levy_flight, scaled_brownian
from torch import nn

from sgdwalk.geometry.distances import squared_distances

Increments = Callable[[np.random.Generator, int], np.ndarray]


def gram(increments):
    return increments @ increments.T


def gram_of_positions(positions):
    return gram(np.diff(np.asarray(positions, dtype=float), axis=0))


def positions(increments):
    """(steps + 1, dimension) positions of a walk that starts at the origin."""
    return np.vstack([np.zeros(increments.shape[1]), increments.cumsum(axis=0)])


def exact_msd(places):
    """(T-1,) time-averaged MSD by its definition, from (T, dimension) positions."""
    pairs = (places[lag:] - places[:-lag] for lag in range(1, len(places)))
    return np.array([(pair**2).sum(axis=1).mean() for pair in pairs])


# --- ways to walk


def brownian(rng, count, dimension):
    return rng.standard_normal((count, dimension))


def fractional(rng, count, dimension, hurst):
    """Fractional Gaussian noise by circulant embedding (Davies and Harte 1987)."""
    k = np.arange(count)
    covariance = (abs(k + 1.0) ** (2 * hurst) + abs(k - 1.0) ** (2 * hurst)) / 2 - k ** (2 * hurst)
    eigenvalues = np.fft.fft(np.concatenate([covariance, [0.0], covariance[:0:-1]])).real
    noise = rng.standard_normal((2, dimension, 2 * count))
    spectrum = np.sqrt(np.maximum(eigenvalues, 0) / (2 * count)) * (noise[0] + 1j * noise[1])
    return np.fft.fft(spectrum).real[:, :count].T


def autoregressive(rng, count, dimension, memory):
    """(count, dimension) of unit variance, each `memory` times the one before, plus noise."""
    values = rng.standard_normal((count, dimension))
    values[1:] *= np.sqrt(1 - memory**2)
    for before, after in pairwise(values):
        after += memory * before
    return values


def ornstein_uhlenbeck(rng, count, dimension, pull):
    """Steps of unit-variance positions in equilibrium in a bowl that pulls them to its middle."""
    return np.diff(autoregressive(rng, count + 1, dimension, 1 - pull), axis=0)


def lattice(rng, count, dimension):
    """Integer steps, so that squares and returns are exact in floating point."""
    return rng.integers(-1, 2, (count, dimension)).astype(float)


def zigzag(rng, count, step, noise=0.0):
    """There and back along one line, `noise` times a Brownian walk on top."""
    turns = (-1.0) ** np.arange(count)[:, None]
    return turns * step + noise * brownian(rng, count, len(step))


def at_rest(increments: Increments, first: float, last: float) -> Increments:
    """The same walk, standing still from one part of its steps to another."""

    def walk(rng, count):
        steps = increments(rng, count)
        steps[int(first * count) : int(last * count)] = 0.0
        return steps

    return walk


def with_huge_step(increments: Increments, size: float) -> Increments:
    """The same walk, its middle step so many times as large."""

    def walk(rng, count):
        steps = increments(rng, count)
        steps[count // 2] *= size
        return steps

    return walk


def with_drift(increments: Increments, drift) -> Increments:
    return lambda rng, count: increments(rng, count) + drift


def added(*walks: Increments) -> Increments:
    """Sum of independent walks."""
    return lambda rng, count: sum(increments(rng, count) for increments in walks)


# --- walks with their truths


@dataclass(frozen=True)
class Walk:
    """A kind of walk and what is known of it; `increments(rng, steps)` takes one.

    Attributes:
        name: of the case.
        increments: of a generator and a number of steps; (steps, dimension).
        dimension: of the space it walks in.
        msd: expected MSD at (n,) lags in steps; None where it is infinite or the walk ages.
        exponent: of the time-averaged MSD of one walk, where that is one power law.
        drift: squared norm of its mean increment.
    """

    name: str
    increments: Increments
    dimension: int
    msd: Callable[[np.ndarray], np.ndarray] | None = None
    exponent: float | None = None
    drift: float = 0.0

    def __call__(self, seed: int, steps: int = 120) -> np.ndarray:
        """(steps, dimension) increments, the same for the same seed."""
        return self.increments(np.random.default_rng(seed), steps)


def _power(factor, exponent):
    return lambda lag: factor * np.asarray(lag, dtype=float) ** exponent


def _brownian(dimension):
    walk = partial(brownian, dimension=dimension)
    return Walk(f"brownian_{dimension}d", walk, dimension, _power(dimension, 1), 1.0)


def _fractional(hurst, dimension):
    walk = partial(fractional, dimension=dimension, hurst=hurst)
    return Walk(f"fractional_{hurst}", walk, dimension, _power(dimension, 2 * hurst), 2 * hurst)


def _persistent(memory, dimension):
    def msd(lag):
        lost = 1 - memory
        ends = 2 * memory * (1 - memory ** np.asarray(lag, dtype=float)) / lost**2
        return dimension * (lag * (1 + memory) / lost - ends)

    walk = partial(autoregressive, dimension=dimension, memory=memory)
    return Walk(f"autoregressive_{memory}", walk, dimension, msd)


def _confined(pull, dimension):
    def msd(lag):
        return 2 * dimension * (1 - (1 - pull) ** np.asarray(lag, dtype=float))

    walk = partial(ornstein_uhlenbeck, dimension=dimension, pull=pull)
    return Walk(f"ornstein_uhlenbeck_{dimension}d", walk, dimension, msd)


_PLANE, _FEW, _SOME = (partial(brownian, dimension=n) for n in (2, 3, 10))
_SCALES = np.random.default_rng(0).lognormal(sigma=1.0, size=50)
_DRIFT = np.full(10, 0.5)
_STEP = np.array([3.0, 4.0])

WALKS = [
    *(_brownian(n) for n in (1, 3, 30, 1000)),
    Walk(
        "unequal_scales",
        lambda rng, count: _SCALES * brownian(rng, count, 50),
        50,
        _power(np.sum(_SCALES**2), 1),
        1.0,
    ),
    _fractional(0.3, 10),
    _fractional(0.7, 10),
    Walk(
        "two_fractional_walks",
        added(
            partial(fractional, dimension=10, hurst=0.3),
            lambda rng, count: 0.3 * fractional(rng, count, 10, 0.8),
        ),
        10,
        lambda lag: 10 * (lag**0.6 + 0.09 * lag**1.6),
    ),
    Walk("levy_flight", partial(levy_flight, dimension=5, alpha=1.5), 5, None, 1.0),
    Walk(
        "drift",
        with_drift(_SOME, _DRIFT),
        10,
        lambda lag: 10 * lag + np.sum(_DRIFT**2) * lag**2.0,
        drift=np.sum(_DRIFT**2),
    ),
    Walk(
        "straight_line",
        lambda rng, count: np.tile(_STEP, (count, 1)),
        2,
        _power(25, 2),
        2.0,
        drift=25.0,
    ),
    _confined(0.3, 1),
    _confined(0.1, 3),
    _persistent(0.8, 10),
    _persistent(-0.6, 10),
    Walk("shrinking_steps", partial(scaled_brownian, dimension=5, moses=0.2), 5),
    Walk(
        "vanishing_steps",
        lambda rng, count: 0.8 ** np.arange(count)[:, None] * brownian(rng, count, 3),
        3,
    ),
    Walk("zigzag", partial(zigzag, step=_STEP), 2, lambda lag: 25.0 * (np.asarray(lag) % 2)),
    Walk(
        "noisy_zigzag",
        partial(zigzag, step=_STEP, noise=0.1),
        2,
        lambda lag: 25.0 * (np.asarray(lag) % 2) + 0.02 * lag,
    ),
    Walk("rests_in_between", at_rest(_FEW, 1 / 3, 2 / 3), 3),
    Walk("rests_at_first", at_rest(_FEW, 0, 1 / 3), 3),
    Walk("rests_at_last", at_rest(_FEW, 1 / 3, 1), 3),
    Walk("never_moves", at_rest(_FEW, 0, 1), 3, _power(0, 1)),
    Walk("repeated_positions", partial(lattice, dimension=2), 2, _power(4 / 3, 1), 1.0),
    Walk("huge_step", with_huge_step(_PLANE, 1e5), 2),
]


def every(argument: str, cases: Sequence, failing: Mapping[str, str]) -> pytest.MarkDecorator:
    """A test for each case by name; of `failing`, name and reason, the failure is expected."""
    marks = {name: [pytest.mark.xfail(reason=why, strict=True)] for name, why in failing.items()}
    unknown = set(marks) - {case.name for case in cases}
    assert not unknown, f"no cases: {unknown}"
    return pytest.mark.parametrize(
        argument, [pytest.param(c, id=c.name, marks=marks.get(c.name, [])) for c in cases]
    )


def every_walk(walks: Sequence[Walk] = WALKS, **failing: str) -> pytest.MarkDecorator:
    """Parametrise a test's `walk`; `name="reason"` for those known to fail."""
    return every("walk", walks, failing)


def numbers(result, path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Name and value of every number and array in nested results, `modes.share` and so on."""
    if is_dataclass(result):
        result = {field.name: getattr(result, field.name) for field in fields(result)}
    elif isinstance(result, (tuple, list)):
        result = {str(index): item for index, item in enumerate(result)}
    if isinstance(result, dict):
        for name, item in result.items():
            yield from numbers(item, f"{path}.{name}".lstrip("."))
    elif result is not None and not isinstance(result, str):
        yield path, np.asarray(result, dtype=float)


# --- landscapes under a walk


def rough_landscape(rng, dimension, hurst, waves=1000):
    """Isotropic random field with `<dL^2> ~ r^(2 H)` between wavelengths 0.006 and 6000."""
    number = np.exp(rng.uniform(np.log(1e-3), np.log(1e3), waves))
    amplitude = number**-hurst * rng.standard_normal(waves)
    direction = rng.standard_normal((dimension, waves))
    vectors = direction / np.linalg.norm(direction, axis=0) * number
    phase = rng.uniform(0, 2 * np.pi, waves)
    return lambda places: np.cos(places @ vectors + phase) @ amplitude


def free_walk(seed, hurst, length=1000, dimension=20):
    """Distances along a force-free walk and the losses it meets on a landscape of known H."""
    rng = np.random.default_rng(seed)
    places = brownian(rng, length, dimension).cumsum(axis=0) / np.sqrt(dimension)
    loss = rough_landscape(rng, dimension, hurst)(places)
    return np.sqrt(squared_distances(gram_of_positions(places))), loss


# --- models with data and an optimizer

CLASSES = 3


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1)


@dataclass(frozen=True)
class Model:
    """A small classifier of an awkward shape, and the loop that trains it.

    Attributes:
        name: of the case.
        build: makes the module.
        shape: of one input.
        optimizer: of the module.
    """

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...] = (6,)
    optimizer: Callable[[nn.Module], torch.optim.Optimizer] = sgd

    def __call__(self, seed: int = 0) -> nn.Module:
        """The module, the same for the same seed."""
        torch.manual_seed(seed)
        return self.build()

    def batch(self, model: nn.Module, samples: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
        """Random inputs, in the precision of the model's first parameter, and labels."""
        dtype = next(model.parameters()).dtype
        return torch.randn(samples, *self.shape, dtype=dtype), torch.randint(CLASSES, (samples,))

    def training(self, model: nn.Module, steps: int) -> Iterator[torch.Tensor]:
        """Train; hands out each loss after `backward()` and before `optimizer.step()`."""
        optimizer = self.optimizer(model)
        for _ in range(steps):
            inputs, labels = self.batch(model)
            loss = nn.functional.cross_entropy(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            yield loss
            optimizer.step()


def trainable(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def flat(tensors) -> np.ndarray:
    """(P,) float64 of all entries, one tensor after the other."""
    return torch.cat([t.detach().reshape(-1).double() for t in tensors]).numpy()


class _WithExtra(nn.Module):
    """A linear layer with one more parameter, that a function of both uses or not."""

    def __init__(self, extra: torch.Tensor, use: Callable[[torch.Tensor, nn.Parameter], object]):
        super().__init__()
        self.extra, self.layer, self.use = nn.Parameter(extra), nn.Linear(6, CLASSES), use

    def forward(self, inputs):
        return self.use(self.layer(inputs), self.extra)


class _TwoPrecisions(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 4), nn.Linear(4, CLASSES).double()

    def forward(self, inputs):
        return self.last(self.first(inputs).tanh().to(self.last.weight.dtype))


class _Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells, self.last = nn.LSTM(2, 3, batch_first=True), nn.Linear(3, CLASSES)

    def forward(self, inputs):
        return self.last(self.cells(inputs)[0][:, -1])


def _layers(*between: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 5), *between, nn.Tanh(), nn.Linear(5, CLASSES))


def _convolutional() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Tanh(),
        nn.Conv2d(4, 2, 2, stride=2, groups=2), nn.BatchNorm2d(2, affine=False),
        nn.Flatten(), nn.Linear(8, CLASSES),
    )  # fmt: skip


def _frozen() -> nn.Sequential:
    model = _layers()
    model[0].requires_grad_(False)
    return model


def _tied() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Linear(6, CLASSES))
    model[2].weight = model[0].weight
    return model


def _groups(model: nn.Module) -> torch.optim.Optimizer:
    head = {"params": model[-1].parameters(), "lr": 0.01, "weight_decay": 0.1, "momentum": 0.9}
    return torch.optim.SGD([{"params": model[0].parameters(), "lr": 0.2}, head])


MODELS = [
    Model("linear", lambda: nn.Linear(6, CLASSES)),
    Model("convolutions_and_batch_norm", _convolutional, shape=(1, 6, 6)),
    Model("dropout", lambda: _layers(nn.Dropout(0.5))),
    Model("frozen_layer", _frozen),
    Model("tied_parameters", _tied),
    Model("scalar_parameter", lambda: _WithExtra(torch.tensor(0.7), lambda y, scale: scale * y)),
    Model("empty_parameter", lambda: _WithExtra(torch.ones(0, 3), lambda y, none: y + none.sum())),
    Model("unused_parameter", lambda: _WithExtra(torch.ones(4), lambda y, unused: y)),
    Model("parameter_groups", _layers, optimizer=_groups),
    Model("momentum", _layers, optimizer=lambda m: torch.optim.SGD(m.parameters(), 0.1, 0.9)),
    Model("float64", lambda: _layers().double()),
    Model("two_precisions", _TwoPrecisions),
    Model(
        "channels_last",
        lambda: _convolutional().to(memory_format=torch.channels_last),
        shape=(1, 6, 6),
    ),
    Model("weight_norm", lambda: nn.utils.parametrizations.weight_norm(nn.Linear(6, CLASSES))),
    Model("recurrent", _Recurrent, shape=(3, 2)),
]


def every_model(**failing: str) -> pytest.MarkDecorator:
    """Parametrise a test's `case`; `name="reason"` for those known to fail."""
    return every("case", MODELS, failing)
