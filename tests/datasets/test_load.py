"""Datasets: what they hold, what files they come from, and the file that carries them."""

import gzip
import hashlib
import io
import pickle
import struct
import sys
import tarfile
import urllib.error
import urllib.request

import h5py
import numpy as np
import pytest
import torch
import torchvision
from scipy import stats
from sklearn.datasets import load_digits
from torchvision import transforms

from sgdwalk.datasets.fetching import fetch_dataset
from sgdwalk.datasets.load import load_dataset
from sgdwalk.datasets.names import FETCHED, NAMES, DatasetSize, dataset_size
from sgdwalk.datasets.prepared import read_dataset, write_dataset
from sgdwalk.datasets.subsets import stratified_subset
from sgdwalk.errors import InputError
from sgdwalk.files import hdf5

# The constants of the published study's loader.
CIFAR_MEAN = (125.3 / 255, 123.0 / 255, 113.9 / 255)
CIFAR_SD = (63.0 / 255, 62.1 / 255, 66.7 / 255)

FIRST_TEST_LABELS = [2, 3, 1, 3, 5, 0, 1, 5, 0, 8, 0, 3, 3, 6, 9, 6]
TEST_MD5 = "06d00940c280f2c83148e72b6ef85eee"


def md5(data):
    return hashlib.md5(data).hexdigest()


def pixels(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def equal(a, b):
    return (
        torch.equal(a.train_inputs, b.train_inputs)
        and torch.equal(a.train_labels, b.train_labels)
        and torch.equal(a.test_inputs, b.test_inputs)
        and torch.equal(a.test_labels, b.test_labels)
        and (a.num_classes, a.mean, a.sd, a.name) == (b.num_classes, b.mean, b.sd, b.name)
    )


# Tiny files in the real formats; only the checksums that torchvision expects are replaced.


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **keywords):
        raise urllib.error.URLError("network is unreachable")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def cifar_batches(classes, key, train, test):
    """Files of a CIFAR archive: name -> bytes; each batch is given as (file, seed, labels)."""
    files = {}
    for name, seed, labels in (*train, test):
        batch = {"data": pixels(seed, len(labels), 3072), key: labels}
        files[name] = pickle.dumps(batch)
    names = "label_names" if key == "labels" else "fine_label_names"
    meta = "batches.meta" if key == "labels" else "meta"
    files[meta] = pickle.dumps({names: [f"class {i}" for i in range(classes)]})
    return files


def expect_cifar(monkeypatch, dataset, files, train, test):
    monkeypatch.setattr(dataset, "train_list", [[name, md5(files[name])] for name in train])
    monkeypatch.setattr(dataset, "test_list", [[name, md5(files[name])] for name in test])
    meta = dataset.meta | {"md5": md5(files[dataset.meta["filename"]])}
    monkeypatch.setattr(dataset, "meta", meta)


@pytest.fixture
def cifar10_files(monkeypatch):
    names = [f"data_batch_{i}" for i in range(1, 6)]
    train = [(name, i, [i, i + 1, 9 - i]) for i, name in enumerate(names)]
    files = cifar_batches(10, "labels", train, ("test_batch", 9, [3, 1, 4, 1]))
    expect_cifar(monkeypatch, torchvision.datasets.CIFAR10, files, names, ["test_batch"])
    return files


def place(files, folder):
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


MNIST_FILES = {
    "train-images-idx3-ubyte": idx(pixels(0, 12, 28, 28)),
    "train-labels-idx1-ubyte": idx(np.arange(12, dtype=np.uint8) % 10),
    "t10k-images-idx3-ubyte": idx(pixels(1, 5, 28, 28)),
    "t10k-labels-idx1-ubyte": idx(np.arange(5, dtype=np.uint8)),
}


def test_cifar10(cifar10_files, tmp_path):
    place(cifar10_files, tmp_path / "cifar-10-batches-py")
    dataset = load_dataset("cifar10", tmp_path)
    assert dataset.train_inputs.shape == (15, 3, 32, 32)
    assert dataset.test_inputs.shape == (4, 3, 32, 32)
    assert dataset.train_labels.tolist() == [k for i in range(5) for k in (i, i + 1, 9 - i)]
    assert dataset.test_labels.tolist() == [3, 1, 4, 1]
    assert dataset.num_classes == 10
    assert dataset.input_shape == (3, 32, 32)
    third_batch = pixels(2, 3, 3072).reshape(3, 3, 32, 32) / 255  # channel by channel in the file
    mean = np.array(CIFAR_MEAN).reshape(3, 1, 1)
    sd = np.array(CIFAR_SD).reshape(3, 1, 1)
    np.testing.assert_allclose(dataset.train_inputs[6:9], (third_batch - mean) / sd, atol=2e-6)


