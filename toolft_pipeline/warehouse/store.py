"""The warehouse: find, stage and commit versions of artifacts.

Invariant: a version appears whole or not at all. It is staged on the same file system, fsynced, and published by one
rename. The highest of the numbered pointer records names the current version, and each record is created only if
absent. A reader therefore sees the old version or the new one, and exactly one of two writers wins.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from toolft_pipeline.errors import FixableError
from toolft_pipeline.warehouse.digest import Json, file_digest, remembered_file_digest
from toolft_pipeline.warehouse.libraries import library_versions
from toolft_pipeline.warehouse.lock import locked
from toolft_pipeline.warehouse.manifest import (
    MANIFEST,
    ArtifactKey,
    Manifest,
    content_digest,
    encode_manifest,
    list_files,
    read_manifest,
)
from toolft_pipeline.warehouse.pointers import append_pointer, latest_pointer, pointer_history
from toolft_pipeline.warehouse.staging import fsync, fsync_tree, remove_stale_folders, staged_folder


class WarehouseError(FixableError, RuntimeError):
    """A version cannot be read or published; the message names the folder and the fix."""


class DiskFullError(WarehouseError):
    """No space was left while a version was written; a later attempt may find some."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A published version: its folder and its manifest. Assets pass versions to each other, never tables."""

    folder: Path
    manifest: Manifest

    def file(self, name: str) -> Path:
        """A file (or folder) of the version."""
        return self.folder / name

    def settings_section(self, name: str) -> dict[str, Json]:
        """A section of the settings that the version was made with. Raises `WarehouseError` where it records none."""
        recorded = self.manifest.settings
        section = recorded.get(name) if isinstance(recorded, dict) else None
        if not isinstance(section, dict):
            raise WarehouseError(
                f"{self.manifest.address} was made by an earlier version of the code, which did not record its "
                f"`{name}` settings; materialize it again"
            )
        return section

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse that holds the version."""
        relative = self.manifest.address.folder(Path()) / "versions" / self.folder.name
        return Warehouse(self.folder.parents[len(relative.parts) - 1])


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a version will be built from: everything that enters its fingerprint."""

    address: ArtifactKey
    fingerprint: str
    code_version: str
    settings: Json
    inputs: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class BuildOutput:
    """What a build wrote to its staging folder: content files, row counts, and the figures to show first."""

    content: tuple[str, ...]
    rows: dict[str, int]
    headline: dict[str, Json]


