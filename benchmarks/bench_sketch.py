"""What a sketch costs beside a copy of the parameters, and how far its exponents are from exact."""

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from timing import in_turn, ratio
from torch import nn
from torch.nn import functional

from sgdwalk.datasets.load import load_dataset
from sgdwalk.diffusion.window import WindowDiffusion, analyse_diffusion
from sgdwalk.fits.pieces import slope_weights
from sgdwalk.networks.build import build_network
from sgdwalk.recording.parameter_set import ParameterSet
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.recording.sketch import Buckets
from sgdwalk.recording.sketched_walk import SketchedWalk

K, TENSORS = 1024, 40
SIZES = {10**5: 50, 10**6: 20, 10**7: 5, 10**8: 2}  # parameters, and rounds
BARE_STEPS, BARE_ROUNDS = 3000, 5
LARGE, LARGE_STEPS = 10**8, 50
T, P, SEEDS = 500, 8000, 12


def _against_copies() -> dict:
    figures = {}
    for size, rounds in SIZES.items():
        parameters = [nn.Parameter(torch.randn(n)) for n in _parts(size)]
        walked = ParameterSet([(str(i), p) for i, p in enumerate(parameters)])
        walk, position = SketchedWalk(walked, [], K), torch.empty(size)
        walked.positions(position)
        walk.begin(position)
        walk.go_on(position, 0)

        def step(walk=walk, position=position) -> None:
            walk.step(position, 1)
            walk.go_on(position, 0)

        def copy(parameters=parameters) -> None:
            torch.cat([p.detach().view(-1) for p in parameters])

        buckets = Buckets(size, K, 0, torch.float32, position.device)

        def sums(buckets=buckets, position=position) -> None:
            buckets.add(position, 0)
            buckets.take()

        seconds = in_turn({"step": step, "sums": sums, "copy": copy}, rounds)
        at = f"{size:.0e} parameters over torch.cat of them"
        figures[f"sums of a sketch at {at}"] = ratio(seconds, "sums", "copy")
        figures[f"a step with its norms at {at}"] = ratio(seconds, "step", "copy")
    return figures