@pytest.mark.parametrize("raw", [False, True])
def test_cifar10_equals_torchvisions_transforms(cifar10_files, tmp_path, raw):
    place(cifar10_files, tmp_path / "cifar-10-batches-py")
    steps = [transforms.ToTensor()]
    if not raw:
        steps.append(transforms.Normalize(CIFAR_MEAN, CIFAR_SD))
    peer = torchvision.datasets.CIFAR10(tmp_path, transform=transforms.Compose(steps))
    dataset = load_dataset("cifar10", tmp_path, raw=raw)
    for i, (image, label) in enumerate(peer):
        assert torch.equal(dataset.train_inputs[i], image)
        assert dataset.train_labels[i] == label
    black = transforms.Compose(steps)(np.zeros((1, 1, 3), np.uint8))
    assert torch.equal(dataset.black.expand(3), black.flatten())


def test_cifar100_has_fine_labels(monkeypatch, tmp_path):
    train, test = ("train", 0, [99, 5, 7]), ("test", 1, [0, 98])
    files = cifar_batches(100, "fine_labels", [train], test)
    expect_cifar(monkeypatch, torchvision.datasets.CIFAR100, files, ["train"], ["test"])
    place(files, tmp_path / "cifar-100-python")
    dataset = load_dataset("cifar100", tmp_path)
    assert dataset.num_classes == 100
    assert dataset.train_labels.tolist() == [99, 5, 7]


@pytest.mark.parametrize(
    ("name", "folder", "mean", "sd"),
    [("mnist", "MNIST", 0.1307, 0.3081), ("fashion_mnist", "FashionMNIST", 0.2860, 0.3530)],
)
def test_mnist(tmp_path, name, folder, mean, sd):
    place(MNIST_FILES, tmp_path / folder / "raw")
    dataset = load_dataset(name, tmp_path)
    assert dataset.train_inputs.shape == (12, 1, 28, 28)
    assert dataset.test_labels.tolist() == [0, 1, 2, 3, 4]
    expected = (pixels(0, 12, 1, 28, 28) / 255 - mean) / sd
    np.testing.assert_allclose(dataset.train_inputs, expected, atol=2e-6)


@pytest.mark.usefixtures("no_network")
def test_fetch_unpacks_an_archive_placed_by_hand(cifar10_files, monkeypatch, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in cifar10_files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(buffer.getvalue())
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "tgz_md5", md5(buffer.getvalue()))
    fetch_dataset("cifar10", tmp_path)
    assert len(load_dataset("cifar10", tmp_path).train_labels) == 15


@pytest.mark.usefixtures("no_network")
def test_fetch_unpacks_mnist_placed_by_hand(monkeypatch, tmp_path):
    packed = {f"{name}.gz": gzip.compress(data) for name, data in MNIST_FILES.items()}
    resources = [(name, md5(data)) for name, data in packed.items()]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    place(packed, tmp_path / "MNIST" / "raw")
    fetch_dataset("mnist", tmp_path)
    assert len(load_dataset("mnist", tmp_path).train_labels) == 12


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("name", "file", "place"),
    [
        ("cifar10", "cifar-10-python.tar.gz", ""),
        ("cifar100", "cifar-100-python.tar.gz", ""),
        ("mnist", "train-images-idx3-ubyte.gz", "MNIST/raw"),
        ("fashion_mnist", "t10k-labels-idx1-ubyte.gz", "FashionMNIST/raw"),
    ],
)
def test_no_files_and_no_network(name, file, place, tmp_path):
    for attempt in (fetch_dataset, load_dataset):
        with pytest.raises(InputError, match=name) as error:
            attempt(name, tmp_path / "data")
        message = str(error.value)
        assert "\n" not in message
        assert file in message
        assert f" in {(tmp_path / 'data' / place)}, " in message
        assert ("unreachable" in message) == (attempt is fetch_dataset)


@pytest.mark.usefixtures("no_network")
def test_damaged_files(cifar10_files, tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    place(cifar10_files, folder)
    (folder / "data_batch_3").write_bytes(cifar10_files["data_batch_3"][:-1])
    with pytest.raises(InputError, match="'cifar10' is missing or damaged"):
        load_dataset("cifar10", tmp_path)
    place(MNIST_FILES, tmp_path / "MNIST" / "raw")
    images = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-100])
    for attempt in (fetch_dataset, load_dataset):
        with pytest.raises(InputError, match=f"damaged.*delete {tmp_path / 'MNIST'} "):
            attempt("mnist", tmp_path)


