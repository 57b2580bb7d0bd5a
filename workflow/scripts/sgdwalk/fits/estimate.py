"""A number and its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; `nan` where it could not be had."""

    value: float
    low: float
    high: float

    def __float__(self) -> float:
        return float(self.value)

    def map(self, function: Callable[[float], float]) -> Estimate:
        """Carry value and interval through a monotonic `function`."""
        ends = (function(self.low), function(self.high))
        return Estimate(function(self.value), min(ends), max(ends))
