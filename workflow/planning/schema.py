"""Check a config against its JSON schema: coerce, fill in defaults, complain in one line."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from sgdwalk.errors import InputError

_NONE = object()
SCHEMAS = Path(__file__).parents[1] / "schemas"


@cache
def config_schema() -> Mapping[str, Any]:
    """The schema of a whole config, put together from its sections' files; each is read once."""
    whole = _read("config.yaml")
    definitions = whole["$defs"]
    for place in (whole["properties"], definitions):
        for name, inner in place.items():
            if inner.get("$ref", "").endswith(".yaml"):
                place[name] = _read(inner["$ref"])
    for section in [*whole["properties"].values(), *definitions.values()]:
        definitions = {**definitions, **section.pop("$defs", {})}
    return {**whole, "$defs": definitions}


def _read(file: str) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a tenth of the time, where it is
    return dict(yaml.load((SCHEMAS / file).read_text(encoding="utf-8"), loader))


def complete(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], where: str) -> Any:
    """A config value as the schema wants it: strings that are numbers made so, defaults filled in.

    Args:
        value: as read from YAML or the command line.
        schema: the part of the schema that describes it.
        root: the whole schema, for ``$ref``.
        where: path of the value in the config, for messages.

    Raises:
        InputError: one line with the key, the value, what is allowed and the nearest valid name.
    """
    value = _fill(value, schema, root)
    validator = Draft202012Validator({**schema, "$defs": root.get("$defs", {})})
    errors = sorted(validator.iter_errors(value), key=lambda e: (len(e.absolute_path), str(e.path)))
    if errors:
        raise InputError(_line(errors[0], where))
    _check_finite(value, where)
    return value


def _check_finite(value: Any, where: str) -> None:
    """JSON knows no other numbers, so a schema cannot say it: none is above or below them."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_finite(inner, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            _check_finite(inner, f"{where}[{number}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where}: {value}; allowed: a finite number")


def resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of the schema with its ``$ref`` followed."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    return {**root["$defs"][reference.rsplit("/", 1)[1]], **schema}


def differing(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """A complete config value without the keys that stand at their default, at any depth."""
    schema = resolved(schema, root)
    if isinstance(value, Mapping) and "properties" in schema:
        kept = {}
        for key, inner in value.items():
            described = resolved(schema["properties"].get(key, {}), root)
            default = schema.get("default", {}).get(key, described.get("default", _NONE))
            if default is _NONE or inner != _fill(default, described, root):
                kept[key] = differing(inner, described, root)
        return kept
    if isinstance(value, list | tuple) and "items" in schema:
        return [differing(item, schema["items"], root) for item in value]
    return value


def _fill(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    schema = resolved(schema, root)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if isinstance(value, Mapping) and "object" in types:
        properties = schema.get("properties", {})
        value = {**schema.get("default", {}), **value}
        filled = {k: _fill(v, properties.get(k, {}), root) for k, v in value.items()}
        for key, inner in properties.items():
            inner = resolved(inner, root)
            if key not in filled and "default" in inner:
                filled[key] = _fill(inner["default"], inner, root)
        return filled
    if isinstance(value, list | tuple) and "array" in types:
        return [_fill(item, schema.get("items", {}), root) for item in value]
    return _coerce(value, types)


def _coerce(value: Any, types: list[str]) -> Any:
    """YAML reads 1e-3 as a string, and the command line knows nothing but strings."""
    if isinstance(value, str) and "string" not in types:
        text = value.strip().lower()
        if "boolean" in types and text in ("true", "false"):
            return text == "true"
        if "null" in types and text in ("null", "none", ""):
            return None
        if "number" in types or "integer" in types:
            try:
                value = float(text)
            except ValueError:
                return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if "integer" in types and float(value).is_integer():
        return int(value)
    return float(value) if "number" in types else value


def _line(error: ValidationError, where: str) -> str:
    path = where + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path
    )
    path = path.lstrip(".") or "config"
    schema, value = error.schema, error.instance
    if error.validator == "additionalProperties":
        allowed = list(schema.get("properties", {}))
        unknown = next(key for key in value if key not in allowed)
        renamed = schema.get("x-renamed", {}).get(unknown)
        if renamed:
            return f"{path}: key '{unknown}' is now called '{renamed}'"
        return f"{path}: unknown key '{unknown}'{suggestion(unknown, allowed)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in value)
        return f"{path}: key '{missing}' is missing"
    near = suggestion(value, schema["enum"]) if "enum" in schema else f"; allowed: {_said(schema)}"
    return f"{path}: {value!r}{near}"


def suggestion(name: Any, allowed: Sequence[object]) -> str:
    """The end of a message about a wrong name: the nearest valid one, and all of them."""
    near = difflib.get_close_matches(str(name), [str(a) for a in allowed], n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"{hint}; allowed: {', '.join(map(str, allowed))}"


def _said(schema: Mapping[str, Any]) -> str:
    """What a schema allows, in words."""
    if "x-allowed" in schema:
        return schema["x-allowed"]
    types = schema.get("type", "value")
    types = [types] if isinstance(types, str) else types
    words = " or ".join("nothing (null)" if t == "null" else f"{_article(t)} {t}" for t in types)
    bounds = (
        ("minimum", "of at least"),
        ("exclusiveMinimum", "above"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "below"),
        ("minItems", "with at least this many items:"),
        ("minProperties", "with at least this many keys:"),
        ("pattern", "that matches"),
    )
    limits = [f"{said} {schema[key]}" for key, said in bounds if key in schema]
    return " ".join([words, ", ".join(limits)]).strip()


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
