"""SGD as a random walk on the loss landscape of a deep network, measured.

`dir(sgdwalk)` lists the public names; each is loaded when it is first asked for.
"""

from importlib import import_module


def __getattr__(name: str) -> object:
    # by importlib alone: what jobs import is read from import statements, and is not all of this
    public = import_module("sgdwalk.public_names")
    return public.load(name)


def __dir__() -> list[str]:
    public = import_module("sgdwalk.public_names")
    return sorted([*public.MODULES, "__version__"])
