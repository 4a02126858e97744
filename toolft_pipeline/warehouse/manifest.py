"""The commit record of a version.

Invariant: the content digest covers what downstream stages read and nothing else. Reports, rejects, times and
durations are in the manifest or in files outside the content, so that nothing downstream of equal content is rebuilt.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from toolft_pipeline.warehouse.digest import Digest, Json, digest_of, file_digest

MANIFEST = "manifest.json"


class ArtifactKey(Struct, frozen=True, kw_only=True, order=True):
    """Identity of an artifact: agent, asset, and partition (None for an asset without partitions)."""

    agent: str
    asset: str
    partition: str | None = None

    def folder(self, root: Path) -> Path:
        """The folder of the artifact's versions."""
        return root / self.agent / self.asset / (self.partition or "all")

    def __str__(self) -> str:
        return "/".join(part for part in (self.agent, self.asset, self.partition) if part)


class FileEntry(Struct, frozen=True, kw_only=True):
    """One file of a version; `path` is relative to its folder, and `content` files enter the content digest."""

    path: str
    size: int
    sha256: str
    content: bool


class Manifest(Struct, frozen=True, kw_only=True):
    """What a version is, what it was built from, and (outside every digest) when and by which run."""

    address: ArtifactKey
    fingerprint: str
    content_digest: str
    code_version: str
    settings: Json
    inputs: dict[str, str]
    """Content digest of each input, by `asset/partition` or the name of a source outside the warehouse."""
    files: tuple[FileEntry, ...]
    rows: dict[str, int]
    headline: dict[str, Json]
    """The figures to show first."""
    libraries: dict[str, str]
    created_at: str
    run_id: str | None
    duration_s: float


def fingerprint_of(*, code_version: str, settings: Json, inputs: dict[str, str]) -> Digest:
    """Digest that decides whether a version can be reused: code version, settings read, content of the inputs."""
    return digest_of({"code_version": code_version, "settings": settings, "inputs": dict(inputs)})


def list_files(folder: Path, *, content: tuple[str, ...]) -> tuple[FileEntry, ...]:
    """List every file below a staging folder. `content` names files or folders, each of which must exist."""
    for name in content:
        if not (folder / name).exists():
            raise FileNotFoundError(f"{folder / name}: the stage declares this as content but did not write it")
    entries = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        inside = any(name == item or name.startswith(f"{item}/") for item in content)
        entries.append(FileEntry(path=name, size=path.stat().st_size, sha256=file_digest(path), content=inside))
    return tuple(entries)


def content_digest(files: tuple[FileEntry, ...]) -> Digest:
    """Digest of names and bytes of the content files."""
    return digest_of({entry.path: entry.sha256 for entry in files if entry.content})


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest in a version's folder. Raises `FileNotFoundError`, or `msgspec.DecodeError` if damaged."""
    return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)


def encode_manifest(manifest: Manifest) -> bytes:
    """Encode a manifest as indented JSON, for people to read."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2)
