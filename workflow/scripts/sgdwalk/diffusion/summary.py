"""What a person wants to know of a walk's diffusion, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from sgdwalk.diffusion.run import RunDiffusion
from sgdwalk.diffusion.window import WindowDiffusion
from sgdwalk.errors import InputError
from sgdwalk.files.table import aligned, estimate_cell
from sgdwalk.recording.trajectory import Trajectory
from sgdwalk.recording.window_families import LEAST_ANALYSED, LEAST_NUMBERS

REGIME_COLUMNS = ["steps", "stride", "from lag", "to", "exponent", "misfit", "null exponent"]
REGIME_COLUMNS += ["null", "null about mean"]


def summary_lines(trajectory: Trajectory, result: RunDiffusion) -> Iterator[str]:
    """Windows of a walk, and the exponent of each of their regimes beside its nulls.

    Args:
        trajectory: the walk.
        result: its diffusion.

    Raises:
        InputError: if nothing of the walk was analysed.
    """
    if result.missing and not result.windows:
        where, why = next(iter(result.missing.items()))
        raise InputError(f"{trajectory.path}: nothing to analyse ({where}: {why})")
    if not result.windows:
        raise InputError(
            f"{trajectory.path}: no window of {LEAST_ANALYSED} positions or more was recorded, nor "
            f"a sketch of {LEAST_NUMBERS} numbers or more, so there is nothing to analyse"
        )
    yield f"A walk in {trajectory.parameters} parameters; lags are optimizer steps."
    yield "Diffusion exponents with their 95 % intervals, one line per regime (- if wider than 1)."
    yield "Misfit: of log MSD about its line; it bends where scatter explains less."
    yield "Null: the same steps with random signs, alone and about their mean; 95 % of its curves."
    rows = [row for window in result.windows for row in _regimes(window)]
    if result.whole is not None:
        yield "Last: the whole run from its sketch, whose error is in the intervals."
        rows += _regimes(result.whole.window)
    yield from aligned([REGIME_COLUMNS, *rows])
    if any(window.stride is None for window in result.windows):
        yield "Unequal: MSD of pairs of positions whose lags are in one logarithmic bin."
    yield from result.warnings


def _regimes(window: WindowDiffusion) -> Iterator[list[str]]:
    """A row of `REGIME_COLUMNS` per regime; what is of the whole window stands in the first."""
    steps = f"{window.start + 1}-{window.last + 1}"  # counted from 1, as on axes
    nulls = (window.signs, window.signs_about_drift)
    judged = ["-" if null is None else "inside" if null.inside else "outside" for null in nulls]
    stride = "unequal" if window.stride is None else str(window.stride)
    of_window, rest = [steps, stride], judged
    for i, segment in enumerate(window.regimes):
        begins = f"{segment.first_lag:.0f}"
        if 0 < i == len(window.regimes) - 1 and window.crossover_lag.defined:
            begins = estimate_cell(window.crossover_lag, 0)
        yield [
            *of_window,
            begins,
            f"{segment.last_lag:.0f}",
            estimate_cell(window.exponents[i], 2),
            f"{100 * segment.misfit:.1f} %{' bends' if segment.bends else ''}",
            estimate_cell(window.signs.exponents[i], 2),
            *rest,
        ]
        of_window, rest = ["", ""], ["", ""]
