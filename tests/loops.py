"""Training loops in processes that can be killed: forked from one that has torch ready.

As a script it is that process: it reads requests, one JSON a line, and answers them in order.
`Forks` is the other side. What a loop did it writes down itself, before anything can be lost.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

import numpy as np

WINDOWS = [(10, 1), (8, 5)]
STEPS = 205
OPTIONS = {"window": WINDOWS, "steps_per_epoch": 30, "layer_grams": True, "sketch": 5}
WATCHED = ("pwrite", "fsync", "truncate", "replace", "rename", "unlink", "rmdir")


class Forks:
    """Starts loops and waits for them; those that still run at the end are killed."""

    def __enter__(self):
        library = Path(__file__).parents[1] / "workflow" / "scripts"
        paths = [os.environ.get("PYTHONPATH"), str(library)]
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(p for p in paths if p),
                "OMP_NUM_THREADS": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def _ask(self, **request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(self, function, folder, **options):
        """Begin ``function(folder, **options)``, one of those below."""
        Path(folder).mkdir(exist_ok=True)
        request = {"function": function, "folder": str(folder), "options": options}
        return Fork(self, self._ask(**request), Path(folder))

    def run(self, function, folder, **options):
        """The same, waited for; what it wrote to its error output, if it ended well."""
        fork = self.start(function, folder, **options)
        code = fork.wait()
        assert code == 0, (code, fork.errors())
        return fork.errors()


class Fork:
    def __init__(self, forks, pid, folder):
        self._forks, self.pid, self.folder = forks, pid, folder

    def wait(self, kill_after=None, by=signal.SIGKILL, timeout=100):
        """Its exit code, negative for a signal."""
        code = self._forks._ask(pid=self.pid, kill_after=kill_after, by=by, timeout=timeout)
        assert code is not None, f"did not end in {timeout} s: {self.errors()}"
        return code

    def errors(self):
        return (self.folder / f"{self.pid}.errors").read_text()

    def lines(self):
        """What it said, without what is of no interest in most tests."""
        said = self.errors().splitlines()
        return [line for line in said if "fill no window" not in line]


# ---------------------------------------------------------------- what the loops do


def start_of(step=0, seed=0, shape=(4, 3)):
    """Model and optimizer as they are after some steps of the same training."""
    import torch

    torch.manual_seed(seed)
    model = torch.nn.Linear(*shape)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for i in range(step):
        loss_at(model, i)
        optimizer.step()
    return model, optimizer


def loss_at(model, step):
    """Loss of the minibatch of a step, with the gradient in place."""
    import torch

    draw = torch.Generator().manual_seed(1000 + step)
    inputs = torch.randn(8, 4, generator=draw)
    loss = (model(inputs) - inputs[:, :1].sin()).square().mean()
    model.zero_grad()
    loss.backward()
    return loss


def flat(model):
    return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])


def walk(
    folder,
    steps=STEPS,
    first=0,
    *,
    name="t.h5",
    seed=0,
    shape=(4, 3),
    die_at=None,
    calls=False,
    limits=(),
    room=None,
    user=None,
    wait=None,
    memory=None,
    **options,
):
    """Record ``steps`` steps, the first of them at the position after ``first`` steps.

    Writes ``log``: every step whose record has returned, and its loss; ``end``: last parameters.

    It can die at ``die_at``: number of a watched call; before, half-way or after; signal. The
    ``calls`` are written down for that. ``limits``, pairs of a resource and its limit, hold from
    step ``room`` on, or from the start. ``user`` is who to be, ``wait`` a step at which to wait for
    a file ``go``, ``memory`` a step from which on no Gram matrix can be made, and the error.
    """
    from sgdwalk.recording import open_window
    from sgdwalk.recording.recorder import TrajectoryRecorder

    folder = Path(folder)
    model, optimizer = start_of(first, seed, shape)
    # limits are those of every file
    log = os.open(os.devnull if limits else folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    write, fsync = os.write, os.fsync  # not watched
    if user is not None:
        os.setuid(user)
    if room is None:
        limit(limits)
    with watched(folder, die_at, calls):
        options = {**OPTIONS, "origin": {}, **options}
        with TrajectoryRecorder(model, folder / name, **options) as recorder:
            for step in range(first, first + steps):
                if step == room:
                    limit(limits)
                if memory is not None and step == memory[0]:
                    open_window.window_gram = raising(memory[1])
                loss = loss_at(model, step)
                recorder.record(loss)
                write(log, f"{step} {loss.item().hex()}\n".encode())
                if not limits:
                    fsync(log)
                optimizer.step()
                if step == wait:
                    (folder / "waiting").touch()
                    while not (folder / "go").exists():
                        time.sleep(0.001)
    limit([(name, -1) for name, _ in limits])
    np.save(folder / "end.npy", flat(model))


def rank(
    folder,
    rank,
    kind,
    *,
    ranks=2,
    steps=40,
    hook=False,
    told=(),
    fail=None,
    room=None,
    refusal=False,
    **options,
):
    """One of the processes of a walk, each of which has its part of every minibatch.

    ``kind`` is what the model becomes: ``whole`` for one process, ``replicas``, ``shards``, or
    ``mixed``, shards beside whole parameters. With ``hook`` the optimizer records. Process ``told``
    alone is told these options. One of the processes can ``fail``, or have no ``room``, at a step;
    each is the number of the process and the step. A ``refusal`` must come.
    """
    import torch
    from torch import distributed

    from sgdwalk.errors import InputError
    from sgdwalk.recording.recorder import TrajectoryRecorder

    folder = Path(folder)
    if kind != "whole":
        distributed.init_process_group(
            "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=ranks
        )
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    walked = spread(model, kind)
    optimizer = torch.optim.SGD(walked.parameters(), lr=0.1, momentum=0.9)
    options = {"window": [(10, 1), (4, 3)], "origin": {}, **options}
    if told and told[0] == rank:
        options.update(told[1])
    if hook:
        options["optimizer"] = optimizer
    positions, gradients = [], []
    try:
        recorder = TrajectoryRecorder(walked, folder / "t.h5", **options)
    except InputError as error:
        print(error, file=sys.stderr)
        if refusal:
            return
        raise
    with recorder:
        for step in range(steps):
            if fail is not None and fail == [rank, step]:
                raise RuntimeError("out of luck")
            if room is not None and room == [rank, step]:
                limit([("FSIZE", (folder / "t.h5.parts" / "steps.rows").stat().st_size)])
            draw = torch.Generator().manual_seed(step)
            inputs = torch.randn(8, 4, generator=draw)[rank::ranks]
            loss = (walked(inputs) - inputs[:, :1].sin()).square().mean()
            optimizer.zero_grad()
            loss.backward()
            if kind == "mixed":
                for p in (model[2].weight, model[2].bias):
                    distributed.all_reduce(p.grad)
                    p.grad /= ranks
            if kind == "whole":
                positions.append(flat(model))
                gradients.append(
                    np.concatenate([p.grad.numpy().ravel() for p in model.parameters()])
                )
            if hook:
                recorder.loss(loss, len(inputs))
            else:
                recorder.record(loss, len(inputs))
            optimizer.step()
    np.savez(folder / f"seen-{rank}.npz", positions=positions, gradients=gradients)


def columns(folder, rank, *, ranks=2, steps=8):
    """A walk of tensors that are divided by their second dimension, and whole ones beside them.

    It writes the positions, which every process has seen.
    """
    import torch
    from torch import distributed
    from torch.distributed import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    from sgdwalk.recording.recorder import TrajectoryRecorder

    folder = Path(folder)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=ranks
    )
    mesh = init_device_mesh("cpu", (ranks,))
    draw = torch.Generator().manual_seed(0)
    sizes = [(5, 7), (3, 4, 5), (6,)]
    whole = [torch.randn(size, generator=draw) for size in sizes]
    walked = [
        distribute_tensor(whole[0], mesh, [Shard(1)]),
        distribute_tensor(whole[1], mesh, [Shard(1)]),
        whole[2].clone(),
    ]
    pairs = [(str(i), tensor) for i, tensor in enumerate(walked)]
    groups = {"outer": ["0", "2"], "middle": "1"}
    places = []
    options = {"groups": groups, "samples_per_step": 0, "origin": {}}
    with TrajectoryRecorder(pairs, folder / "t.h5", None, sketch=9, **options) as recorder:
        for _ in range(steps):
            recorder.record(1.0)
            places.append(np.concatenate([t.numpy().ravel() for t in whole]))
            for i, (own, size) in enumerate(zip(walked, sizes, strict=True)):
                step = 0.1 * torch.randn(size, generator=draw)
                whole[i] = whole[i] + step
                own += step if i == 2 else distribute_tensor(step, mesh, [Shard(1)])
    places.append(np.concatenate([t.numpy().ravel() for t in whole]))
    np.save(folder / f"places-{rank}.npy", places)


def spread(model, kind):
    if kind == "whole":
        return model
    if kind == "replicas":
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(model)
    from torch.distributed import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (2,))
    fully_shard(model[0], mesh=mesh)
    if kind == "shards":
        fully_shard(model[2], mesh=mesh)
        fully_shard(model, mesh=mesh)
    return model


def raising(error):
    import builtins

    kind, text = error

    def fail(*_, **__):
        raise getattr(builtins, kind)(text)

    return fail


def limit(limits):
    import resource

    for name, size in limits:
        which = getattr(resource, f"RLIMIT_{name}")
        most = resource.getrlimit(which)[1]
        resource.setrlimit(which, (most if size < 0 else size, most))


def refused(folder, name="t.h5", model=None, **options):
    """Make a recorder, which must be refused; says why."""
    from sgdwalk.errors import InputError
    from sgdwalk.recording.recorder import TrajectoryRecorder

    try:
        TrajectoryRecorder(model or start_of()[0], Path(folder) / name, **options)
    except InputError as error:
        print(error, file=sys.stderr)
    else:
        raise AssertionError("not refused")


def refuse_much(folder, room, window):
    """The same, of a large model in a process that may not take much memory."""
    import torch

    model = torch.nn.Linear(1000, 200, bias=False)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    limit([("AS", taken + room)])
    refused(folder, model=model, window=window, host_memory=2**40)


def come_and_go(folder, seed, times):
    """Record a few steps over and over, where another process does the same."""
    from sgdwalk.errors import InputError
    from sgdwalk.recording.recorder import TrajectoryRecorder

    model, _ = start_of(seed=seed)
    recorded = 0
    while recorded < times:
        try:
            recorder = TrajectoryRecorder(model, folder / "t.h5", 3, origin={}, overwrite=True)
        except InputError as error:
            if "is recording there" not in str(error):
                raise
            continue
        with recorder:
            for step in range(4):
                recorder.record(loss_at(model, step))
        assert recorder.ended is None
        recorded += 1


def fork_in_the_loop(folder):
    """Children of the loop that end in their own ways."""
    from sgdwalk.recording.recorder import TrajectoryRecorder

    model, _ = start_of()
    children = []
    with TrajectoryRecorder(model, folder / "t.h5", 10, origin={}) as recorder:
        for step in range(30):
            recorder.record(loss_at(model, step))
            if step in (5, 12, 25):
                children.append(os.fork())
                if not children[-1]:
                    if step == 5:
                        sys.exit(0)
                    if step == 12:
                        recorder.close()
                        sys.exit(0)
                    raise RuntimeError("of a child")
                os.waitpid(children[-1], 0)
                assert not (folder / "t.h5").exists()
                assert (folder / "t.h5.parts" / "recording.json").exists()


def recovered(folder, name="t.h5", **options):
    """Recover, watched."""
    from sgdwalk.recording.recover import recover

    with watched(Path(folder), **options):
        recover(Path(folder) / name)


@contextmanager
def watched(folder, die_at=None, calls=False):
    """Count calls that change the disk, and die in one of them."""
    import h5py

    seen = []

    def watch(name, call):
        def called(*arguments, **more):
            number = len(seen)
            seen.append((name, subject(arguments[0])))
            if die_at is not None and number == die_at[0]:
                if die_at[1] == "half" and name == "pwrite":
                    descriptor, data, place = arguments
                    call(descriptor, data[: len(data) // 2], place)
                elif die_at[1] == "after":
                    call(*arguments, **more)
                os.kill(os.getpid(), die_at[2])
                time.sleep(60)
            return call(*arguments, **more)

        return called

    places = [(os, name) for name in WATCHED] + [(h5py.Group, "create_dataset")]
    before = [getattr(place, name) for place, name in places]
    for (place, name), call in zip(places, before, strict=True):
        setattr(place, name, watch(name, call))
    try:
        yield
    finally:
        for (place, name), call in zip(places, before, strict=True):
            setattr(place, name, call)
    if calls:
        (folder / "calls").write_text(json.dumps(seen))


def subject(first):
    """Name of the file that a call is about."""
    if isinstance(first, int):
        return Path(os.readlink(f"/proc/self/fd/{first}")).name
    return Path(str(getattr(first, "name", first))).name


# ---------------------------------------------------------------- the process that forks


def serve():
    import h5py  # noqa: F401
    import torch
    import torch._dynamo  # which optimizers import, for seconds

    import sgdwalk.recording.recorder
    import sgdwalk.recording.recover  # noqa: F401

    torch.set_num_threads(1)
    gc.freeze()  # looked at by no child
    children = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "function" in request:
            answer = fork(request)
            children.add(answer)
        else:
            answer = ended(**request)
            if answer is not None:
                children.discard(request["pid"])
        print(json.dumps(answer), flush=True)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def fork(request):
    pid = os.fork()
    if pid:
        return pid
    folder = Path(request["folder"])
    for number, name, mode in ((0, os.devnull, "r"), (2, folder / f"{os.getpid()}.errors", "w")):
        with open(name, mode) as file:
            os.dup2(file.fileno(), number)
    os.dup2(2, 1)
    function = globals()[request["function"]]
    if function not in (rank, columns):
        function(folder, **request["options"])
        sys.exit(0)  # as a script ends: with all that happens then
    faulthandler.dump_traceback_later(30)  # of one that hangs
    code = 1
    try:
        function(folder, **request["options"])
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)  # torch itself may hang when it takes a group of processes apart


def ended(pid, kill_after, by, timeout):
    begun = time.monotonic()
    while time.monotonic() < begun + timeout:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if kill_after is not None and time.monotonic() > begun + kill_after:
            os.kill(pid, by)
            kill_after = None
        time.sleep(0.0005)
    return None


if __name__ == "__main__":
    serve()
