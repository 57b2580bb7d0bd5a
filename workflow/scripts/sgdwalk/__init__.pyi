from sgdwalk.analysis import analyse as analyse
from sgdwalk.diffusion.msd import mean_squared_displacement as mean_squared_displacement
from sgdwalk.diffusion.window import analyse_diffusion as analyse_diffusion
from sgdwalk.errors import InputError as InputError
from sgdwalk.fits.estimate import Estimate as Estimate
from sgdwalk.geometry.distances import contour_lengths as contour_lengths
from sgdwalk.geometry.distances import principal_components as principal_components
from sgdwalk.geometry.distances import squared_distances as squared_distances
from sgdwalk.geometry.distances import transverse_excursion as transverse_excursion
from sgdwalk.gradients.stable_fit import fit_stable as fit_stable
from sgdwalk.hessian.leading import leading_eigenpairs as leading_eigenpairs
from sgdwalk.hessian.product import HessianProduct as HessianProduct
from sgdwalk.networks.build import build_network as build_network
from sgdwalk.networks.names import NETWORKS as NETWORKS
from sgdwalk.recording.gram import increment_gram as increment_gram
from sgdwalk.recording.recorder import TrajectoryRecorder as TrajectoryRecorder
from sgdwalk.recording.recover import recover as recover
from sgdwalk.recording.sketch import Sketch as Sketch
from sgdwalk.recording.trajectory import Trajectory as Trajectory
from sgdwalk.walker.terrain import make_terrain as make_terrain
from sgdwalk.walker.walk import simulate_walkers as simulate_walkers

__version__: str
