"""What differs between two catalogs for a model that calls the tools.

Invariant: the order of tools and of keys, and texts for readers (descriptions, titles, examples) are no difference: a
prompt shows the trained catalog's texts, and a call is valid or not without them. Rewordings are reported apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from toolft_pipeline.catalog.diff import diff_catalogs
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.warehouse.digest import digest_of

_TEXTS = frozenset({"description", "title", "examples", "example", "$comment", "deprecated"})
_NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose value maps names to schemas: a parameter may be called `title`."""
_VALUES = frozenset({"enum", "const", "default", "required"})
"""Keywords whose value is no schema."""


class DriftKind(StrEnum):
    """How a live tool differs. Different people act: whoever deploys the server, and whoever releases its tools."""

    MISSING = "missing"
    """The live server does not list a tool of the training."""
    CHANGED = "changed"
    """It has another schema."""
    ADDED = "added"
    """The model was not trained on it."""


@dataclass(frozen=True, kw_only=True)
class ToolChanges:
    """Names of tools, in the order of their catalog; `breaking` if an old call may be invalid now."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    reworded: tuple[str, ...]
    breaking: bool

    @property
    def any(self) -> bool:
        """Whether the tools differ."""
        return bool(self.by_kind())

    def by_kind(self) -> dict[DriftKind, tuple[str, ...]]:
        """The tools that differ, by kind; kinds without one are left out."""
        kinds = {DriftKind.MISSING: self.removed, DriftKind.CHANGED: self.changed, DriftKind.ADDED: self.added}
        return {kind: names for kind, names in kinds.items() if names}

    def __str__(self) -> str:
        return "; ".join(f"{kind} {', '.join(names)}" for kind, names in self.by_kind().items()) or "no difference"


def tools_digest(catalog: Catalog) -> str:
    """Digest of what calls are valid: names and schemas without texts, in any order."""
    return digest_of({tool.name: _without_texts(tool.parameters) for tool in catalog.tools})


def tool_changes(*, trained: Catalog, live: Catalog) -> ToolChanges:
    """Compare the live tools with those of the training."""
    difference = diff_catalogs(old=trained, new=live)
    before = {tool.name: tool.parameters for tool in trained.tools}
    after = {tool.name: tool.parameters for tool in live.tools}
    names = [change.name for change in difference.changed]
    changed = [name for name in names if _without_texts(before[name]) != _without_texts(after[name])]
    return ToolChanges(
        added=difference.added,
        removed=difference.removed,
        changed=tuple(changed),
        reworded=tuple(name for name in names if name not in changed),
        breaking=difference.breaking,
    )


def _without_texts(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_texts(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _TEXTS:
            continue
        if key in _NAMED_SCHEMAS and isinstance(value, dict):
            found[key] = {name: _without_texts(inner) for name, inner in value.items()}
        elif key == "required" and isinstance(value, list):
            found[key] = sorted(value, key=str)
        else:
            found[key] = value if key in _VALUES else _without_texts(value)
    return found
