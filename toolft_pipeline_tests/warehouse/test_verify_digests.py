"""A byte altered anywhere in a version, or in what seals it, is named by its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.warehouse.gc import reclaim_content
from toolft_pipeline.warehouse.pointers import append_pointer, pointer_history
from toolft_pipeline.warehouse.store import Version, Warehouse, WarehouseError
from toolft_pipeline.warehouse.verify_digests import find_damage
from toolft_pipeline_tests.evaluation.model_versions import commit

DAY = "2026-10-01"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


@pytest.fixture
def version(warehouse: Warehouse) -> Version:
    return commit(warehouse, "merged_model", DAY, "weights", inputs={"adapter/all": "1" * 64}, files={"card": "text"})


def test_audit_of_a_version_as_it_was_committed_finds_nothing(warehouse: Warehouse, version: Version) -> None:
    assert find_damage(warehouse, version) == []


def _fault_of(warehouse: Warehouse, folder: Path) -> str:
    try:
        return "; ".join(find_damage(warehouse, warehouse.open(folder)))
    except WarehouseError as error:  # the manifest is no JSON any more: its folder is named
        return str(error)


def test_audit_names_every_byte_of_a_version_that_was_altered(warehouse: Warehouse, version: Version) -> None:
    """Every single byte of every file, the manifest's counts, figures and times among them."""
    for path in sorted(path for path in version.folder.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        for place in range(len(whole)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            fault = _fault_of(warehouse, version.folder)
            assert str(path) in fault or (path.name == "manifest.json" and str(version.folder) in fault), place
        path.write_bytes(whole)
    assert find_damage(warehouse, version) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "model" / "weights").unlink(), "weights: is missing"),
        (lambda folder: (folder / "card").write_text("texts"), "card: has 5 bytes, its manifest says 4"),
        (lambda folder: (folder / "model" / "more").touch(), "more: was not there when the version was committed"),
        (lambda folder: folder.rename(folder.with_name("elsewhere")), "it says that it is desk/merged_model"),
    ],
)
def test_audit_names_what_is_missing_added_or_moved(
    warehouse: Warehouse, version: Version, damage: object, said: str
) -> None:
    damage(version.folder)  # type: ignore[operator]
    (folder,) = version.folder.parent.iterdir()
    assert said in _fault_of(warehouse, folder)


def test_audit_pointer_record_of_other_content_is_named(warehouse: Warehouse, version: Version) -> None:
    folder = version.folder.parent.parent
    append_pointer(folder, version=version.folder.name, content_digest="f" * 64, manifest_sha256="")
    assert find_damage(warehouse, version) == [
        f"{folder / 'pointers' / '00000002.json'}: its content digest is not that of the version that it names"
    ]


def test_audit_content_that_retention_took_is_no_fault_and_content_that_is_half_there_is(
    warehouse: Warehouse, version: Version
) -> None:
    reclaim_content(warehouse, version)
    assert find_damage(warehouse, version) == []
    (version.folder / "model").mkdir()
    (version.folder / "model" / "weights").write_text("weight")
    assert "weights: has 6 bytes" in find_damage(warehouse, version)[0]


def test_audit_content_that_was_made_again_may_not_be_missing(warehouse: Warehouse) -> None:
    version = commit(warehouse, "merged_model", DAY, "weights")
    manifest = version.folder / "manifest.json"
    reclaim_content(warehouse, version)
    manifest.write_bytes(manifest.read_bytes() + b"\n")  # what is made again has another time, and so another manifest
    assert "weights: is missing" in find_damage(warehouse, version)[0]


def test_find_version_whose_manifest_was_altered_is_made_again_and_sealed_anew(warehouse: Warehouse) -> None:
    version = commit(warehouse, "things", DAY, "rows")
    manifest = version.folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"created_at": "20', b'"created_at": "19'))
    address, fingerprint = version.manifest.address, version.manifest.fingerprint
    assert warehouse.find(address, fingerprint) is None
    assert warehouse.reuse(address, fingerprint) is None
    again = commit(warehouse, "things", DAY, "rows")
    assert again.folder == version.folder
    assert find_damage(warehouse, again) == []
    assert warehouse.reuse(address, fingerprint) is not None
    assert len(pointer_history(version.folder.parent.parent)) == 2
