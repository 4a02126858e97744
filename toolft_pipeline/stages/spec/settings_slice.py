"""Cut the declared part out of an agent's settings.

Invariant: a build, a check or a source receives exactly the declared fields. Reading another one raises
`UndeclaredSettingError`, so no setting can change the content without entering the fingerprint.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.section import Section
from toolft_pipeline.warehouse.digest import Json

S = TypeVar("S", bound=Section)

ALWAYS = ("name", "folder")
"""The location of the agent file: every stage may read it, and it enters no fingerprint."""


def settings_slice(settings: AgentSettings, keys: Iterable[str]) -> AgentSettings:
    """A copy of the settings with only the fields of these dotted keys (`chat.format`; `chat` is the whole section).

    `name` and `folder` are always included. Raises `UndeclaredSettingError` if `settings` lacks a field: a nested
    artifact can read no more than the stage that makes it.
    """
    return _sliced(settings, _tree((*ALWAYS, *keys)))


def settings_values(settings: AgentSettings, keys: Iterable[str]) -> dict[str, Json]:
    """The values of these dotted keys as nested JSON, for a fingerprint."""
    return _sliced(settings, _tree(keys)).model_dump(mode="json")


def fields_of(key: str, section: type[Section], *, but: Iterable[str] = ()) -> tuple[str, ...]:
    """The dotted keys of a section's fields except `but`; includes fields that are added later."""
    left_out = frozenset(but)
    if unknown := left_out - section.model_fields.keys():
        raise ValueError(f"{key}: no field {', '.join(sorted(unknown))}")
    return tuple(f"{key}.{name}" for name in section.model_fields if name not in left_out)


Tree = dict[str, "Tree"]
"""Dotted keys by their parts; an empty tree stands for the whole value."""


def _tree(keys: Iterable[str]) -> Tree:
    tree: Tree = {}
    declared = set(keys)
    for key in sorted(declared):
        parts = key.split(".")
        if any(".".join(parts[:depth]) in declared for depth in range(1, len(parts))):
            continue  # the whole section is there already
        branch = tree
        for part in parts:
            branch = branch.setdefault(part, {})
    return tree


def _sliced(section: S, tree: Tree) -> S:
    kept: dict[str, Any] = {}
    for name, below in tree.items():
        value = _field(section, name)
        kept[name] = _sliced(value, below or _every_field(value)) if isinstance(value, Section) else value
    part = section.model_copy()
    part.__dict__.clear()
    part.__dict__.update(kept)
    return part


def _field(section: Section, name: str) -> Any:
    if name not in type(section).model_fields:
        raise ValueError(f"{type(section).__name__} has no field {name}; a stage declares it")
    return section.__dict__[name] if name in section.__dict__ else getattr(section, name)  # which raises


def _every_field(section: Section) -> Tree:
    return {name: {} for name in type(section).model_fields}