def _parts(size: int) -> list[int]:
    return [size // TENSORS] * (TENSORS - 1) + [size - size // TENSORS * (TENSORS - 1)]


def _walk(
    model: nn.Module, rate: float, loss_of: Callable[[], torch.Tensor], steps: int, k: int | None
) -> None:
    """A loop that does nothing but train, with the sketch alone or without a recorder."""
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trajectory.h5"
        recorder = TrajectoryRecorder(model, path, None, sketch=k) if k else None
        for _ in range(steps):
            loss = loss_of()
            optimizer.zero_grad()
            loss.backward()
            if recorder is not None:
                recorder.record(loss)
            optimizer.step()
        if recorder is not None:
            recorder.close()


def _loop(k: int | None) -> None:
    """fc3 on digits."""
    torch.manual_seed(0)
    data = load_dataset("digits")
    inputs, labels = data.train_inputs.float(), data.train_labels
    model = build_network("fc3", data.input_shape, data.num_classes)

    def loss_of() -> torch.Tensor:
        chosen = torch.randint(len(inputs), (128,))
        return functional.cross_entropy(model(inputs[chosen]), labels[chosen])

    _walk(model, 0.1, loss_of, BARE_STEPS, k)


def _large(answer, k: int | None) -> None:
    """Peak memory of a large network that walks, in a process of its own."""
    torch.set_num_threads(2)
    model = nn.Linear(LARGE // 1000, 1000, bias=False)
    inputs = torch.randn(2, LARGE // 1000)
    _walk(model, 1e-4, lambda: model(inputs).square().mean(), LARGE_STEPS, k)
    status = Path("/proc/self/status").read_text()
    answer.put(int(status.split("VmHWM:")[1].split()[0]) / 1e6)


def _memory() -> dict:
    context, peak = multiprocessing.get_context("spawn"), {}
    for k in (None, K):
        answer = context.Queue()
        process = context.Process(target=_large, args=(answer, k))
        process.start()
        peak[k] = answer.get()
        process.join()
    size = 4 * LARGE / 1e9
    return {
        f"GB beyond the same loop without, {LARGE:.0e} parameters": peak[K] - peak[None],
        f"GB of the loop without, {size:.1g} GB of them parameters": peak[None],
    }


def _walks() -> Iterator[tuple[str, np.ndarray]]:
    """(T - 1, P) increments."""
    draw = np.random.default_rng(0)
    noise = draw.standard_normal((T - 1, P))
    yield "Brownian", noise
    direction = draw.standard_normal(P)
    direction *= np.sqrt(P / 30) / np.linalg.norm(direction)
    yield "drifting", noise + direction
    places = np.zeros((T, P))
    for i in range(1, T):
        places[i] = 0.95 * places[i - 1] + noise[i - 1]
    yield "confined", np.diff(places, axis=0)
    yield "in few directions", noise / np.arange(1, P + 1)
    for name, first, decay in (
        ("resnet8", 0, 0.0),
        ("resnet8", 500, 0.0),
        ("mlp3_100", 2000, 0.01),
    ):
        yield f"{name} from step {first}", _trained(name, first, decay)


def _trained(name: str, first: int, decay: float) -> np.ndarray:
    torch.manual_seed(0)
    data = load_dataset("digits")
    inputs, labels = data.train_inputs.float(), data.train_labels
    model = build_network(name, data.input_shape, data.num_classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=decay)
    places = []
    for step in range(first + T):
        chosen = torch.randint(len(inputs), (64,))
        loss = functional.cross_entropy(model(inputs[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        if step >= first:
            places.append(torch.cat([p.detach().view(-1) for p in model.parameters()]))
        optimizer.step()
    return np.diff(torch.stack(places).double().numpy(), axis=0)


def _errors() -> dict:
    """Of the MSD, of exponents over the same lags, and how often their intervals hold the exact."""
    figures = {}
    for name, increments in _walks():
        exact = analyse_diffusion(increments @ increments.T)
        for k in (256, 1024, 4096):
            common, slopes, held = [], [], []
            for seed in range(SEEDS):
                sketched = _sketched(increments, k, seed)
                found = analyse_diffusion(sketched @ sketched.T, sketched=sketched)
                logs = np.log(found.msd[: T // 2] / exact.msd[: T // 2])
                common.append(np.abs(logs).max())
                for segment in found.regimes:
                    slope = _slope(exact, segment.first_lag, segment.last_lag)
                    slopes.append(segment.exponent.value - slope)
                    held.append(segment.exponent.low <= slope <= segment.exponent.high)
            at = f"{name}, k = {k}"
            figures[f"{at}: largest error of MSD, median"] = float(np.median(common))
            figures[f"{at}: error of exponents, rms"] = float(np.sqrt(np.mean(np.square(slopes))))
            figures[f"{at}: intervals that hold the exact"] = float(np.mean(held))
    return figures


def _sketched(increments: np.ndarray, k: int, seed: int) -> np.ndarray:
    buckets = Buckets(increments.shape[1], k, seed, torch.float64, torch.device("cpu"))
    rows = []
    for row in torch.from_numpy(increments):
        buckets.add(row, 0)
        rows.append(buckets.take().numpy())
    return np.array(rows)


def _slope(window: WindowDiffusion, first: float, last: float) -> float:
    """Of the MSD over the same lags, as an exponent is."""
    lags = window.fit_lags[(window.fit_lags >= first) & (window.fit_lags <= last)]
    msd = window.msd[np.rint(lags).astype(int) - 1]
    return float(slope_weights(np.log(lags)) @ np.log(msd))


def measure() -> dict:
    """Figures by what they are of."""
    torch.set_num_threads(1)
    figures = _against_copies()
    loops = {"sketched": lambda: _loop(K), "bare": lambda: _loop(None)}
    bare = in_turn(loops, BARE_ROUNDS)
    figures["fc3, batch 128, sketch alone over not recorded"] = ratio(bare, "sketched", "bare")
    return figures | _memory() | _errors()
