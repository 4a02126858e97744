"""The texts that a catalog lets a caller choose from, by the name of the field: what excludes each other there.

Invariant: read from `enum` in the tools' argument schemas alone. A result's field of that name with one of the texts
is taken to choose from the same ones: `status` of an order, if some tool lists orders by `status`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Choices = Mapping[str, tuple[tuple[str, ...], ...]]
"""By field name, the sets of texts of which one is chosen."""


def choices_of(schemas: Iterable[Mapping[str, Any]]) -> Choices:
    """The choices in argument schemas; items of lists are left out, several of them may hold at once."""
    found: dict[str, dict[tuple[str, ...], None]] = {}
    waiting: list[tuple[str, Any]] = [("", schema) for schema in schemas]
    while waiting:
        name, schema = waiting.pop()
        if not isinstance(schema, Mapping):
            continue
        texts = tuple(each for each in schema.get("enum") or () if isinstance(each, str))
        if name and len(texts) > 1:
            found.setdefault(name, {})[texts] = None
        waiting += list((schema.get("properties") or {}).items())
        waiting += [(name, each) for kind in ("anyOf", "oneOf", "allOf") for each in schema.get(kind) or ()]
    return {name: tuple(sorted(each)) for name, each in sorted(found.items())}


def rivals_of(name: str, value: object, choices: Choices, *, but: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The texts that a field could have in place of its value, without those in `but` (in lower case)."""
    rivals = {each for texts in choices.get(name, ()) if value in texts for each in texts}
    return tuple(sorted(each for each in rivals if each != value and each.casefold() not in but))
