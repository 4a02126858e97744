"""Which versions of an agent may go, decided from manifests and pointer records alone.

Invariant: what stays can be traced. In force, needed by name, young, or among the last of its partition: each of these
stays, and with it the whole way upstream that its lineage is followed by. The rest may go, in any order and in part.
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
    """What stays. `since`: whatever was in force or was made at this time or later. `versions`: the last of each
    partition. `needed`: versions that stay by name, such as the models that served. `content`: whether a version that
    stays keeps its content, where its inputs could make it again.
    """

    since: datetime
    versions: int
    needed: tuple[Version, ...] = ()
    content: Callable[[Version], bool] = lambda _version: True


@dataclass(frozen=True, kw_only=True)
class RemovalItem:
    """One thing that may go, why, and the bytes that it gives back."""

    version: Version
    why: str
    size: int


@dataclass(frozen=True, kw_only=True)
class RemovalPlan:
    """Versions that go whole, and versions whose content goes while the manifest stays."""

    versions: tuple[RemovalItem, ...]
    contents: tuple[RemovalItem, ...]

    @property
    def size(self) -> int:
        """Bytes that it gives back."""
        return sum(leaving.size for leaving in (*self.versions, *self.contents))


@dataclass(frozen=True, kw_only=True)
class _Held:
    """A version and when it ceased to be in force; None for the one that is."""

    version: Version
    left: datetime | None


def plan_removal(warehouse: Warehouse, agent: str, *, keep: RetentionRule) -> RemovalPlan:
    """Decide for every version of an agent. Raises `WarehouseError` where a manifest cannot be read."""
    held = [one for address in all_artifact_keys(warehouse, agent) for one in _held(warehouse, address)]
    stay = [one.version for one in held if one.left is None or one.left >= keep.since]
    stay += _last_of_each(held, keep.versions)
    stay += keep.needed
    kept = {version.folder for version in lineage_of(warehouse, stay).versions}
    return RemovalPlan(
        versions=tuple(
            RemovalItem(version=one.version, why=f"out of force since {one.left:%Y-%m-%d}", size=_size(one.version))
            for one in held
            if one.version.folder not in kept and one.left is not None
        ),
        contents=tuple(_contents(warehouse, held, kept, keep=keep)),
    )


def all_artifact_keys(warehouse: Warehouse, agent: str) -> Iterator[ArtifactKey]:
    """Every address of an agent that has versions, sorted."""
    for folder in sorted((warehouse.root / agent).glob("[!.]*/*/versions")):
        partition = folder.parent.name
        yield ArtifactKey(
            agent=agent, asset=folder.parent.parent.name, partition=None if partition == "all" else partition
        )


def _held(warehouse: Warehouse, address: ArtifactKey) -> Iterator[_Held]:
    """All versions of an address in the order in which they were last in force, those that never were first.

    A version that nothing names is one whose commit was killed before its record; its time is when it was made.
    """
    folder = address.folder(warehouse.root)
    moves = pointer_history(folder)
    left: dict[str, datetime | None] = {}
    for move, after in zip(moves, [*moves[1:], None], strict=True):
        left.pop(move.version, None)  # to the end: it is in force again
        left[move.version] = None if after is None else datetime.fromisoformat(after.created_at)
    never = sorted(path.name for path in (folder / "versions").iterdir() if path.name not in left)
    for name in (*never, *left):
        if (folder / "versions" / name).is_dir():
            version = warehouse.open(folder / "versions" / name)
            yield _Held(version=version, left=left.get(name, _made(version)))


def _last_of_each(held: list[_Held], versions: int) -> list[Version]:
    by_address: dict[ArtifactKey, list[Version]] = {}
    for one in held:
        by_address.setdefault(one.version.manifest.address, []).append(one.version)
    return [version for found in by_address.values() for version in found[-versions:]]


def _contents(
    warehouse: Warehouse, held: list[_Held], kept: set[Path], *, keep: RetentionRule
) -> Iterator[RemovalItem]:
    for one in held:
        version = one.version
        if (
            version.folder in kept
            and not keep.content(version)
            and _stands(version)
            and _can_be_made_again(warehouse, version)
        ):
            content = sum(entry.size for entry in version.manifest.files if entry.content)
            yield RemovalItem(version=version, why="its inputs make it again", size=content)


def _can_be_made_again(warehouse: Warehouse, version: Version) -> bool:
    inputs = list(inputs_in_warehouse(version.manifest))
    return bool(inputs) and all(
        any(_stands(each) for each in warehouse.with_content(address, digest)) for address, digest in inputs
    )


def _stands(version: Version) -> bool:
    """Whether every file is there with its size; bytes are not read."""
    files = ((version.folder / entry.path, entry.size) for entry in version.manifest.files)
    return all(path.is_file() and path.stat().st_size == size for path, size in files)


def _size(version: Version) -> int:
    return sum(path.stat().st_size for path in version.folder.rglob("*") if path.is_file())


def _made(version: Version) -> datetime:
    return datetime.fromisoformat(version.manifest.created_at)
