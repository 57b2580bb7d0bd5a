"""What made a file: versions of libraries, and the commit of the code."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sgdwalk.public_names import VERSION

_LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "h5py", "matplotlib")


def library_versions() -> dict[str, str]:
    """Versions of Python, of this, and of the libraries that this process has loaded."""
    found = {"python": sys.version.split()[0], "sgdwalk": VERSION}
    for name in _LIBRARIES:
        if name in sys.modules:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
    return found


def commit_of(folder: Path) -> str | None:
    """Commit of the checkout a folder is in, with a + if files differ; None outside of git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty=+"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
