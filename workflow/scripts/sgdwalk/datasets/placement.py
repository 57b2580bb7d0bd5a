"""Which files of a dataset of torchvision's to put where, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def placement(dataset: type[Any], folder: str | Path) -> str:
    """How to get a dataset, in one line.

    Args:
        dataset: class of torchvision.
        folder: where its files are looked for.
    """
    if hasattr(dataset, "tgz_md5"):
        unpacked = Path(folder) / dataset.base_folder
        files, place = f"{dataset.url} (md5 {dataset.tgz_md5})", folder
    else:
        unpacked = Path(folder) / dataset.__name__
        files = ", ".join(file for file, _ in dataset.resources) + f" of {dataset.mirrors[0]}"
        place = unpacked / "raw"
    return (
        f"delete {unpacked} if it is there, place {files} in {place}, compressed as they are or "
        "decompressed, and fetch it again"
    )
