"""The warehouse: find, stage, commit.

Invariant: a version appears whole or not at all. It is staged beside its final place, fsynced, and published by one
rename; the version in force is named by the highest of numbered pointer records, each created only if absent. A
reader therefore sees the old version or the new one, and of two writers exactly one wins.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from toolft_pipeline.errors import FixableError
from toolft_pipeline.warehouse.digest import Json, file_digest
from toolft_pipeline.warehouse.lock import locked
from toolft_pipeline.warehouse.manifest import (
    MANIFEST,
    Address,
    Manifest,
    content_digest,
    encode_manifest,
    list_files,
    read_manifest,
)
from toolft_pipeline.warehouse.pointers import append_pointer, latest_pointer, pointer_history
from toolft_pipeline.warehouse.staging import fsync, fsync_tree, staged_folder, sweep

RECORDED_LIBRARIES = ("dagster", "pyarrow", "torch", "transformers", "trl", "peft", "bitsandbytes")


class WarehouseError(FixableError, RuntimeError):
    """A version cannot be read or published; one line naming the place and the mend."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A published version: its folder and its manifest. Handles travel between assets, never tables."""

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
        """The warehouse that the version lies in."""
        below = self.manifest.address.folder(Path()) / "versions" / self.folder.name
        return Warehouse(self.folder.parents[len(below.parts) - 1])


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a version is about to be made from; everything that enters its fingerprint."""

    address: Address
    fingerprint: str
    code_version: str
    settings: Json
    inputs: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a stage made in its staged folder: the content files, row counts, and the figures to show first."""

    content: tuple[str, ...]
    rows: dict[str, int]
    headline: dict[str, Json]


class Warehouse:
    """All versions below one root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def current(self, address: Address) -> Version | None:
        """The version in force, or None where nothing was ever committed."""
        pointer = latest_pointer(address.folder(self.root))
        return None if pointer is None else self.open(address.folder(self.root) / "versions" / pointer.version)

    def open(self, folder: Path) -> Version:
        """The version of a folder. Raises `WarehouseError`."""
        try:
            return Version(folder=folder, manifest=read_manifest(folder))
        except (OSError, msgspec.DecodeError) as error:
            raise WarehouseError(
                f"{folder}: its manifest cannot be read ({error}); remove the folder and rebuild"
            ) from error

    def find(self, address: Address, fingerprint: str) -> Version | None:
        """A committed version with this fingerprint whose files all verify, or None."""
        for found in self._there(sorted(address.folder(self.root).glob(f"versions/{fingerprint[:24]}-*"))):
            if found.manifest.fingerprint == fingerprint and not self.damage(found):
                return found
        return None

    def _there(self, folders: Iterable[Path]) -> Iterator[Version]:
        """The versions of some folders, without those that are gone or go while we look."""
        for folder in folders:
            try:
                yield self.open(folder)
            except WarehouseError:
                if folder.exists():
                    raise

    def reuse(self, address: Address, fingerprint: str) -> Version | None:
        """What `find` finds, put in force before anybody can remove it."""
        with locked(address.folder(self.root)):
            found = self.find(address, fingerprint)
            return None if found is None else self.point(found)

    def damage(self, version: Version) -> list[str]:
        """Names of files that are not what the manifest says; the manifest's own where it is not as it was sealed."""
        history = pointer_history(version.manifest.address.folder(self.root))
        seals = [pointer.manifest_sha256 for pointer in history if pointer.version == version.folder.name]
        altered = bool(seals) and seals[-1] not in {"", file_digest(version.folder / MANIFEST)}
        return [*([MANIFEST] if altered else []), *damaged_files(version)]

    def versions(self, address: Address) -> list[Version]:
        """The versions that were ever in force, oldest first by their first time, those that are gone left out."""
        folder = address.folder(self.root) / "versions"
        names = dict.fromkeys(pointer.version for pointer in pointer_history(folder.parent))
        return list(self._there(folder / name for name in names))

    def with_content(self, address: Address, content_digest: str) -> list[Version]:
        """Committed versions that hold this content, in any order: the same content may be made in several ways.

        Manifests are read, files are not: a version whose large files were reclaimed is still found.
        """
        folders = sorted(address.folder(self.root).glob(f"versions/*-{content_digest[:12]}"))
        return [version for version in self._there(folders) if version.manifest.content_digest == content_digest]

    def partitions(self, agent: str, asset: str) -> list[str]:
        """Partitions of an asset that have a version in force, sorted."""
        places = (self.root / agent / asset).glob("*/pointers")
        return sorted(place.parent.name for place in places if latest_pointer(place.parent) is not None)

    @contextmanager
    def staging(self, address: Address) -> Iterator[Path]:
        """An empty folder on the same file system as the final place, removed at the end whatever happens."""
        parent = address.folder(self.root) / "staging"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            sweep(parent)
            folder = staged_folder(parent)
        except OSError as error:
            raise WarehouseError(
                f"{parent}: cannot stage ({error.strerror}); free space or mend permissions"
            ) from error
        try:
            yield folder
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise WarehouseError(
                    f"{folder}: {error.strerror} while writing {address}; free space and run again; "
                    "nothing was published"
                ) from error
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def commit(self, staged: Path, recipe: Recipe, built: Built, *, run_id: str | None, started: float) -> Version:
        """Publish a staged folder and point to it; `started` is `time.monotonic()` at the stage's start.

        A version with the same fingerprint and content that is already there wins; the staged one is dropped.
        """
        files = list_files(staged, content=built.content)
        manifest = Manifest(
            address=recipe.address,
            fingerprint=recipe.fingerprint,
            content_digest=content_digest(files),
            code_version=recipe.code_version,
            settings=recipe.settings,
            inputs=recipe.inputs,
            files=files,
            rows=built.rows,
            headline=built.headline,
            libraries=_library_versions(),
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
        """Put a committed version in force; nothing is written when it already is."""
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
            grave = target.parent.parent / "damaged"
            grave.mkdir(exist_ok=True)
            target.rename(grave / f"{target.name}-{time.time_ns()}")
        try:
            staged.rename(target)
        except OSError as error:
            if not target.exists():
                raise WarehouseError(f"{target}: cannot publish ({error.strerror}); mend it and run again") from error
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
        or file_digest(path) != entry.sha256
    ]


_DISK_FULL = frozenset({28, 122})  # ENOSPC, EDQUOT


def _library_versions() -> dict[str, str]:
    found = {}
    for name in RECORDED_LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
