"""What a version was made from, followed manifest by manifest to the files outside the warehouse.

Invariant: lineage is followed by content digest, never by what is in force today, so that a day that was made again
since does not stand in for the one that was read. Retention keeps the very ways that are followed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from toolft_pipeline.warehouse.manifest import ArtifactKey, Manifest
from toolft_pipeline.warehouse.store import Version, Warehouse, WarehouseError

FILE = "file:"
"""How the name of an input begins that lies outside the warehouse."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """The versions at the end of a flow and all that they were made from, each once, the end first.

    `gaps` has what does not resolve, one line each, sorted; empty where all of it does. An input resolves where a
    committed version holds its content and that version's own inputs resolve. Of a file outside the warehouse the
    digest alone is kept; it must be there.
    """

    versions: tuple[Version, ...]
    gaps: tuple[str, ...]


def lineage_of(warehouse: Warehouse, versions: Iterable[Version]) -> Lineage:
    """Follow the inputs of some versions. Manifests are read, files are not."""
    walk = _Walk(warehouse)
    found: dict[ArtifactKey, dict[str, Version]] = {}
    gaps: set[str] = set()
    waiting = list(reversed(list(versions)))
    while waiting:
        version = waiting.pop()
        seen = found.setdefault(version.manifest.address, {})
        if version.folder.name in seen:
            continue
        seen[version.folder.name] = version
        gaps |= _unnamed(version.manifest)
        ways = [walk.way(address, digest) for address, digest in inputs_in_warehouse(version.manifest)]
        gaps.update(*(way.gaps for way in ways))
        waiting += [way.version for way in reversed(ways) if way.version is not None]
    return Lineage(
        versions=tuple(version for seen in found.values() for version in seen.values()), gaps=tuple(sorted(gaps))
    )


def lineage_gaps(warehouse: Warehouse, version: Version) -> list[str]:
    """What of a version's ancestry does not resolve, one line each, sorted."""
    return list(lineage_of(warehouse, [version]).gaps)


def inputs_in_warehouse(manifest: Manifest) -> Iterator[tuple[ArtifactKey, str]]:
    """The inputs that are versions themselves, as where they lie and the content digest that was read."""
    for name, digest in manifest.inputs.items():
        asset, separator, partition = name.partition("/")
        if separator and digest and not name.startswith(FILE):
            yield (
                ArtifactKey(
                    agent=manifest.address.agent, asset=asset, partition=None if partition == "all" else partition
                ),
                digest,
            )


@dataclass(frozen=True, kw_only=True)
class _Way:
    """The version that stands for an input, and what of its ancestry does not resolve."""

    version: Version | None
    gaps: frozenset[str]


class _Walk:
    """Each input is looked up once."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._known: dict[tuple[ArtifactKey, str], _Way] = {}

    def way(self, address: ArtifactKey, digest: str) -> _Way:
        """Of the versions with a content the one with the fewest gaps, and of those the one made last."""
        key = (address, digest)
        if key not in self._known:
            self._known[key] = self._look(address, digest)
        return self._known[key]

    def _look(self, address: ArtifactKey, digest: str) -> _Way:
        try:
            versions = self._warehouse.with_content(address, digest)
        except WarehouseError as error:
            return _Way(version=None, gaps=frozenset({str(error)}))
        ways = [_Way(version=version, gaps=self._gaps(version.manifest)) for version in versions]
        if not ways:
            return _Way(version=None, gaps=frozenset({f"{address}: no version holds the content {digest[:16]}"}))
        newest_first = sorted(ways, key=_made, reverse=True)
        return min(newest_first, key=lambda way: len(way.gaps))

    def _gaps(self, manifest: Manifest) -> frozenset[str]:
        below = (self.way(address, digest).gaps for address, digest in inputs_in_warehouse(manifest))
        return frozenset(_unnamed(manifest).union(*below))


def _unnamed(manifest: Manifest) -> set[str]:
    """Inputs that a manifest names without a digest."""
    return {
        f"{manifest.address}: no digest of {name} was recorded"
        for name, digest in manifest.inputs.items()
        if not digest
    }


def _made(way: _Way) -> tuple[str, str]:
    assert way.version is not None, "a way that was looked up has a version"
    return way.version.manifest.created_at, way.version.folder.name
