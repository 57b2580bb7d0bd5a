"""Training with full recording against the same loop without; memory and file size of recording."""

import multiprocessing
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from timing import in_turn, ratio
from torch.nn import functional

from sgdwalk.datasets.load import load_dataset
from sgdwalk.networks.build import build_network
from sgdwalk.recording.parameter_set import ParameterSet
from sgdwalk.recording.recorder import TrajectoryRecorder
from sgdwalk.training import augmentation
from sgdwalk.training.batches import Batches
from sgdwalk.training.loop import TrainingRun, train

STEPS, WINDOW, ROUNDS = 1000, 1000, 2
BARE_STEPS, BARE_ROUNDS = 3000, 5  # of a loop that does nothing but train


class Unrecorded:
    """A recorder that keeps nothing."""

    def record(self, loss: float, samples: int) -> None:
        """Nothing is kept."""

    def record_epoch(self, **values: float) -> None:
        """Nothing is kept."""


def _run() -> TrainingRun:
    torch.manual_seed(0)
    data = load_dataset("digits")
    model = build_network("resnet14", data.input_shape, data.num_classes)
    augment = augmentation.augmentation("shift", data.black)
    return TrainingRun(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1),
        Batches(data.train_inputs, data.train_labels, 128, 0, augment),
        (data.test_inputs, data.test_labels),
    )


def _touch() -> None:
    """Take 2 GB and give them back: a virtual machine may have lent its idle memory to its host."""
    torch.ones(2**29)


def _train(kind: str, folder: str, answer) -> None:
    """One training in a process of its own, whose memory is then its own as well."""
    torch.set_num_threads(2)
    train(_run(), 10, Unrecorded())
    run = _run()
    start = time.perf_counter()
    if kind == "without":
        train(run, STEPS, Unrecorded())
    else:
        path = Path(folder) / "trajectory.h5"
        resumable = kind == "resumable"
        with TrajectoryRecorder(
            run.model,
            path,
            WINDOW,
            overwrite=True,
            steps_per_epoch=run.batches.per_epoch,
            resumable=resumable,
        ) as recorder:
            train(run, STEPS, recorder)
    seconds = time.perf_counter() - start
    answer.put((seconds, _peak_memory()))


def _peak_memory() -> float:
    """MB that this process has held at most; getrusage would count its parent's as well."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _bare_loop(kind: str) -> None:
    """fc3 on digits: three matrices, so that what is done per step and tensor shows."""
    torch.manual_seed(0)
    data = load_dataset("digits")
    inputs, labels = data.train_inputs.float(), data.train_labels
    model = build_network("fc3", data.input_shape, data.num_classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"optimizer": optimizer} if kind == "hook" else {}
    if kind == "epochs":
        options = {"steps_per_epoch": len(inputs) // 128}
    window = 100 if kind == "short" else WINDOW
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trajectory.h5"
        recorder = None
        if kind != "without":
            recorder = TrajectoryRecorder(model, path, window, **options)
        for _ in range(BARE_STEPS):
            chosen = torch.randint(len(inputs), (128,))
            loss = functional.cross_entropy(model(inputs[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            if kind == "hook":
                recorder.loss(loss)
            elif recorder is not None:
                recorder.record(loss)
            optimizer.step()
        if recorder is not None:
            recorder.close()


def _guards() -> dict:
    """Microseconds that it takes to see that no parameter has changed."""
    figures = {}
    for name in ("fc3", "resnet14"):
        parameters = ParameterSet(build_network(name, (1, 8, 8), 10))
        seconds = in_turn({name: lambda of=parameters: [of.check() for _ in range(1000)]}, 5)
        figures[f"guards of {name}, microseconds per step"] = 1000 * median(seconds[name])
    return figures


def measure() -> dict:
    context = multiprocessing.get_context("spawn")
    kinds = ("without", "recorded", "resumable")
    seconds, memory = {k: [] for k in kinds}, {k: [] for k in kinds}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            for kind in kinds:
                toucher = context.Process(target=_touch)
                toucher.start()
                toucher.join()
                answer = context.Queue()
                process = context.Process(target=_train, args=(kind, folder, answer))
                process.start()
                took, used = answer.get()
                process.join()
                seconds[kind].append(took)
                memory[kind].append(used)
        size = (Path(folder) / "trajectory.h5").stat().st_size
    run = _run()
    parameters = sum(p.numel() for p in run.model.parameters())
    allowed = 4 * parameters * (WINDOW + run.batches.per_epoch) / 2**20 + 100
    torch.set_num_threads(1)
    loops = ("without", "recorded", "short", "hook", "epochs")
    bare = in_turn({kind: lambda kind=kind: _bare_loop(kind) for kind in loops}, BARE_ROUNDS)
    return {
        "training recorded over not recorded": ratio(seconds, "recorded", "without"),
        "training recorded and resumable over not recorded": ratio(seconds, "resumable", "without"),
        "milliseconds per step, not recorded": 1000 * median(seconds["without"]) / STEPS,
        "bare fc3 loop recorded over not recorded": ratio(bare, "recorded", "without"),
        "the same in windows of 100": ratio(bare, "short", "without"),
        "the same by the optimizer's hook": ratio(bare, "hook", "without"),
        "the same with noise of epochs": ratio(bare, "epochs", "without"),
        "milliseconds per step of the bare loop": 1000 * median(bare["without"]) / BARE_STEPS,
        **_guards(),
        "peak memory of recording, MB": max(memory["recorded"]) - min(memory["without"]),
        "one window + one epoch of gradients + 100 MB, MB": allowed,
        "trajectory file, bytes per window and squared length": size / WINDOW**2,
    }
