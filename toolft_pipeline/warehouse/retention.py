"""Retention: plan which versions of an agent to remove, from manifests and pointer records alone.

Invariant: the lineage of every version that stays is complete. A version stays if it is current, named as needed,
recent, or among the last of its partition, and with it everything upstream in its lineage. The rest can be removed in
any order and in part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from toolft_pipeline.warehouse.lineage import inputs_in_warehouse, lineage_of
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.pointers import pointer_history
from toolft_pipeline.warehouse.store import Version, Warehouse


@dataclass(frozen=True, kw_only=True)
class RetentionRule:
    """What to keep."""

    since: datetime
    """Versions that were current or built at this time or later."""
    versions: int
    """The last versions of each partition, this many."""
    needed: tuple[Version, ...] = ()
    """Versions kept by name, such as the models that served."""
    content: Callable[[Version], bool] = lambda _version: True
    """Whether a kept version keeps its content, if its inputs could build it again."""


@dataclass(frozen=True, kw_only=True)
class RemovalItem:
    """A version to remove, whole or its content only: the reason, and its bytes."""

    version: Version
    why: str
    size: int


@dataclass(frozen=True, kw_only=True)
class RemovalPlan:
    """Versions to remove whole, and versions that lose their content but keep their manifest."""

    versions: tuple[RemovalItem, ...]
    contents: tuple[RemovalItem, ...]

    @property
    def size(self) -> int:
        """Bytes that the removal frees."""
        return sum(item.size for item in (*self.versions, *self.contents))


@dataclass(frozen=True, kw_only=True)
class _DatedVersion:
    """A version and when it stopped being current; None for the current one."""

    version: Version
    superseded_at: datetime | None


def plan_removal(warehouse: Warehouse, agent: str, *, keep: RetentionRule) -> RemovalPlan:
    """Plan the removal for all versions of an agent. Raises `WarehouseError` if a manifest cannot be read."""
    dated = [one for address in all_artifact_keys(warehouse, agent) for one in _dated_versions(warehouse, address)]
    stay = [one.version for one in dated if one.superseded_at is None or one.superseded_at >= keep.since]
    stay += _last_of_each(dated, keep.versions)
    stay += keep.needed
    kept = {version.folder for version in lineage_of(warehouse, stay).versions}
    return RemovalPlan(
        versions=tuple(
            RemovalItem(
                version=one.version, why=f"not current since {one.superseded_at:%Y-%m-%d}", size=_size(one.version)
            )
            for one in dated
            if one.version.folder not in kept and one.superseded_at is not None
        ),
        contents=tuple(_contents_to_remove(warehouse, dated, kept, keep=keep)),
    )


def all_artifact_keys(warehouse: Warehouse, agent: str) -> Iterator[ArtifactKey]:
    """Keys of all artifacts of an agent that have versions, sorted."""
    for folder in sorted((warehouse.root / agent).glob("[!.]*/*/versions")):
        partition = folder.parent.name
        yield ArtifactKey(
            agent=agent, asset=folder.parent.parent.name, partition=None if partition == "all" else partition
        )


def _dated_versions(warehouse: Warehouse, address: ArtifactKey) -> Iterator[_DatedVersion]:
    """All versions of an artifact in the order in which they were last current, those that never were first.

    No pointer record names a version whose commit was killed before the record; its time is when it was built.
    """
    folder = address.folder(warehouse.root)
    moves = pointer_history(folder)
    superseded: dict[str, datetime | None] = {}
    for move, after in zip(moves, [*moves[1:], None], strict=True):
        superseded.pop(move.version, None)  # to the end: it is current again
        superseded[move.version] = None if after is None else datetime.fromisoformat(after.created_at)
    never = sorted(path.name for path in (folder / "versions").iterdir() if path.name not in superseded)
    for name in (*never, *superseded):
        if (folder / "versions" / name).is_dir():
            version = warehouse.open(folder / "versions" / name)
            yield _DatedVersion(version=version, superseded_at=superseded.get(name, _built_at(version)))


def _last_of_each(dated: list[_DatedVersion], count: int) -> list[Version]:
    by_artifact: dict[ArtifactKey, list[Version]] = {}
    for one in dated:
        by_artifact.setdefault(one.version.manifest.address, []).append(one.version)
    return [version for versions in by_artifact.values() for version in versions[-count:]]


def _contents_to_remove(
    warehouse: Warehouse, dated: list[_DatedVersion], kept: set[Path], *, keep: RetentionRule
) -> Iterator[RemovalItem]:
    for one in dated:
        version = one.version
        if (
            version.folder in kept
            and not keep.content(version)
            and _is_complete(version)
            and _can_be_rebuilt(warehouse, version)
        ):
            content = sum(entry.size for entry in version.manifest.files if entry.content)
            yield RemovalItem(version=version, why="it can be rebuilt from its inputs", size=content)


def _can_be_rebuilt(warehouse: Warehouse, version: Version) -> bool:
    inputs = list(inputs_in_warehouse(version.manifest))
    return bool(inputs) and all(
        any(_is_complete(each) for each in warehouse.with_content(address, digest)) for address, digest in inputs
    )


def _is_complete(version: Version) -> bool:
    """Whether every file exists with its size; bytes are not read."""
    files = ((version.folder / entry.path, entry.size) for entry in version.manifest.files)
    return all(path.is_file() and path.stat().st_size == size for path, size in files)


def _size(version: Version) -> int:
    return sum(path.stat().st_size for path in version.folder.rglob("*") if path.is_file())


def _built_at(version: Version) -> datetime:
    return datetime.fromisoformat(version.manifest.created_at)
