"""HDF5 files that say what they are: format, completeness, units, and where they came from.

A file is written under a temporary name beside its place and renamed when whole, so that a file
under its own name is complete. Its first 512 bytes (a user block, which HDF5 leaves alone) are one
line of text: kind, format version and the SHA-256 of all that follows. Readers check that line
before anything else, so that a truncated, foreign or damaged file is named and never half-read.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike

from sgdwalk.errors import InputError, first_line
from sgdwalk.files.atomic import written

VERSION = 2  # of the layout of analyses; a reader refuses any other
_WALKS = {"trajectory": 1, "dataset": 1}  # these have not changed, and are not made again
_HEADER = 512
_CHUNK = 2**20  # bytes of rows that are written at a time
# Above this size (raw weights) opening would cost minutes; the chunks' own checksums must do.
_HASHED_ON_READING = 2 * 2**30


def version_of(kind: str) -> int:
    """Version of the layout of files of a kind."""
    return _WALKS.get(kind, VERSION)


@contextmanager
def create(
    path: str | Path, kind: str, origin: Mapping[str, Any] | None = None
) -> Iterator[h5py.File]:
    """Write a new file of a kind; it appears under its name only when it is whole.

    Args:
        path: the file's place.
        kind: what it holds, one word, for example ``trajectory``; readers ask for it.
        origin: where it came from (config of the run, library versions, commit), JSON-able.
    """
    with written(path) as temporary:
        with (
            open(temporary, "w+b", buffering=0) as raw,
            _to_disk(raw) as disk,
            h5py.File(disk, "w", userblock_size=_HEADER) as file,
        ):
            file.attrs["kind"] = kind
            file.attrs["format_version"] = version_of(kind)
            file.attrs["origin"] = json.dumps(dict(origin or {}), sort_keys=True)
            yield file
        header = f"sgdwalk {kind} {version_of(kind)} {_digest(temporary)}\n".encode()
        with open(temporary, "r+b") as whole:
            whole.write(header.ljust(_HEADER, b"\0"))


class _Disk(io.RawIOBase):
    """A file that HDF5 can always close, with the first error of the disk that it was not told.

    HDF5 cannot give up what a full disk does not take: it fills the error output with messages, and
    the process ends with a segmentation fault.
    """

    def __init__(self, raw: io.FileIO):
        self._raw = raw
        self.error: OSError | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place in the file."""
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        """The place in the file."""
        return self._raw.tell()

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, with zeros where a write was not taken."""
        count = self._raw.readinto(buffer)
        buffer[count:] = bytes(len(buffer) - count)
        return len(buffer)

    def write(self, data: Any) -> int:
        """Write all, or remember why not."""
        rest = memoryview(data).cast("B")
        try:
            while rest and self.error is None:  # a disk may take a part at a time
                rest = rest[self._raw.write(rest) :]
        except OSError as error:
            self.error = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Set the size, or remember why not."""
        try:
            return self._raw.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0


@contextmanager
def _to_disk(raw: io.FileIO) -> Iterator[_Disk]:
    """What HDF5 writes to; raises the disk's error once HDF5 has closed it."""
    disk = _Disk(raw)
    try:
        yield disk
    finally:
        if disk.error is not None:
            raise disk.error


def put(
    group: h5py.Group, name: str, data: ArrayLike, meaning: str, unit: str = "1"
) -> h5py.Dataset:
    """Store an array with its meaning and its unit ("1" for a pure number), checksummed."""
    data = np.asarray(data)
    numbers = data.ndim and data.size and data.dtype.kind != "O"  # texts cannot be checksummed
    options = {"fletcher32": True, "chunks": True} if numbers else {}
    return _described(group.create_dataset(name, data=data, **options), meaning, unit)


def _described(dataset: h5py.Dataset, meaning: str, unit: str) -> h5py.Dataset:
    dataset.attrs["meaning"] = meaning
    dataset.attrs["unit"] = unit
    return dataset


def put_rows(
    group: h5py.Group, name: str, parts: Sequence[np.ndarray], meaning: str, unit: str = "1"
) -> h5py.Dataset:
    """Store arrays of rows one after the other, some rows at a time: they may be mapped files."""
    shape, dtype, rows = parts[0].shape[1:], parts[0].dtype, sum(map(len, parts))
    if not rows:
        return put(group, name, np.zeros((0, *shape), dtype), meaning, unit)
    some = max(1, _CHUNK // (int(np.prod(shape)) * dtype.itemsize))
    dataset = group.create_dataset(
        name, (rows, *shape), dtype, chunks=(min(rows, some), *shape), fletcher32=True
    )
    place = 0
    for part in parts:
        for first in range(0, len(part), some):
            block = np.ascontiguousarray(part[first : first + some])
            dataset[place : place + len(block)] = block
            place += len(block)
    return _described(dataset, meaning, unit)


@contextmanager
def opened(path: str | Path, kind: str, checked: bool = False) -> Iterator[h5py.File]:
    """Open a file for reading after checking that it is whole and of this kind and version.

    Args:
        path: the file.
        kind: what it must hold.
        checked: whether that is known already; hashing a large file takes a while.

    Raises:
        InputError: one line that names the file and says what is wrong with it; also for any
            damage that shows only while it is read.
    """
    path = Path(path)
    if not checked:
        check(path, kind)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    # h5py reports damage through all of these, depending on where it sits
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        reason = first_line(error)
        raise InputError(f"{path}: not a readable {kind} file ({reason})") from error


def check(path: str | Path, kind: str) -> None:
    """Refuse, in one line, a file that is missing, foreign, of another version, or damaged."""
    path = Path(path)
    words = _header(path, f"; expected a {kind} file")
    if words[1] != kind:
        raise InputError(f"{path}: a {words[1]} file; expected a {kind} file")
    version = version_of(kind)
    if words[2] != str(version):
        raise InputError(f"{path}: format version {words[2]}; this sgdwalk reads version {version}")
    if path.stat().st_size <= _HASHED_ON_READING and _digest(path) != words[3]:
        raise InputError(f"{path}: truncated or damaged; its content is not what was written")


def kind_of(path: str | Path) -> str:
    """What a file holds, one word, as it was given to `create`.

    Raises:
        InputError: for a file that is missing or foreign.
    """
    return _header(Path(path), "")[1]


def _header(path: Path, expected: str) -> list[str]:
    """The four words of a file's first line."""
    if not path.is_file():
        raise InputError(f"{path}: no such file{expected}")
    with open(path, "rb") as raw:
        words = raw.read(_HEADER).rstrip(b"\0").decode(errors="replace").split()
    if len(words) != 4 or words[0] != "sgdwalk":
        raise InputError(f"{path}: not a file of sgdwalk's{expected}")
    return words


def _digest(path: Path) -> str:
    """SHA-256 of all that follows the header."""
    with open(path, "rb") as raw:
        raw.seek(_HEADER)
        return hashlib.file_digest(raw, "sha256").hexdigest()


def origin(file: h5py.File) -> dict[str, Any]:
    """The record of where a file came from."""
    return dict(json.loads(file.attrs["origin"]))


def origin_of(path: str | Path, kind: str) -> dict[str, Any]:
    """The same, of a file that is not open.

    Raises:
        InputError: as `opened`.
    """
    with opened(path, kind) as file:
        return origin(file)
