"""A number and its interval: the one type for both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, nan
from typing import ClassVar


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; `nan` where it could not be had.

    `float()` of it is the number.
    """

    ROW: ClassVar[str] = "value, low and high end of its 95 % interval"

    value: float
    low: float = nan
    high: float = nan

    @classmethod
    def undefined(cls) -> Estimate:
        """No number and no interval."""
        return cls(nan)

    @property
    def defined(self) -> bool:
        """Whether there is a number."""
        return isfinite(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def map(self, function: Callable[[float], float]) -> Estimate:
        """Carry value and interval through a monotonic `function`."""
        ends = (function(self.low), function(self.high))
        return Estimate(function(self.value), min(ends), max(ends))
