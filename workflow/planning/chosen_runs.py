"""Which runs an analysis is made for: the config's `first`, `all`, or a list of names."""

from __future__ import annotations

from planning.schema import suggestion
from sgdwalk.errors import InputError


def chosen_runs(key: str, wanted: str | list[str], runs: list[str]) -> list[str]:
    """Names of the chosen runs, each once.

    Args:
        key: of the config, for messages.
        wanted: its value.
        runs: all runs of the study, in its order.

    Raises:
        InputError: for a word or a run that there is not, with the nearest valid one.
    """
    if isinstance(wanted, str):
        if wanted not in ("first", "all"):
            near = suggestion(wanted, ["first", "all"])
            raise InputError(f"{key}: '{wanted}'{near}, or a list of runs")
        return runs if wanted == "all" else runs[:1]
    for name in wanted:
        if name not in runs:
            raise InputError(f"{key}: no run '{name}'{suggestion(name, runs)}")
    return list(dict.fromkeys(wanted))
