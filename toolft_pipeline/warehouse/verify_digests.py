"""Verification of a committed version: recompute every digest and compare it with the records.

Invariant: a byte altered anywhere in a version's folder, or in the pointer records that name it, is reported with its
file. Counts, figures and times, which no digest covers, are protected by the manifest's digest in the pointer records.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from toolft_pipeline.warehouse.digest import file_digest
from toolft_pipeline.warehouse.gc import is_reclaimed
from toolft_pipeline.warehouse.manifest import MANIFEST, content_digest, fingerprint_of
from toolft_pipeline.warehouse.pointers import Pointer, pointer_files
from toolft_pipeline.warehouse.store import Version, Warehouse, version_name


def find_damage(warehouse: Warehouse, version: Version) -> list[str]:
    """Return one line for each difference between a version and what was committed.

    Content that retention reclaimed (`is_reclaimed`) may be missing, but only all of it.
    """
    return [*_manifest_damage(warehouse, version), *_file_damage(version), *_pointer_damage(warehouse, version)]


def _manifest_damage(warehouse: Warehouse, version: Version) -> Iterator[str]:
    manifest, path = version.manifest, version.folder / MANIFEST
    if content_digest(manifest.files) != manifest.content_digest:
        yield f"{path}: its content digest does not match the files that it lists"
    made_from = fingerprint_of(
        code_version=manifest.code_version, settings=manifest.settings, inputs=dict(manifest.inputs)
    )
    if made_from != manifest.fingerprint:
        yield f"{path}: its fingerprint does not match its code version, settings and inputs"
    name = version_name(manifest.fingerprint, manifest.content_digest)
    if version.folder != manifest.address.folder(warehouse.root) / "versions" / name:
        yield f"{path}: it belongs to {manifest.address} {name}"


def _file_damage(version: Version) -> Iterator[str]:
    reclaimed = is_reclaimed(version)
    listed = {MANIFEST}
    for entry in version.manifest.files:
        listed.add(entry.path)
        path = version.folder / entry.path
        if not path.is_file():
            if not (reclaimed and entry.content):
                yield f"{path}: missing"
        elif path.stat().st_size != entry.size:
            yield f"{path}: has {path.stat().st_size} bytes, the manifest says {entry.size}"
        elif (digest := file_digest(path)) != entry.sha256:
            yield f"{path}: sha256 is {digest[:16]}, the manifest says {entry.sha256[:16]}"
    for path in sorted(path for path in version.folder.rglob("*") if path.is_file()):
        if path.relative_to(version.folder).as_posix() not in listed:
            yield f"{path}: not in the manifest"


def _pointer_damage(warehouse: Warehouse, version: Version) -> Iterator[str]:
    """Compare a version with the pointer records; the newest that names it holds its manifest's digest."""
    sealed = ""
    for path in pointer_files(version.manifest.address.folder(warehouse.root)):
        try:
            pointer = msgspec.json.decode(path.read_bytes(), type=Pointer)
        except msgspec.DecodeError as error:
            yield f"{path}: cannot be read ({error})"
            continue
        if pointer.version == version.folder.name:
            sealed = pointer.manifest_sha256
            if pointer.content_digest != version.manifest.content_digest:
                yield f"{path}: its content digest does not match the version that it names"
    if sealed and sealed != file_digest(version.folder / MANIFEST):
        yield f"{version.folder / MANIFEST}: changed since the version was made current"
