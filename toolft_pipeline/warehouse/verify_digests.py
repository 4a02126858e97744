"""Every digest that a version carries, computed again.

Invariant: a byte that was altered anywhere in a version's folder or in the records that name it is found, and named
by its file. What no digest covers (counts, figures, times) is held by the seal in the pointer records.
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
    """What of a version is not as it was committed, one line each; empty where every digest is right.

    Files that retention took away (`is_reclaimed`) are no fault as long as all of them are away.
    """
    return [*_manifest_faults(warehouse, version), *_file_faults(version), *_record_faults(warehouse, version)]


def _manifest_faults(warehouse: Warehouse, version: Version) -> Iterator[str]:
    manifest, path = version.manifest, version.folder / MANIFEST
    if content_digest(manifest.files) != manifest.content_digest:
        yield f"{path}: its content digest is not that of the files that it lists"
    made_from = fingerprint_of(
        code_version=manifest.code_version, settings=manifest.settings, inputs=dict(manifest.inputs)
    )
    if made_from != manifest.fingerprint:
        yield f"{path}: its fingerprint is not that of the code version, settings and inputs that it names"
    name = version_name(manifest.fingerprint, manifest.content_digest)
    if version.folder != manifest.address.folder(warehouse.root) / "versions" / name:
        yield f"{path}: it says that it is {manifest.address} {name}"


def _file_faults(version: Version) -> Iterator[str]:
    away = is_reclaimed(version)
    listed = {MANIFEST}
    for entry in version.manifest.files:
        listed.add(entry.path)
        path = version.folder / entry.path
        if not path.is_file():
            if not (away and entry.content):
                yield f"{path}: is missing"
        elif path.stat().st_size != entry.size:
            yield f"{path}: has {path.stat().st_size} bytes, its manifest says {entry.size}"
        elif (found := file_digest(path)) != entry.sha256:
            yield f"{path}: sha256 is {found[:16]}, its manifest says {entry.sha256[:16]}"
    for path in sorted(path for path in version.folder.rglob("*") if path.is_file()):
        if path.relative_to(version.folder).as_posix() not in listed:
            yield f"{path}: was not there when the version was committed"


def _record_faults(warehouse: Warehouse, version: Version) -> Iterator[str]:
    """What the pointer records say of the version; the newest that names it has its seal."""
    seal = ""
    for path in pointer_files(version.manifest.address.folder(warehouse.root)):
        try:
            pointer = msgspec.json.decode(path.read_bytes(), type=Pointer)
        except msgspec.DecodeError as error:
            yield f"{path}: cannot be read ({error})"
            continue
        if pointer.version == version.folder.name:
            seal = pointer.manifest_sha256
            if pointer.content_digest != version.manifest.content_digest:
                yield f"{path}: its content digest is not that of the version that it names"
    if seal and seal != file_digest(version.folder / MANIFEST):
        yield f"{version.folder / MANIFEST}: is not as it was when the version was put in force"
