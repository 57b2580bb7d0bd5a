"""Where each public name is; `sgdwalk.NAME` loads it when it is first asked for."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

VERSION = "0.1.0"

# Module of each name.
MODULES = {
    # recording a walk, and reading it back
    "TrajectoryRecorder": "sgdwalk.recording.recorder",
    "Trajectory": "sgdwalk.recording.trajectory",
    "recover": "sgdwalk.recording.recover",
    "increment_gram": "sgdwalk.recording.gram",
    "Sketch": "sgdwalk.recording.sketch",
    # the shape of a walk, from the Gram matrix of its increments
    "squared_distances": "sgdwalk.geometry.distances",
    "contour_lengths": "sgdwalk.geometry.distances",
    "transverse_excursion": "sgdwalk.geometry.distances",
    "principal_components": "sgdwalk.geometry.distances",
    # everything about a walk
    "analyse": "sgdwalk.analysis",
    # diffusion
    "mean_squared_displacement": "sgdwalk.diffusion.msd",
    "analyse_diffusion": "sgdwalk.diffusion.window",
    "Estimate": "sgdwalk.fits.estimate",
    # tails
    "fit_stable": "sgdwalk.gradients.stable_fit",
    # the Hessian
    "HessianProduct": "sgdwalk.hessian.product",
    "leading_eigenpairs": "sgdwalk.hessian.leading",
    # the toy model
    "make_terrain": "sgdwalk.walker.terrain",
    "simulate_walkers": "sgdwalk.walker.walk",
    # networks
    "build_network": "sgdwalk.networks.build",
    "NETWORKS": "sgdwalk.networks.names",
    # what every refusal raises
    "InputError": "sgdwalk.errors",
}


def load(name: str) -> object:
    """The object of a public name, or the version.

    Raises:
        AttributeError: for any other name, with the nearest there is.
    """
    if name == "__version__":
        return VERSION
    if name in MODULES:
        return getattr(import_module(MODULES[name]), name)
    near = get_close_matches(name, MODULES, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise AttributeError(f"module 'sgdwalk' has no attribute '{name}'{hint}")
