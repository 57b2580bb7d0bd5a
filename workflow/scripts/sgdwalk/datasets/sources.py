"""Where images come from: scikit-learn, torchvision's files, random numbers, the user.

Each source returns `Images`: what it holds, before normalisation. Random choices made here are
functions of raw PCG64 output, which NumPy keeps the same for ever, so a split never changes.
"""

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sgdwalk.datasets.subsets import stratified_subset
from sgdwalk.errors import InputError
from sgdwalk.user_code import call_factory

# Mean and standard deviation of each channel, as customary for pixels from 0 to 1.
CIFAR_MEAN = (125.3 / 255, 123.0 / 255, 113.9 / 255)
CIFAR_SD = (63.0 / 255, 62.1 / 255, 66.7 / 255)
MNIST_MEAN, MNIST_SD = (0.1307,), (0.3081,)

_TORCHVISION = {
    "cifar10": ("CIFAR10", CIFAR_MEAN, CIFAR_SD),
    "cifar100": ("CIFAR100", CIFAR_MEAN, CIFAR_SD),
    "mnist": ("MNIST", MNIST_MEAN, MNIST_SD),
    "fashion_mnist": ("FashionMNIST", (0.2860,), (0.3530,)),
}

ARRAYS = ("train_inputs", "train_labels", "test_inputs", "test_labels")


class Images(NamedTuple):
    """Arrays of a dataset: bytes are pixels from 0 to 255, floats are taken as they are.

    `mean` and `sd` are those of each channel (of pixels scaled to 0..1, for bytes), to normalise
    with; None where the inputs are to stay as they are.
    """

    train_inputs: np.ndarray
    train_labels: np.ndarray
    test_inputs: np.ndarray
    test_labels: np.ndarray
    num_classes: int
    mean: tuple[float, ...] | None = None
    sd: tuple[float, ...] | None = None


