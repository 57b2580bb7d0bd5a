"""Time functions in turn, so that a drift of the machine's speed touches all alike."""

import time
from collections.abc import Callable
from statistics import median


def in_turn(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every function in every round, after one round that does not count."""
    seconds = {name: [] for name in functions}
    for counted in [False] + [True] * rounds:
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if counted:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds: dict[str, list[float]], over: str, under: str) -> float:
    """Median over rounds of one function's time over another's."""
    return median(a / b for a, b in zip(seconds[over], seconds[under], strict=True))
