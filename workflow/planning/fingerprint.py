"""A fingerprint of the code that a script runs: what it does, not how it is written.

It covers the script and every local module it imports, directly or not, with the packages that
these are in, taken from their syntax trees without comments, docstrings and type-checker-only text.
The tree is serialised here, not by ``ast.dump``, whose output changes between Python versions.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planning.own_code import own_folders
from sgdwalk.errors import InputError

SCRIPTS = Path(__file__).parents[1] / "scripts"
# Starts a job and computes nothing: an edit of it must not retrain anything.
_LAUNCHER = "launch"
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# Says where a node stands or how it was spelt, not what it does.
_IGNORED_FIELDS = {"ctx", "kind", "type_comment", "type_ignores"}


@dataclass(frozen=True)
class Source:
    """What counts of one file.

    Attributes:
        digest: hex hash of its syntax tree, or of its bytes if it is no Python file.
        imports: (level, module, names) of its import statements, in functions too.
        data: names of data files beside it that it declares in ``DATA_FILES``.
    """

    digest: str
    imports: tuple[tuple[int, str, tuple[str, ...]], ...] = ()
    data: tuple[str, ...] = ()


class Sources:
    """Files by path, each read and parsed once however many scripts import it."""

    def __init__(self) -> None:
        self._known: dict[Path, Source] = {}
        self._places: dict[Path, bool] = {}
        self._imported: dict[tuple[Path, tuple[Path, ...]], list[Path]] = {}

    def of(self, path: Path) -> Source:
        """What counts of a file.

        Raises:
            InputError: if it is missing or is not valid Python.
        """
        if path not in self._known:
            self._known[path] = _source(path)
        return self._known[path]

    def imported_by(self, path: Path, roots: tuple[Path, ...]) -> list[Path]:
        """Files of the modules and packages under the roots that a file imports, and of its data.

        Raises:
            InputError: as `of`.
        """
        if (path, roots) not in self._imported:
            self._imported[path, roots] = _local_imports(path, roots, self)
        return self._imported[path, roots]

    def exists(self, path: Path) -> bool:
        """Whether there is such a file."""
        if path not in self._places:
            self._places[path] = path.is_file()
        return self._places[path]


def code_fingerprint(
    script: Path, extra: tuple[Path, ...] = (), sources: Sources | None = None
) -> str:
    """Hex fingerprint of a script and all local modules it imports.

    Args:
        script: a Python file; modules are looked up beside it.
        extra: further files whose code counts, such as a user's own model factory; modules that
            they import are looked up in the working directory and on PYTHONPATH as well.
        sources: files known already.

    Raises:
        InputError: if a file is missing or is not valid Python.
    """
    sources = Sources() if sources is None else sources
    digest = hashlib.sha256()
    roots = _roots(script, extra)
    found = closure(script, extra, sources)
    named = {path: path.relative_to(_root_of(path, roots)) for path in found}
    for path, name in sorted(named.items(), key=lambda item: item[1].as_posix()):
        digest.update(f"{name.as_posix()}\0{sources.of(path).digest}\n".encode())
    return digest.hexdigest()[:16]


def closure(
    script: Path, extra: tuple[Path, ...] = (), sources: Sources | None = None
) -> set[Path]:
    """The script, the extra files, every local module they import, and those modules' packages."""
    sources = Sources() if sources is None else sources
    found: set[Path] = set()
    roots = _roots(script, extra)
    waiting = [script, *extra]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(sources.imported_by(path, roots))
    return found


def _roots(script: Path, extra: tuple[Path, ...]) -> tuple[Path, ...]:
    """Where modules are looked up: beside the script, and for the user's code where that is."""
    return (script.parent, *(own_folders() if extra else ()))


def _root_of(path: Path, roots: tuple[Path, ...]) -> Path:
    """The folder that a module's name is relative to."""
    return next((root for root in roots if path.is_relative_to(root)), path.parent)


def _source(path: Path) -> Source:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; a rule or a module imports it") from None
    if path.suffix != ".py":
        return Source(hashlib.sha256(content).hexdigest())
    try:
        tree = ast.parse(content)
    except SyntaxError as error:
        line = f"line {error.lineno}: {error.msg}"
        raise InputError(f"{path}: not valid Python: {line}") from None
    digest = hashlib.sha256("".join(_serialised(tree)).encode()).hexdigest()
    return Source(digest, tuple(_imports(tree)), _declared_data(tree))


def _serialised(value: object) -> Iterator[str]:
    if isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for field in sorted(set(value._fields) - _IGNORED_FIELDS):
            inner: Any = getattr(value, field, None)
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
                merged[-1] = ast.Constant(str(merged[-1].value) + str(value.value))
                continue
        merged.append(value)
    return merged


def _imports(tree: ast.Module) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", tuple(alias.name for alias in node.names)


def _declared_data(tree: ast.Module) -> tuple[str, ...]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DATA_FILES":
            return tuple(ast.literal_eval(node.value))
    return ()


def _local_imports(path: Path, roots: tuple[Path, ...], sources: Sources) -> list[Path]:
    source = sources.of(path)
    # the user's code may import ours, and never the other way round
    searched = roots[:1] if path.is_relative_to(roots[0]) else roots
    files = [path.parent / name for name in source.data]
    for imported in source.imports:
        for name in _names(imported, path, _root_of(path, roots)):
            if name != _LAUNCHER:
                found = (_module_files(name, root, sources) for root in searched)
                files.extend(next((some for some in found if some), []))
    return files


def _names(imported: tuple[int, str, tuple[str, ...]], path: Path, root: Path) -> list[str]:
    """Full names of what may be modules in an import statement of a file."""
    level, module, names = imported
    if level:
        package = path.parent
        for _ in range(level - 1):
            package = package.parent
        module = ".".join([*package.relative_to(root).parts, *([module] if module else [])])
    # a name imported from a package may itself be a module
    return [module, *(f"{module}.{name}" for name in names)]


def _module_files(name: str, root: Path, sources: Sources) -> list[Path]:
    """File of a module with the packages it is in, whose code runs before; none if it is none."""
    place = root.joinpath(*name.split("."))
    module = next(
        (
            p
            for p in (place.with_name(f"{place.name}.py"), place / "__init__.py")
            if sources.exists(p)
        ),
        None,
    )
    if module is None:
        return []
    packages = [folder / "__init__.py" for folder in place.parents if folder.is_relative_to(root)]
    return [module, *(p for p in packages if p.parent != root and sources.exists(p))]
