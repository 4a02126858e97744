"""Differences between two catalogs, and whether calls written for the old one are still valid.

Invariant: a change is compatible only if that is proven: the new schema accepts every arguments object that the old
one accepts, by schema containment (jsonschema-rs). What cannot be decided counts as breaking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jsonschema_rs
from jsonschema_rs.canonical import CanonicalizationError, Containment

from toolft_pipeline.catalog.tool import Catalog, Tool
from toolft_pipeline.catalog.validator import closed


@dataclass(frozen=True, kw_only=True)
class ToolChange:
    """A tool that exists in both catalogs and differs; `notes` name the differences in a few words."""

    name: str
    breaking: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CatalogDiff:
    """Tool names in the order of their catalog."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[ToolChange, ...]

    @property
    def breaking(self) -> bool:
        """Whether some old call may be invalid now."""
        return bool(self.removed) or any(change.breaking for change in self.changed)

    def __str__(self) -> str:
        lines = [f"+ {name}" for name in self.added] + [f"- {name}" for name in self.removed]
        lines += [
            f"~ {change.name} ({'breaking' if change.breaking else 'compatible'}): {', '.join(change.notes)}"
            for change in self.changed
        ]
        return "\n".join(lines) or "no change"


def diff_catalogs(*, old: Catalog, new: Catalog) -> CatalogDiff:
    """Compare two catalogs tool by tool; ignores the order of tools and of schema keys."""
    before = {tool.name: tool for tool in old.tools}
    changes = (_change(before[tool.name], tool) for tool in new.tools if tool.name in before)
    return CatalogDiff(
        added=tuple(name for name in new.names if name not in before),
        removed=tuple(name for name in old.names if name not in new.names),
        changed=tuple(change for change in changes if change is not None),
    )


def _change(old: Tool, new: Tool) -> ToolChange | None:
    notes = [] if old.description == new.description else ["description"]
    if old.parameters != new.parameters:
        notes += _notes(old.parameters, new.parameters)
    if not notes:
        return None
    breaking = old.parameters != new.parameters and not _covers(new.parameters, old.parameters)
    return ToolChange(name=new.name, breaking=breaking, notes=tuple(notes))


def _covers(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Whether the new schema accepts all that the old one accepts, both closed to undeclared parameters.

    Unclosed, a new optional parameter would count as breaking (an old call could have it by chance), and a removed one
    as compatible.
    """
    try:
        wide = jsonschema_rs.canonicalize(closed(new), offline=True)
        narrow = jsonschema_rs.canonicalize(closed(old), offline=True)
        return wide.covers(narrow) is Containment.YES
    except (CanonicalizationError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError):
        return False


def _notes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    must_before, must_after = set(old.get("required", ())), set(new.get("required", ()))
    notes = [f"new {'required ' if name in must_after else ''}parameter {name}" for name in after if name not in before]
    notes += [f"parameter {name} removed" for name in before if name not in after]
    for name in (name for name in after if name in before):
        if before[name] != after[name]:
            notes.append(f"parameter {name} changed")
        if (name in must_before) != (name in must_after):
            notes.append(f"parameter {name} {'required' if name in must_after else 'optional'} now")
    return notes or ["schema"]
