"""A fingerprint of the code that a script runs: what it does, not how it is written.

It covers the script and every local module it imports, directly or not, taken from their syntax
trees without comments, docstrings and type-checker-only text. The tree is serialised here, not by
``ast.dump``, whose output changes between Python versions.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from planning.own_code import own_folders
from sgdwalk.errors import InputError

SCRIPTS = Path(__file__).parents[1] / "scripts"
# Starts a job and computes nothing: an edit of it must not retrain anything.
_LAUNCHER = "launch"
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# Says where a node stands or how it was spelt, not what it does.
_IGNORED_FIELDS = {"ctx", "kind", "type_comment", "type_ignores"}


def code_fingerprint(script: Path, extra: tuple[Path, ...] = ()) -> str:
    """Hex fingerprint of a script and all local modules it imports.

    Args:
        script: a Python file; modules are looked up beside it.
        extra: further files whose code counts, such as a user's own model factory; modules that
            they import are looked up in the working directory and on PYTHONPATH as well.

    Raises:
        InputError: if a file is missing or is not valid Python.
    """
    digest = hashlib.sha256()
    roots = _roots(script, extra)
    named = {path: path.relative_to(_root_of(path, roots)) for path in closure(script, extra)}
    for path, name in sorted(named.items(), key=lambda item: item[1].as_posix()):
        digest.update(f"{name.as_posix()}\0{file_fingerprint(path)}\n".encode())
    return digest.hexdigest()[:16]


def closure(script: Path, extra: tuple[Path, ...] = ()) -> set[Path]:
    """The script, the extra files, and every local module they import."""
    found: set[Path] = set()
    roots = _roots(script, extra)
    waiting = [script, *extra]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_local_imports(path, roots))
    return found


def _roots(script: Path, extra: tuple[Path, ...]) -> list[Path]:
    """Where modules are looked up: beside the script, and for the user's code where that is."""
    return [script.parent, *(own_folders() if extra else [])]


def _root_of(path: Path, roots: list[Path]) -> Path:
    """The folder that a module's name is relative to."""
    return next((root for root in roots if path.is_relative_to(root)), path.parent)


def file_fingerprint(path: Path) -> str:
    """Hex hash of one file's syntax tree, or of its bytes if it is no Python file."""
    if path.suffix != ".py":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return _tree_hash(_parse(path))


def _parse(path: Path) -> ast.Module:
    try:
        return _tree(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; a rule or a module imports it") from None
    except SyntaxError as error:
        line = f"line {error.lineno}: {error.msg}"
        raise InputError(f"{path}: not valid Python: {line}") from None


@cache
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


@cache
def _tree_hash(tree: ast.Module) -> str:
    digest = hashlib.sha256()
    for part in _serialised(tree):
        digest.update(part.encode())
    return digest.hexdigest()


def _serialised(value: object) -> Iterator[str]:
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for field in sorted(set(value._fields) - _IGNORED_FIELDS):
            inner = getattr(value, field, None)
            if field == "body" and isinstance(value, _DOCUMENTED):
                inner = _without_docstring(inner)
            if isinstance(value, ast.JoinedStr):
                inner = _joined(inner)
            # absent and empty are the same: newer Pythons add optional fields
            if inner is not None and inner != []:
                yield f" {field}="
                yield from _serialised(inner)
        yield ")"
    elif isinstance(value, list):
        yield "["
        for item in value:
            yield from _serialised(item)
        yield "]"
    else:
        yield f"{type(value).__name__}:{value!r};"


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    documented = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return body[1:] if documented else body


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    """Parts of an f-string with neighbouring text merged, as Pythons differ in splitting it."""
    merged: list[ast.expr] = []
    for value in values:
        if isinstance(value, ast.Constant):
            if value.value == "":
                continue
            if merged and isinstance(merged[-1], ast.Constant):
                merged[-1] = ast.Constant(merged[-1].value + value.value)
                continue
        merged.append(value)
    return merged


def _local_imports(path: Path, roots: list[Path]) -> list[Path]:
    """Files of the modules and packages under the roots that a file imports, and of its data."""
    if path.suffix != ".py":
        return []
    files = []
    # the user's code may import ours, and never the other way round
    searched = roots[:1] if path.is_relative_to(roots[0]) else roots
    for node in ast.walk(_parse(path)):
        for name in _imported(node, path, _root_of(path, roots)):
            if name != _LAUNCHER:
                found = (_module_files(name, root) for root in searched)
                files.extend(next((some for some in found if some), []))
    files.extend(path.parent / name for name in _declared_data(path))
    return files


def _imported(node: ast.AST, path: Path, root: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        package = path.parent
        for _ in range(node.level - 1):
            package = package.parent
        base = ".".join([*package.relative_to(root).parts, *([base] if base else [])])
    # a name imported from a package may itself be a module
    return [base, *(f"{base}.{alias.name}" for alias in node.names)]


def _module_files(name: str, root: Path) -> list[Path]:
    place = root.joinpath(*name.split("."))
    if place.with_suffix(".py").is_file():
        return [place.with_suffix(".py")]
    return [place / "__init__.py"] if (place / "__init__.py").is_file() else []


def _declared_data(path: Path) -> list[str]:
    """Names of data files that a module declares in a constant called ``DATA_FILES``."""
    for node in _parse(path).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DATA_FILES":
            return list(ast.literal_eval(node.value))
    return []