def _four(arrays: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    train_inputs, train_labels, test_inputs, test_labels = arrays
    return train_inputs, train_labels, test_inputs, test_labels


def digits() -> Images:
    """The 1,797 handwritten digits of scikit-learn: 8x8 pixels, 1,437 to train and 360 to test.

    The split is fixed and stratified: each class keeps its share to within one image. Pixels are
    scaled to 0..1; mean and standard deviation are those of all training pixels.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    inputs = (bunch.images / 16).astype(np.float32)[:, None]
    test = stratified_subset(bunch.target, 360, seed=0)
    train = np.setdiff1d(np.arange(len(inputs)), test)
    pixels = inputs[train].astype(np.float64)
    return Images(
        inputs[train],
        bunch.target[train],
        inputs[test],
        bunch.target[test],
        num_classes=10,
        mean=(float(pixels.mean()),),
        sd=(float(pixels.std()),),
    )


def gauss(
    samples: int = 5000,
    test_samples: int = 1000,
    input_shape: tuple[int, ...] = (3, 32, 32),
    scale: float = 4.0,
    num_classes: int = 10,
    seed: int = 0,
) -> Images:
    """One Gaussian cloud per class, of unit variance in every direction.

    Args:
        samples: number of training inputs, spread evenly over the classes.
        test_samples: likewise for testing.
        input_shape: shape of one input.
        scale: distance of each cloud's centre from the origin, in a random direction. The centres
            of two clouds are nearly ``sqrt(2) scale`` apart in high dimension; with scale 0 inputs
            say nothing about labels.
        num_classes: number of clouds.
        seed: of the random numbers.
    """
    if min(samples, test_samples, num_classes, *input_shape) < 1:
        raise InputError("dataset 'gauss': numbers of samples, classes and sides must be positive")
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((num_classes, *input_shape))
    centres *= scale / np.sqrt((centres**2).sum(axis=tuple(range(1, centres.ndim)), keepdims=True))
    splits: list[np.ndarray] = []
    for count in (samples, test_samples):
        labels = np.arange(count) % num_classes
        noise = rng.standard_normal((count, *input_shape), dtype=np.float32)
        splits += [noise + centres[labels].astype(np.float32), labels]
    return Images(*_four(splits), num_classes=num_classes)


def is_torchvision(name: str) -> bool:
    """Whether the dataset is one of torchvision's, whose files have to be fetched."""
    return name in _TORCHVISION


def torchvision_images(name: str, folder: str | Path) -> Images:
    """CIFAR or MNIST from files in torchvision's layout under ``folder``, which never downloads.

    Raises:
        InputError: for files that are missing, damaged or not what they should be.
    """
    _, mean, sd = _TORCHVISION[name]
    dataset = torchvision_class(name)
    splits: list[np.ndarray] = []
    try:
        for train in (True, False):
            split = dataset(folder, train=train, download=False)
            pixels = np.asarray(split.data)
            pixels = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
            splits += [pixels, np.asarray(split.targets)]
    except Exception as error:  # torchvision's readers raise whatever a bad file makes them
        raise InputError(
            f"dataset {name!r} is missing or damaged in {folder}: {_how_to_get(name, folder)}"
        ) from error
    return Images(*_four(splits), num_classes=len(split.classes), mean=mean, sd=sd)


def file_images(path: str | Path) -> Images:
    """A dataset of your own in an ``.npz`` or HDF5 file.

    It holds arrays ``train_inputs``, ``train_labels``, ``test_inputs``, ``test_labels``.

    Raises:
        InputError: for a file that cannot be read or lacks one of them.
    """
    try:
        if Path(path).suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                arrays = [file[name] for name in ARRAYS]
        else:
            import h5py

            with h5py.File(path, "r") as file:
                arrays = [file[name][()] for name in ARRAYS]
    except Exception as error:  # zipfile, zlib, numpy and h5py each have their own
        raise InputError(
            f"dataset file {path} cannot be read ({reason(error)}): "
            f"it must hold {', '.join(ARRAYS)}"
        ) from error
    return _own_images(str(path), arrays)


def factory_images(name: str, options: dict[str, object]) -> Images:
    """A dataset of your own from a factory ``"package.module:factory"``.

    The factory takes ``options`` as keyword arguments and returns the four arrays
    ``train_inputs, train_labels, test_inputs, test_labels``.

    Raises:
        InputError: for a factory that cannot be found or returns something else.
    """
    made = call_factory(name, **options)
    if not isinstance(made, tuple | list) or len(made) != 4:
        raise InputError(f"{name!r} must return the four arrays {', '.join(ARRAYS)}")
    return _own_images(name, [np.asarray(array) for array in made])


def _own_images(name: str, arrays: list[np.ndarray]) -> Images:
    """Check the user's arrays; pixels in bytes are normalised per channel."""
    for what, array in zip(ARRAYS, arrays, strict=True):
        if what.endswith("labels") and (array.ndim != 1 or array.dtype.kind not in "iu"):
            raise InputError(f"{name}: {what} must be a list of integers, not {_describe(array)}")
        if what.endswith("inputs") and (array.ndim < 2 or array.dtype.kind not in "iuf"):
            raise InputError(f"{name}: {what} must be numbers (N, ...), not {_describe(array)}")
        if len(array) == 0:
            raise InputError(f"{name}: {what} is empty")
    num_classes = int(max(arrays[1].max(), arrays[3].max())) + 1
    train = arrays[0]
    if train.dtype != np.uint8:
        return Images(*_four(arrays), num_classes=num_classes)
    axes = tuple(axis for axis in range(train.ndim) if axis != 1)
    mean = train.mean(axis=axes) / 255
    sd = train.std(axis=axes) / 255
    sd[sd == 0] = 1  # a constant channel says nothing, whatever its scale
    return Images(
        *_four(arrays), num_classes=num_classes, mean=tuple(mean.tolist()), sd=tuple(sd.tolist())
    )


def _describe(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _how_to_get(name: str, folder: str | Path) -> str:
    # by name: how it is worded must not make datasets anew, which import statements decide
    words = import_module("sgdwalk.datasets.placement")
    return str(words.placement(torchvision_class(name), folder))


def torchvision_class(name: str) -> type[Any]:
    """The class of torchvision that reads a dataset."""
    import torchvision.datasets

    return getattr(torchvision.datasets, _TORCHVISION[name][0])


def reason(error: Exception) -> str:
    """What an exception says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
