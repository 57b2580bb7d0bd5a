"""The Gram matrix of one window against one matrix product and against scipy's distances."""

import numpy as np
import torch
from scipy.spatial.distance import pdist
from timing import in_turn, ratio

from sgdwalk.diffusion.msd import mean_squared_displacement
from sgdwalk.recording.gram import window_gram

LENGTH, PARAMETERS = 1000, 175_000


def measure() -> dict:
    torch.set_num_threads(2)
    draw = torch.Generator().manual_seed(0)
    positions = torch.randn(PARAMETERS, generator=draw) + (
        1e-3 * torch.randn(LENGTH, PARAMETERS, generator=draw)
    ).cumsum_(0)
    seconds = in_turn(
        {"gram": lambda: window_gram(positions), "product": lambda: positions @ positions.T}, 7
    )
    rows = positions.numpy()[:200]  # pdist of 1,000 rows is 25 times as much work
    distances = in_turn(
        {
            "gram": lambda: window_gram(positions),
            "pdist": lambda: pdist(rows, "sqeuclidean"),
        },
        2,
    )
    pairs = (LENGTH * (LENGTH - 1)) / (200 * 199)
    return {
        "Gram matrix, check included, over one float32 product": ratio(seconds, "gram", "product"),
        "scipy pdist (scaled from 200 rows by pairs) over Gram matrix": pairs
        * ratio(distances, "pdist", "gram"),
        "largest relative error of MSD at any lag": _error(positions, window_gram(positions)),
    }


def _error(positions: torch.Tensor, gram) -> float:
    _, msd = mean_squared_displacement(gram.matrix.numpy())
    lags = np.unique(np.geomspace(1, LENGTH - 1, 40).astype(int))
    worst = 0.0
    for lag in lags:
        total = 0.0
        for block in positions.split(10_000, dim=1):
            moved = block[lag:].double() - block[:-lag].double()
            total += float((moved**2).sum())
        exact = total / (LENGTH - lag)
        worst = max(worst, abs(msd[lag - 1] - exact) / exact)
    return worst