def test_fetch_has_nothing_to_do_for_the_other_datasets(tmp_path):
    for name in ("digits", "gauss", "my_module:factory", "own.npz"):
        fetch_dataset(name, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    with pytest.raises(InputError, match="did you mean 'cifar10'"):
        fetch_dataset("cifar", tmp_path)


# Digits and Gaussian data.


def test_digits():
    dataset = load_dataset("digits")
    assert dataset.train_inputs.shape == (1437, 1, 8, 8)
    assert dataset.test_inputs.shape == (360, 1, 8, 8)
    assert dataset.train_inputs.dtype == torch.float32
    assert dataset.train_labels.dtype == torch.int64
    assert dataset.train_inputs.double().mean().item() == pytest.approx(0, abs=1e-6)
    assert dataset.train_inputs.double().std(correction=0).item() == pytest.approx(1, abs=1e-6)
    # The two parts together are the original images, each once, with their labels.
    raw = load_dataset("digits", raw=True)
    assert raw.mean == (0.0,)
    assert raw.sd == (1.0,)
    whole = torch.cat([raw.train_inputs, raw.test_inputs]).mul(16).flatten(1)
    whole = torch.cat([whole, torch.cat([raw.train_labels, raw.test_labels])[:, None]], 1)
    bunch = load_digits()
    expected = np.column_stack([bunch.data, bunch.target])
    assert sorted(whole.tolist()) == sorted(expected.tolist())
    np.testing.assert_allclose(
        dataset.test_inputs * dataset.sd[0] + dataset.mean[0], raw.test_inputs, atol=1e-6
    )


def test_split_of_the_digits_is_stratified_and_does_not_change():
    dataset = load_dataset("digits")
    shares = np.bincount(load_digits().target) * 360 / 1797
    assert (np.abs(np.bincount(dataset.test_labels) - shares) < 1).all()
    # Frozen: another split would be another dataset under the same name.
    assert dataset.test_labels[:16].tolist() == FIRST_TEST_LABELS
    assert md5(load_dataset("digits", raw=True).test_inputs.numpy().tobytes()) == TEST_MD5


def test_stratified_subset_of_uneven_classes():
    labels = np.repeat([0, 1, 2], [70, 20, 10])
    subset = stratified_subset(labels, 33, seed=1)
    assert len(set(subset.tolist())) == 33
    assert np.bincount(labels[subset]).tolist() == [23, 7, 3]  # of 23.1, 6.6, 3.3
    other = stratified_subset(labels, 33, seed=2)
    assert subset.tolist() != other.tolist()


def test_gauss_is_gaussian_about_the_centre_of_each_class():
    options = {"samples": 2000, "test_samples": 300, "input_shape": (1, 10, 10), "scale": 9.0}
    dataset = load_dataset("gauss", **options)
    assert dataset.train_inputs.shape == (2000, 1, 10, 10)
    assert dataset.test_inputs.shape == (300, 1, 10, 10)
    assert np.bincount(dataset.train_labels).tolist() == [200] * 10
    assert np.bincount(dataset.test_labels).tolist() == [30] * 10
    x = np.stack([dataset.train_inputs.flatten(1)[dataset.train_labels == k] for k in range(10)])
    centres = x.mean(axis=1)
    # A centre of 100 coordinates, each known to 1/sqrt(200): squared norm 81 + 100 / 200.
    assert (centres**2).sum(axis=1) == pytest.approx(np.full(10, 81.5), rel=0.1)
    deviations = (x - centres[:, None]).ravel() * np.sqrt(200 / 199)
    assert stats.kstest(deviations, "norm").pvalue > 0.01
    # The test data come from the same clouds.
    test = dataset.test_inputs.flatten(1).numpy()
    nearest = ((test[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == dataset.test_labels.numpy()).all()


def test_gauss_without_scale_is_noise_and_follows_its_seed():
    first = load_dataset("gauss", samples=200, test_samples=10, scale=0.0)
    assert first.input_shape == (3, 32, 32)
    assert stats.kstest(first.train_inputs.ravel()[:20_000], "norm").pvalue > 0.01
    again = load_dataset("gauss", samples=200, test_samples=10, scale=0.0)
    other = load_dataset("gauss", samples=200, test_samples=10, scale=0.0, seed=1)
    assert equal(first, again)
    assert not torch.equal(first.train_inputs, other.train_inputs)


# Corrupted labels.


def test_corrupted_labels():
    clean = load_dataset("digits")
    corrupted = {f: load_dataset("digits", label_corruption=f) for f in (0.2, 0.6, 1.0)}
    for fraction, dataset in corrupted.items():
        assert torch.equal(dataset.train_inputs, clean.train_inputs)
        assert torch.equal(dataset.test_labels, clean.test_labels)
        changed = (dataset.train_labels != clean.train_labels).sum().item()
        replaced = round(fraction * 1437)
        # Each replaced label differs from its old value with probability 9/10; 4 sigma.
        assert abs(changed - 0.9 * replaced) < 4 * np.sqrt(0.09 * replaced)
    counts = np.bincount(corrupted[1.0].train_labels, minlength=10)
    assert stats.chisquare(counts).pvalue > 0.001
    # A larger fraction replaces the labels that a smaller one replaces, and more.
    small = corrupted[0.2].train_labels
    where = small != clean.train_labels
    assert torch.equal(small[where], corrupted[0.6].train_labels[where])


def test_corruption_follows_the_seed():
    def labels(seed):
        return load_dataset("digits", label_corruption=0.5, seed=seed).train_labels

    assert torch.equal(labels(1), labels(1))
    assert not torch.equal(labels(1), labels(2))


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_corruption_is_a_fraction(fraction):
    with pytest.raises(InputError, match="between 0 and 1"):
        load_dataset("digits", label_corruption=fraction)


# The user's own data.


def own_arrays(dtype=np.uint8):
    train, test = pixels(0, 30, 2, 4, 4), pixels(1, 8, 2, 4, 4)
    return {
        "train_inputs": train.astype(dtype),
        "train_labels": np.arange(30) % 3,
        "test_inputs": test.astype(dtype),
        "test_labels": np.arange(8, dtype=np.uint8) % 3,
    }


def write(path, arrays):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for key, value in arrays.items():
                file[key] = value


@pytest.mark.parametrize("file", ["own.npz", "own.h5"])
def test_the_size_of_an_own_file_is_known_beforehand(file, tmp_path):
    path = tmp_path / file
    assert dataset_size(str(path), {}) is None
    path.write_text("something else")
    assert dataset_size(str(path), {}) is None
    arrays = own_arrays()
    arrays["train_labels"][3] = 6
    write(path, arrays)
    assert dataset_size(str(path), {}) == DatasetSize(30, (2, 4, 4), 7)


@pytest.mark.parametrize("file", ["own.npz", "own.h5"])
def test_own_file(file, tmp_path):
    arrays = own_arrays()
    write(tmp_path / file, arrays)
    dataset = load_dataset(str(tmp_path / file))
    assert dataset.num_classes == 3
    assert dataset.input_shape == (2, 4, 4)
    torch.testing.assert_close(dataset.train_inputs.mean(dim=(0, 2, 3)), torch.zeros(2))
    np.testing.assert_allclose(
        dataset.train_inputs.std(dim=(0, 2, 3), correction=0), [1, 1], rtol=1e-5
    )
    raw = load_dataset(str(tmp_path / file), raw=True)
    np.testing.assert_allclose(raw.test_inputs, arrays["test_inputs"] / 255, rtol=1e-6)


def test_own_floats_are_left_alone(tmp_path):
    arrays = own_arrays(np.float64)
    write(tmp_path / "own.npz", arrays)
    dataset = load_dataset(str(tmp_path / "own.npz"))
    assert np.array_equal(dataset.train_inputs, arrays["train_inputs"])
    assert dataset.black.tolist() == [0.0]


def test_own_factory(tmp_path, monkeypatch):
    (tmp_path / "own_data.py").write_text(
        "import numpy as np\n"
        "import torch\n"
        "def make(count=4):\n"
        "    return torch.ones(count, 3), np.arange(count) % 2, np.zeros((2, 3)), [0, 1]\n"
        "def three():\n"
        "    return 1, 2, 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    dataset = load_dataset("own_data:make", count=6)
    assert dataset.input_shape == (3,)
    assert dataset.train_labels.tolist() == [0, 1, 0, 1, 0, 1]
    with pytest.raises(InputError, match="four arrays"):
        load_dataset("own_data:three")
    with pytest.raises(InputError, match="cannot be called with size"):
        load_dataset("own_data:make", size=3)
    sys.modules.pop("own_data")


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("train_labels", np.linspace(0, 1, 30), "train_labels must be a list of integers"),
        ("train_labels", np.arange(29) % 3, "30 inputs and 29 labels"),
        ("train_labels", np.arange(30) - 1, "between 0 and 28"),
        ("test_inputs", np.zeros((8, 2, 5, 5), np.uint8), "another shape"),
        ("test_inputs", np.full((8, 2, 4, 4), np.nan), "finite"),
        ("test_inputs", np.array(["a"] * 8), "must be numbers"),
        ("test_labels", np.zeros(0, int), "test_labels is empty"),
        ("test_labels", None, "must hold train_inputs, train_labels, test_inputs, test_labels"),
    ],
)
def test_own_data_that_are_wrong(key, value, says, tmp_path):
    arrays = own_arrays()
    arrays[key] = value
    if value is None:
        del arrays[key]
    write(tmp_path / "own.npz", arrays)
    with pytest.raises(InputError, match=says) as error:
        load_dataset(str(tmp_path / "own.npz"))
    assert "\n" not in str(error.value)


def test_own_file_that_is_no_file(tmp_path):
    for file in ("missing.npz", "missing.h5"):
        with pytest.raises(InputError, match=f"{file} cannot be read"):
            load_dataset(str(tmp_path / file))
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(InputError, match="cannot be read"):
        load_dataset(str(tmp_path / "text.npz"))


def test_wrong_requests():
    with pytest.raises(InputError, match="did you mean 'fashion_mnist'"):
        load_dataset("fashion-mnist")
    with pytest.raises(InputError, match="no options, but got samples"):
        load_dataset("digits", samples=3)
    with pytest.raises(InputError, match="'sample'"):
        load_dataset("gauss", sample=3)
    with pytest.raises(InputError, match="must be positive"):
        load_dataset("gauss", samples=0)
    with pytest.raises(InputError, match="needs the folder"):
        load_dataset("cifar10")


# The file of a prepared dataset.


def test_file_returns_what_was_saved(cifar10_files, tmp_path):
    place(cifar10_files, tmp_path / "cifar-10-batches-py")
    path = tmp_path / "data.h5"
    for dataset in (
        load_dataset("digits", label_corruption=0.1),
        load_dataset("gauss", samples=20, test_samples=10, input_shape=(5,)),
        load_dataset("cifar10", tmp_path),
        load_dataset("cifar10", tmp_path, raw=True),
    ):
        write_dataset(dataset, path)
        assert equal(read_dataset(path), dataset)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cifar-10-batches-py", "data.h5"]


def test_file_keeps_images_as_bytes(cifar10_files, tmp_path):
    place(cifar10_files, tmp_path / "cifar-10-batches-py")
    write_dataset(load_dataset("cifar10", tmp_path), tmp_path / "data.h5")
    with h5py.File(tmp_path / "data.h5") as file:
        assert file["train_inputs"].dtype == np.uint8
        assert np.array_equal(file["train_inputs"][3:6].reshape(3, -1), pixels(1, 3, 3072))
        assert "meaning" in file["train_inputs"].attrs
        assert "1/255" in file["train_inputs"].attrs["unit"]


def test_file_carries_where_it_came_from(tmp_path):
    write_dataset(load_dataset("digits"), tmp_path / "data.h5", {"torch": "2.12.1"})
    with hdf5.opened(tmp_path / "data.h5", "dataset") as file:
        assert hdf5.origin(file) == {"torch": "2.12.1"}


def test_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "data.h5"
    digits = load_dataset("digits")
    write_dataset(digits, path)

    def fail(*args):
        raise OSError("disk is full")

    monkeypatch.setattr("sgdwalk.datasets.prepared._as_bytes", fail)
    with pytest.raises(OSError, match="disk is full"):
        write_dataset(load_dataset("gauss", samples=9, test_samples=9), path)
    assert [p.name for p in tmp_path.iterdir()] == ["data.h5"]
    assert equal(read_dataset(path), digits)


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "data.h5"
    with pytest.raises(InputError, match="no such file; expected a dataset file"):
        read_dataset(path)
    write_dataset(load_dataset("digits"), path)
    whole = path.read_bytes()
    for size in (0, 7, 100, 2000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"data\.h5: (not a file of sgdwalk|truncated)"):
            read_dataset(path)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="damaged"):
        read_dataset(path)
    with h5py.File(path, "w") as file:
        file["something"] = 1
    with pytest.raises(InputError, match="expected a dataset file"):
        read_dataset(path)


def test_file_that_lacks_something(tmp_path):
    path = tmp_path / "data.h5"
    with hdf5.create(path, "trajectory"):
        pass
    with pytest.raises(InputError, match="a trajectory file; expected a dataset file"):
        read_dataset(path)
    with hdf5.create(path, "dataset"):
        pass
    with pytest.raises(InputError, match="not a readable dataset file"):
        read_dataset(path)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FETCHED])
def test_what_a_plan_knows_of_a_dataset_is_what_is_loaded(name):
    known, loaded = dataset_size(name, {}), load_dataset(name)
    assert known.samples == len(loaded.train_labels)
    assert known.input_shape == loaded.input_shape
