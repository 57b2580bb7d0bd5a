"""Find and call the user's own factories, named as ``"package.module:factory"``."""

import importlib
import inspect
from collections.abc import Callable

from sgdwalk.errors import InputError


def is_factory(name: str) -> bool:
    """Whether a model or dataset name has the form ``"package.module:factory"``."""
    return ":" in name


def call_factory(name: str, /, **arguments: object) -> object:
    """Import the factory ``name`` and call it with keyword arguments.

    Args:
        name: ``"package.module:factory"``; the module must be importable.
        arguments: passed on to the factory.

    Returns:
        What the factory returns.

    Raises:
        InputError: if there is no such module or factory, or it does not take these arguments.
            Errors raised inside the user's code pass through with their own traceback.
    """
    factory = _find(name)
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # some built-in callables have none
        signature = None
    if signature is not None:
        try:
            signature.bind(**arguments)
        except TypeError as error:
            raise InputError(
                f"{name!r} cannot be called with {', '.join(arguments)}: {error}"
            ) from None
    return factory(**arguments)


def _find(name: str) -> Callable[..., object]:
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise InputError(f"{name!r} is not of the form 'package.module:factory'")
    try:
        found = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module exists, but something that it imports does not
        raise InputError(
            f"{name!r}: no module {error.name!r}; its folder must be on PYTHONPATH"
        ) from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"{name!r}: module {module_name!r} has no {attribute!r}")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(f"{name!r} is a {type(found).__name__}, not something that can be called")
    return found
