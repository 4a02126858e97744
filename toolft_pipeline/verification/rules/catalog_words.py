"""What the catalog says in words: names, titles, descriptions, enums, defaults and examples of tools and parameters.

Invariant: an agent was told all of this, in its prompt or in what it learned, so a value that stands here is none that
only the backend knew. It tells nothing of any one record: that orders can be "shipped" does not say that one is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.trajectories.grounding_text import GroundingText

Schemas = Mapping[str, Mapping[str, Any]]
"""The schema of each tool's arguments, by name; a tool's own description stands in it as the schema's."""

_SAYING = frozenset({"description", "title", "enum", "const", "default", "example", "examples"})
"""Keywords whose values are told. Limits (`maximum`) are not among them: that there may be 50 does not say that there
are."""


class ToolSchemas(dict[str, Mapping[str, Any]]):
    """The schemas of one catalog, which are read for their words once."""

    @cached_property
    def words(self) -> GroundingText:
        """All that the schemas say."""
        said = GroundingText()
        said.add_text("\n".join([*self, *(text for schema in self.values() for text in _texts(schema))]))
        return said


def words_of(schemas: Schemas) -> GroundingText:
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
    waiting = [(value, False)]
    while waiting:
        inner, said = waiting.pop()
        if isinstance(inner, Mapping):
            waiting += [(each, said or key in _SAYING) for key, each in inner.items()]
        elif isinstance(inner, list):
            waiting += [(each, said) for each in inner]
        elif said and inner is not None and not isinstance(inner, bool):
            yield str(inner)
