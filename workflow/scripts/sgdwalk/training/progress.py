"""Lines that tell a person how a training comes along; they decide nothing of what comes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path


class Progress:
    """Says where a training begins and ends, and how far it is, at most once in so many seconds.

    Args:
        say: what to do with a line.
        label: what is being trained.
        steps: of the whole run.
        seconds: between lines.
    """

    def __init__(self, say: Callable[[str], None], label: str, steps: int, seconds: float = 10.0):
        self._say, self._label, self._steps, self._seconds = say, label, steps, seconds
        self._since = self._said = time.monotonic()
        self._from: int | None = None

    def kept(self) -> None:
        """Nothing is trained."""
        self._line("trained before with the same settings and code; those outputs are used")

    def resumed(self, step: int) -> None:
        """The training goes on from a resume point."""
        self._line(f"resumed at step {step}")

    def started_beside(self, others: Sequence[Path]) -> None:
        """The training starts although there are others of this run."""
        paths = ", ".join(map(str, others))
        self._line(f"settings or code differ from those of {paths}; training from the start")

    def diverged(self, step: int) -> None:
        """The training ends early."""
        self._line(f"diverged: the loss is not finite at step {step}")

    def stopped(self, reason: object) -> None:
        """The training was asked to stop."""
        self._line(str(reason))

    def after_step(self, step: int, loss: float) -> None:
        """Say how far the run is if it is time to, and always at its end."""
        now = time.monotonic()
        if self._from is None:
            self._from, self._since = step, now
        if now - self._said < self._seconds and step < self._steps:
            return
        self._said = now
        rate = (step - self._from) / max(now - self._since, 1e-9)
        left = (self._steps - step) / rate if rate else float("inf")
        self._line(
            f"step {step}/{self._steps}, loss {loss:.4g}, {rate:.1f} steps/s, {_clock(left)} left"
        )

    def _line(self, text: str) -> None:
        self._say(f"{self._label}: {text}")


def _clock(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
