"""Settings of a job: all of them are handed to it, and what differs from the defaults decides."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from planning.schema import differing


class Settings(dict[str, Any]):
    """A dict that shows itself without what stands at its default.

    Snakemake compares what rules show as params, and an identity hashes it: a key that is added
    later, with a default, makes nothing run again. A job gets a plain dict with every key.

    Args:
        values: complete.
        schema: that describes them.
        root: the whole schema, for ``$ref``.
    """

    def __init__(
        self, values: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any]
    ):
        super().__init__(values)
        self._schema, self._root = schema, root

    @property
    def said(self) -> dict[str, Any]:
        """What differs from the defaults, a plain dict."""
        return differing(self, self._schema, self._root)

    def only(self, keys: Iterable[str]) -> Settings:
        """Those of some keys."""
        return Settings({key: self[key] for key in keys}, self._schema, self._root)

    def without(self, keys: Iterable[str]) -> Settings:
        """Those of all other keys."""
        left = set(keys)
        return self.only(key for key in self if key not in left)

    def __repr__(self) -> str:
        return json.dumps(self.said, sort_keys=True)

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)
