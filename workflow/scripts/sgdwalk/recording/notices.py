"""Lines for whoever runs the loop: on the error output, one at a time, and only where needed."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

_PATIENCE = 5.0  # seconds of silence that nobody minds


def say(line: str) -> None:
    """Write one line to the error output, if there is one that takes it."""
    with suppress(OSError, ValueError):  # closed, or on a disk that is full
        print(f"sgdwalk: {line}", file=sys.stderr, flush=True)


class Pace:
    """Tells how far a long piece of work is, once it takes more than some seconds.

    Args:
        what: the piece of work, as it is to be named.
    """

    def __init__(self, what: str):
        self._what = what
        self._told = time.monotonic()

    def __call__(self, share: float) -> None:
        """Told what share of the work, 0 to 1, is done."""
        now = time.monotonic()
        if now - self._told > _PATIENCE:
            self._told = now
            say(f"{self._what}: {100 * share:.0f} %")
