"""When to save a resume point, and how to stop in time when the system asks for it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(Exception):
    """The training was asked to stop and has saved what it needs to go on."""


class PointSchedule:
    """Calls ``save`` every so many minutes or steps, and once more when a signal asks to stop.

    Args:
        save: called with ``sync``: whether to wait for the disk, for which a signal leaves no time.
        minutes: between points.
        steps: between points as well, or None.
    """

    def __init__(self, save: Callable[[bool], None], minutes: float, steps: int | None):
        self._save = save
        self._seconds, self._steps = 60 * minutes, steps
        self._last = time.monotonic()
        self._signal: int | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Notice SIGTERM and SIGINT while the block runs."""
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self._notice) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _notice(self, number: int, frame: FrameType | None) -> None:
        self._signal = number

    def after_step(self, step: int) -> None:
        """Save a point if one is due.

        Raises:
            Stopped: after saving, if a signal has come.
        """
        if self._signal is not None:
            self._save(False)
            name = signal.Signals(self._signal).name
            raise Stopped(f"{name} after step {step}: saved; the next snakemake goes on from here")
        due = self._steps is not None and step % self._steps == 0
        if due or time.monotonic() - self._last >= self._seconds:
            self._save(True)
            self._last = time.monotonic()
