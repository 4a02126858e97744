"""A byte altered anywhere in a version or in its pointer records is reported with its file."""

from __future__ import annotations

import json
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


def test_committed_version_has_no_damage(warehouse: Warehouse, version: Version) -> None:
    assert find_damage(warehouse, version) == []


def _damage_of(warehouse: Warehouse, folder: Path) -> str:
    try:
        return "; ".join(find_damage(warehouse, warehouse.open(folder)))
    except WarehouseError as error:  # the manifest is not JSON any more: the error names its folder
        return str(error)


def test_every_altered_byte_is_reported(warehouse: Warehouse, version: Version) -> None:
    """Every single byte of every file, the manifest's counts, figures and times among them."""
    for path in sorted(path for path in version.folder.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        for place in range(len(whole)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            reported = _damage_of(warehouse, version.folder)
            assert str(path) in reported or (path.name == "manifest.json" and str(version.folder) in reported), place
        path.write_bytes(whole)
    assert find_damage(warehouse, version) == []


@pytest.mark.parametrize(
    ("damage", "reported"),
    [
        (lambda folder: (folder / "model" / "weights").unlink(), "weights: missing"),
        (lambda folder: (folder / "card").write_text("texts"), "card: has 5 bytes, the manifest says 4"),
        (lambda folder: (folder / "model" / "more").touch(), "more: not in the manifest"),
        (lambda folder: folder.rename(folder.with_name("elsewhere")), "it belongs to desk/merged_model"),
    ],
)
def test_missing_added_and_moved_files_are_reported(
    warehouse: Warehouse, version: Version, damage: object, reported: str
) -> None:
    damage(version.folder)  # type: ignore[operator]
    (folder,) = version.folder.parent.iterdir()
    assert reported in _damage_of(warehouse, folder)


def test_pointer_record_of_other_content_is_reported(warehouse: Warehouse, version: Version) -> None:
    folder = version.folder.parent.parent
    append_pointer(folder, version=version.folder.name, content_digest="f" * 64, manifest_sha256="")
    assert find_damage(warehouse, version) == [
        f"{folder / 'pointers' / '00000002.json'}: its content digest does not match the version that it names"
    ]


@pytest.mark.parametrize(
    "change", [{"settings": {"rank": 32}}, {"code_version": "other"}, {"inputs": {"adapter/all": "2" * 64}}]
)
def test_manifest_with_other_settings_is_reported(
    warehouse: Warehouse, version: Version, change: dict[str, object]
) -> None:
    """No pointer record is asked: the fingerprint itself must follow from what the manifest names."""
    path = version.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    expected = f"{path}: its fingerprint does not match its code version, settings and inputs"
    assert expected in find_damage(warehouse, warehouse.open(version.folder))


def test_reclaimed_content_may_be_missing_but_not_in_part(warehouse: Warehouse, version: Version) -> None:
    reclaim_content(warehouse, version)
    assert find_damage(warehouse, version) == []
    (version.folder / "model").mkdir()
    (version.folder / "model" / "weights").write_text("weight")
    assert "weights: has 6 bytes" in find_damage(warehouse, version)[0]


def test_rebuilt_content_may_not_be_missing(warehouse: Warehouse) -> None:
    version = commit(warehouse, "merged_model", DAY, "weights")
    manifest = version.folder / "manifest.json"
    reclaim_content(warehouse, version)
    manifest.write_bytes(manifest.read_bytes() + b"\n")  # a rebuilt version has another time, and so another manifest
    assert "weights: missing" in find_damage(warehouse, version)[0]


def test_version_with_an_altered_manifest_is_rebuilt(warehouse: Warehouse) -> None:
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
