"""Renamed tools: rewrite the calls of earlier runs with today's names.

Invariant: a rename never redirects a call to a tool that exists today: an old name must not be in the catalog, and the
new name at the end of a chain must be.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import yaml

from toolft_pipeline.catalog.tool import Catalog, CatalogError
from toolft_pipeline.trajectories.record import Message, Trajectory


def load_renames(path: Path, *, catalog: Catalog) -> dict[str, str]:
    """Read `old name: new name` lines and follow chains of renames to their ends.

    Raises `CatalogError` for a file that is no such mapping, a cycle, an old name that still exists, or a new name that
    does not.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise CatalogError(f"{path}: cannot be read as YAML ({problem}); fix the file or catalog.renames") from error
    try:
        renames = msgspec.convert(document or {}, dict[str, str])
    except msgspec.ValidationError as error:
        raise CatalogError(f"{path}: must have lines `old name: new name` ({error})") from error
    return {old: _follow(old, renames, catalog, path) for old in renames}


def apply_renames(trajectory: Trajectory, *, renames: Mapping[str, str]) -> Trajectory:
    """Rewrite a run's calls and tool turns with today's names; returns the same object if nothing changes."""
    messages = tuple(_renamed(message, renames) for message in trajectory.messages)
    if messages == trajectory.messages:
        return trajectory
    return msgspec.structs.replace(trajectory, messages=messages)


def _renamed(message: Message, renames: Mapping[str, str]) -> Message:
    calls = tuple(msgspec.structs.replace(call, name=renames.get(call.name, call.name)) for call in message.tool_calls)
    name = renames.get(message.name, message.name) if message.name is not None else None
    return msgspec.structs.replace(message, tool_calls=calls, name=name)


def _follow(old: str, renames: Mapping[str, str], catalog: Catalog, path: Path) -> str:
    if old in catalog.names:
        raise CatalogError(f"{path}: {old!r} is a tool of today's catalog; remove the line, or rename the tool")
    seen, name = {old}, renames[old]
    while name in renames:
        if name in seen:
            raise CatalogError(f"{path}: the renames of {old!r} form a cycle; keep the last one")
        seen.add(name)
        name = renames[name]
    if name not in catalog.names:
        raise CatalogError(f"{path}: {old!r} becomes {name!r}, which is not in today's catalog; fix the name")
    return name
