"""How rough the loss is off the path, from a run's fine lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sgdwalk.landscape.line_roughness import line_roughness
from sgdwalk.landscape.results import CheckpointRoughness, FineLines, RunLines


def with_roughness(lines: RunLines) -> RunLines:
    """Structure functions of all fine lines; lines that leave finite losses say so instead."""
    return replace(lines, roughness=tuple(_measured(item) for item in lines.roughness))


def _measured(lines: CheckpointRoughness) -> CheckpointRoughness:
    if lines.missing:
        return lines
    sets = {"random": lines.random, "chord": lines.chord}
    if not all(np.isfinite(found.loss).all() for found in sets.values()):
        return CheckpointRoughness(lines.step, "the loss is not finite everywhere on these lines")
    measured = {
        name: FineLines(found.loss, line_roughness(found.loss, lines.spacing))
        for name, found in sets.items()
    }
    return replace(lines, **measured)
