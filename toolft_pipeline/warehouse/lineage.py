"""Lineage of a version: its inputs, manifest by manifest, down to the files outside the warehouse.

Invariant: lineage follows content digests, never the current version, so that a day that was rebuilt since is not
taken for the one that was read. Retention keeps exactly the versions that are found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from toolft_pipeline.warehouse.manifest import ArtifactKey, Manifest
from toolft_pipeline.warehouse.store import Version, Warehouse, WarehouseError

FILE = "file:"
"""Prefix of the names of inputs outside the warehouse."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Some versions and everything upstream of them, each once, the given versions first.

    `gaps` has one line for each input that does not resolve, sorted. An input resolves if a committed version has its
    content and that version's own inputs resolve; a file outside the warehouse needs a recorded digest.
    """

    versions: tuple[Version, ...]
    gaps: tuple[str, ...]


def lineage_of(warehouse: Warehouse, versions: Iterable[Version]) -> Lineage:
    """Follow the inputs of some versions; reads manifests only."""
    search = _LineageSearch(warehouse)
    found: dict[ArtifactKey, dict[str, Version]] = {}
    gaps: set[str] = set()
    waiting = list(reversed(list(versions)))
    while waiting:
        version = waiting.pop()
        seen = found.setdefault(version.manifest.address, {})
        if version.folder.name in seen:
            continue
        seen[version.folder.name] = version
        gaps |= _inputs_without_digest(version.manifest)
        inputs = [search.resolve(address, digest) for address, digest in inputs_in_warehouse(version.manifest)]
        gaps.update(*(each.gaps for each in inputs))
        waiting += [each.version for each in reversed(inputs) if each.version is not None]
    return Lineage(
        versions=tuple(version for seen in found.values() for version in seen.values()), gaps=tuple(sorted(gaps))
    )


def lineage_gaps(warehouse: Warehouse, version: Version) -> list[str]:
    """One line for each upstream input of a version that does not resolve, sorted."""
    return list(lineage_of(warehouse, [version]).gaps)


def inputs_in_warehouse(manifest: Manifest) -> Iterator[tuple[ArtifactKey, str]]:
    """The inputs that are versions themselves: artifact key and the content digest that was read."""
    for name, digest in manifest.inputs.items():
        asset, separator, partition = name.partition("/")
        if separator and digest and not name.startswith(FILE):
            day = None if partition == "all" else partition
            yield ArtifactKey(agent=manifest.address.agent, asset=asset, partition=day), digest


@dataclass(frozen=True, kw_only=True)
class _ResolvedInput:
    """The version chosen for an input, and what does not resolve upstream of it."""

    version: Version | None
    gaps: frozenset[str]


class _LineageSearch:
    """Resolves inputs, each only once."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._known: dict[tuple[ArtifactKey, str], _ResolvedInput] = {}

    def resolve(self, address: ArtifactKey, digest: str) -> _ResolvedInput:
        """Choose the version with this content that has the fewest gaps, the newest of several."""
        key = (address, digest)
        if key not in self._known:
            self._known[key] = self._search(address, digest)
        return self._known[key]

    def _search(self, address: ArtifactKey, digest: str) -> _ResolvedInput:
        try:
            versions = self._warehouse.with_content(address, digest)
        except WarehouseError as error:
            return _ResolvedInput(version=None, gaps=frozenset({str(error)}))
        candidates = [_ResolvedInput(version=version, gaps=self._gaps(version.manifest)) for version in versions]
        if not candidates:
            return _ResolvedInput(
                version=None, gaps=frozenset({f"{address}: no version has the content {digest[:16]}"})
            )
        newest_first = sorted(candidates, key=_built_at, reverse=True)
        return min(newest_first, key=lambda each: len(each.gaps))

    def _gaps(self, manifest: Manifest) -> frozenset[str]:
        upstream = (self.resolve(address, digest).gaps for address, digest in inputs_in_warehouse(manifest))
        return frozenset(_inputs_without_digest(manifest).union(*upstream))


def _inputs_without_digest(manifest: Manifest) -> set[str]:
    """One line for each input that a manifest names without a digest."""
    return {
        f"{manifest.address}: no digest of {name} was recorded"
        for name, digest in manifest.inputs.items()
        if not digest
    }


def _built_at(candidate: _ResolvedInput) -> tuple[str, str]:
    assert candidate.version is not None, "candidates are versions that were found"
    return candidate.version.manifest.created_at, candidate.version.folder.name