class Warehouse:
    """All versions below one root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def current(self, address: ArtifactKey) -> Version | None:
        """The current version, or None if none was committed."""
        pointer = latest_pointer(address.folder(self.root))
        return None if pointer is None else self.open(address.folder(self.root) / "versions" / pointer.version)

    def open(self, folder: Path) -> Version:
        """Open the version in a folder. Raises `WarehouseError`."""
        try:
            return Version(folder=folder, manifest=read_manifest(folder))
        except (OSError, msgspec.DecodeError) as error:
            raise WarehouseError(
                f"{folder}: cannot read its manifest ({error}); remove the folder and rebuild"
            ) from error

    def find(self, address: ArtifactKey, fingerprint: str) -> Version | None:
        """A committed version with this fingerprint and undamaged files, or None."""
        for found in self._existing(sorted(address.folder(self.root).glob(f"versions/{fingerprint[:24]}-*"))):
            if found.manifest.fingerprint == fingerprint and not self.damage(found):
                return found
        return None

    def _existing(self, folders: Iterable[Path]) -> Iterator[Version]:
        """The versions in some folders, without those that are removed by now or meanwhile."""
        for folder in folders:
            try:
                yield self.open(folder)
            except WarehouseError:
                if folder.exists():
                    raise

    def reuse(self, address: ArtifactKey, fingerprint: str) -> Version | None:
        """Find a version and make it current, before another process can remove it."""
        with locked(address.folder(self.root)):
            found = self.find(address, fingerprint)
            return None if found is None else self.point(found)

    def damage(self, version: Version) -> list[str]:
        """Names of files that differ from the manifest, and the manifest's own name if it was altered."""
        history = pointer_history(version.manifest.address.folder(self.root))
        seals = [pointer.manifest_sha256 for pointer in history if pointer.version == version.folder.name]
        altered = bool(seals) and seals[-1] not in {"", file_digest(version.folder / MANIFEST)}
        return [*([MANIFEST] if altered else []), *damaged_files(version)]

    def versions(self, address: ArtifactKey) -> list[Version]:
        """All versions that were ever current and still exist, in the order in which they first were."""
        folder = address.folder(self.root) / "versions"
        names = dict.fromkeys(pointer.version for pointer in pointer_history(folder.parent))
        return list(self._existing(folder / name for name in names))

    def with_content(self, address: ArtifactKey, content_digest: str) -> list[Version]:
        """Committed versions with this content, in any order: the same content may come from different inputs.

        Only manifests are read, so that a version whose content was reclaimed is still found.
        """
        folders = sorted(address.folder(self.root).glob(f"versions/*-{content_digest[:12]}"))
        return [version for version in self._existing(folders) if version.manifest.content_digest == content_digest]

    def partitions(self, agent: str, asset: str) -> list[str]:
        """Partitions of an asset that have a current version, sorted."""
        folders = [path.parent for path in (self.root / agent / asset).glob("*/pointers")]
        return sorted(folder.name for folder in folders if latest_pointer(folder) is not None)

    @contextmanager
    def staging(self, address: ArtifactKey) -> Iterator[Path]:
        """An empty folder on the file system of the final folder; removed at the end of the `with` block."""
        parent = address.folder(self.root) / "staging"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            remove_stale_folders(parent)
            folder = staged_folder(parent)
        except OSError as error:
            raise WarehouseError(
                f"{parent}: cannot create a staging folder ({error.strerror}); free disk space or fix permissions"
            ) from error
        try:
            yield folder
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise DiskFullError(
                    f"{folder}: {error.strerror} while writing {address}; free disk space and run again; "
                    "nothing was published"
                ) from error
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def commit(
        self, staged: Path, recipe: Recipe, output: BuildOutput, *, run_id: str | None, started: float
    ) -> Version:
        """Publish a staged folder and make it current; `started` is `time.monotonic()` at the start of the build.

        If a version with the same fingerprint and content exists, it is kept and the staged one is dropped.
        """
        files = list_files(staged, content=output.content)
        manifest = Manifest(
            address=recipe.address,
            fingerprint=recipe.fingerprint,
            content_digest=content_digest(files),
            code_version=recipe.code_version,
            settings=recipe.settings,
            inputs=recipe.inputs,
            files=files,
            rows=output.rows,
            headline=output.headline,
            libraries=library_versions(),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            run_id=run_id,
            duration_s=round(time.monotonic() - started, 3),
        )
        (staged / MANIFEST).write_bytes(encode_manifest(manifest))
        fsync_tree(staged)
        name = version_name(recipe.fingerprint, manifest.content_digest)
        target = recipe.address.folder(self.root) / "versions" / name
        with locked(recipe.address.folder(self.root)):
            self._publish(staged, target)
            return self.point(self.open(target))

    def point(self, version: Version) -> Version:
        """Make a committed version current; writes nothing if it already is."""
        folder, seal = version.manifest.address.folder(self.root), file_digest(version.folder / MANIFEST)
        pointer = latest_pointer(folder)
        if pointer is None or (pointer.version, pointer.manifest_sha256) != (version.folder.name, seal):
            append_pointer(
                folder,
                version=version.folder.name,
                content_digest=version.manifest.content_digest,
                manifest_sha256=seal,
            )
        return version

    def _publish(self, staged: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and self.damage(self.open(target)):
            damaged = target.parent.parent / "damaged"
            damaged.mkdir(exist_ok=True)
            target.rename(damaged / f"{target.name}-{time.time_ns()}")
        try:
            staged.rename(target)
        except OSError as error:
            if not target.exists():
                raise WarehouseError(
                    f"{target}: cannot publish ({error.strerror}); fix the folder and run again"
                ) from error
        fsync(target.parent)


def version_name(fingerprint: str, content_digest: str) -> str:
    """Name of a version's folder."""
    return f"{fingerprint[:24]}-{content_digest[:12]}"


def damaged_files(version: Version) -> list[str]:
    """Names of files whose size or sha256 is not what the manifest says."""
    return [
        entry.path
        for entry in version.manifest.files
        if not (path := version.folder / entry.path).is_file()
        or path.stat().st_size != entry.size
        or remembered_file_digest(path) != entry.sha256
    ]


_DISK_FULL = frozenset({28, 122})  # ENOSPC, EDQUOT
