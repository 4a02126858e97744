"""What the catalog says in words: names, titles, descriptions, enums, defaults and examples of tools and parameters.

Invariant: an agent knows all of this, from its prompt or from training, so a value that the catalog mentions is not one
that only the backend knew. It says nothing about a single record: that orders can be "shipped" does not mean that one
is. Every lookup that a rule makes here can be recorded, so that a changed description reopens only the verdicts that
depend on it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.trajectories.grounding_text import GroundingText, Reading, number_readings
from toolft_pipeline.warehouse.digest import digest_of

Schemas = Mapping[str, Mapping[str, Any]]
"""The schema of each tool's arguments, by name; it holds the tool's own description as the schema's."""

_SAYING = frozenset({"description", "title", "enum", "const", "default", "example", "examples"})
"""Keywords whose values count as known. Limits (`maximum`) do not: that there may be 50 does not say how many exist."""

_BETWEEN = "\0"
"""Separates the catalog's texts, so that no phrase is found across two of them."""

_TOKEN = re.compile(r"[^\W_]+")

WHOLE_TEXT = "words"
"""The lookup that depends on every word of the catalog."""


class ToolSchemas(dict[str, Mapping[str, Any]]):
    """The schemas of one catalog; their words are read once."""

    @cached_property
    def texts(self) -> list[str]:
        """Every text of the schemas, and the tools' names."""
        return [*self, *(text for schema in self.values() for text in _texts(schema))]

    @cached_property
    def words(self) -> GroundingText:
        """All words of the schemas."""
        words = GroundingText()
        words.add_text(_BETWEEN.join(self.texts))
        return words


def words_of(schemas: Schemas) -> GroundingText:
    """The words of a catalog."""
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


class RecordedWords(GroundingText):
    """A catalog's words for the check of one run: answers as `words` does and records each lookup in `lookups`."""

    def __init__(self, words: GroundingText) -> None:
        super().__init__()
        self._words = words
        self.lookups: set[str] = set()

    def in_run(self, phrase: str) -> bool:
        """Whether the catalog says a phrase."""
        self.lookups.add(_phrase_lookup(phrase))
        return self._words.in_run(phrase)

    def has_reading(self, reading: Reading) -> bool:
        """Whether the catalog says a number."""
        self.lookups.add(_number_lookup(reading))
        return self._words.has_reading(reading)


def lookup_digests(schemas: ToolSchemas) -> Mapping[str, str]:
    """What each lookup of words depends on: the digest of the texts that can answer it. A lookup that is not here finds
    nothing in this catalog."""
    by_lookup: defaultdict[str, list[str]] = defaultdict(list)
    for text in sorted(set(schemas.texts)):
        for lookup in _lookups_of(text):
            by_lookup[lookup].append(text)
    joined = _BETWEEN.join(schemas.texts)
    if "\\" in joined:  # `GroundingText.hear` adds what it decodes of such a text, under words of its own
        by_lookup["word:none"].append(joined)
    return {lookup: digest_of(texts) for lookup, texts in by_lookup.items()} | {WHOLE_TEXT: digest_of(joined)}


def _lookups_of(text: str) -> Iterable[str]:
    folded = text.casefold()
    readings = (reading for found in number_readings(folded) for reading in found)
    return {f"word:{token}" for token in _TOKEN.findall(folded)} | set(map(_number_lookup, readings))


def _number_lookup(reading: Reading) -> str:
    return f"number:{reading.normalize() if isinstance(reading, Decimal) else reading}"


def _phrase_lookup(phrase: str) -> str:
    """A phrase is found only in texts that hold its first word: a word of letters and digits ends where they end."""
    first = _TOKEN.search(phrase)
    return WHOLE_TEXT if first is None or _BETWEEN in phrase else f"word:{first[0]}"


def _texts(value: Any) -> Iterator[str]:
    waiting = [(value, False)]
    while waiting:
        inner, is_text = waiting.pop()
        if isinstance(inner, Mapping):
            waiting += [(each, is_text or key in _SAYING) for key, each in inner.items()]
        elif isinstance(inner, list):
            waiting += [(each, is_text) for each in inner]
        elif is_text and inner is not None and not isinstance(inner, bool):
            yield str(inner)
