"""The files that torchvision's datasets are made of: downloaded, or said where to put them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sgdwalk.datasets.names import check_dataset
from sgdwalk.datasets.placement import placement
from sgdwalk.datasets.sources import is_torchvision, reason, torchvision_class, torchvision_images
from sgdwalk.errors import InputError

NETWORK_TIMEOUT = 30  # seconds without an answer


def fetch_torchvision(name: str, folder: str | Path) -> None:
    """Download a dataset into ``folder`` and unpack it, unless its files are there already.

    An archive placed by hand is checked and unpacked without a network; so are files that were
    unpacked by hand.

    Raises:
        InputError: if the network or the checksum fails; says which file to put where.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    dataset = torchvision_class(name)
    try:
        with _network_timeout(NETWORK_TIMEOUT):
            dataset(folder, download=True)
    except Exception as error:  # of the network, of an archive, of a reader
        raise InputError(
            f"dataset {name!r} could not be fetched ({reason(error)}): {placement(dataset, folder)}"
        ) from error
    torchvision_images(name, folder)  # all of it can be read


@contextmanager
def _network_timeout(seconds: float) -> Iterator[None]:
    """Let a connection that never answers fail: torchvision's downloads have no limit."""
    import socket

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def fetch_dataset(name: str, folder: str | Path) -> None:
    """Download what `load` needs into ``folder``, checked by checksum, unless it is there.

    Datasets that need no files are fine too: nothing is done. Archives placed by hand are unpacked.

    Raises:
        InputError: if that fails; says which file to put where.
    """
    if is_torchvision(name):
        fetch_torchvision(name, folder)
    else:
        check_dataset(name, {})
