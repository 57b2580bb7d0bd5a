"""Where the user's own factories are written, found without importing them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder
from pathlib import Path

from sgdwalk.errors import InputError
from sgdwalk.user_code import is_factory


def own_folders() -> list[Path]:
    """Where the user's modules are looked for: the working directory and PYTHONPATH."""
    named = [
        Path(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder
    ]
    return [Path.cwd(), *(folder.resolve() for folder in named)]


def own_file(factory: str) -> Path | None:
    """File of the module of ``"package.module:factory"``; None if an installed package has it.

    Raises:
        InputError: if there is no such module, or Python's own library has it.
    """
    module = factory.partition(":")[0]
    for folder in own_folders():
        place = folder.joinpath(*module.split("."))
        for path in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
            if path.is_file():
                return path
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        raise InputError(
            f"{factory!r}: module {top!r} is of Python's own library; allowed: a module of yours, "
            "in the working directory or on PYTHONPATH, or of an installed package"
        )
    if PathFinder.find_spec(top, sys.path) is None:
        raise InputError(
            f"{factory!r}: no module {module!r}; its folder must be the working directory "
            "or on PYTHONPATH"
        )
    return None


def own_files(names: Iterable[str]) -> tuple[Path, ...]:
    """Files of those among names of models and datasets that are factories of the user's."""
    files = (own_file(name) for name in names if is_factory(name))
    return tuple(sorted({path for path in files if path is not None}))
