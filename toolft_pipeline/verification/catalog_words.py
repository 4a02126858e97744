"""What the catalog says in words: names, descriptions, enums, defaults, examples and limits of tools and parameters.

Invariant: an agent was told all of this, in its prompt or in what it learned, so a value that stands here is none that
only the backend knew. It tells nothing of any one record: that orders can be "shipped" does not say that one is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.trajectories.told import Told

Schemas = Mapping[str, Mapping[str, Any]]
"""The schema of each tool's arguments, by name; a tool's own description stands in it as the schema's."""

_NO_WORDS = frozenset({"type", "$ref", "pattern", "required"})
"""Keywords whose values name no value that an argument may take."""


class ToolSchemas(dict[str, Mapping[str, Any]]):
    """The schemas of one catalog, which are read for their words once."""

    @cached_property
    def words(self) -> Told:
        """All that the schemas say."""
        said = Told()
        said.hear("\n".join([*self, *(text for schema in self.values() for text in _texts(schema))]))
        return said


def words_of(schemas: Schemas) -> Told:
    """What a catalog says."""
    return schemas.words if isinstance(schemas, ToolSchemas) else ToolSchemas(schemas).words


@lru_cache(maxsize=4)
def tool_schemas(tools: CatalogValidator) -> ToolSchemas:
    """The schemas of a catalog's tools, each with the tool's description."""
    return ToolSchemas(
        {
            name: {**schema, "description": "\n".join([tools.descriptions[name], str(schema.get("description", ""))])}
            for name, schema in tools.schemas.items()
        }
    )


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, Mapping):
            waiting += [each for key, each in inner.items() if key not in _NO_WORDS]
        elif isinstance(inner, list):
            waiting += inner
        elif inner is not None and not isinstance(inner, bool):
            yield str(inner)
