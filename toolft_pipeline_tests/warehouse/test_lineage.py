from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from toolft_pipeline.warehouse.lineage import lineage_gaps, lineage_of
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.evaluation.model_versions import commit

DAY = "2026-10-01"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


@pytest.fixture
def chain(warehouse: Warehouse) -> dict[str, Version]:
    """raw <- verified <- model, the model on the base too."""
    raw = commit(warehouse, "raw", DAY, "raw", inputs={f"file:{DAY}.jsonl": "1" * 64})
    verified = commit(warehouse, "verified", DAY, "verified", inputs={f"raw/{DAY}": raw.manifest.content_digest})
    base = commit(warehouse, "base", None, "base")
    made_from = {f"verified/{DAY}": verified.manifest.content_digest, "base/all": base.manifest.content_digest}
    model = commit(warehouse, "model", DAY, "model", inputs=made_from)
    return {"raw": raw, "verified": verified, "base": base, "model": model}


def made_in_this_order(*versions: Version) -> None:
    """Write times a second apart into the manifests: versions of one second are in no order."""
    for second, version in enumerate(versions):
        manifest = version.folder / "manifest.json"
        text = manifest.read_text()
        manifest.write_text(text.replace(version.manifest.created_at, f"2026-10-01T00:00:0{second}+00:00"))


def test_lineage_of_a_whole_chain_has_no_gap(warehouse: Warehouse, chain: dict[str, Version]) -> None:
    assert lineage_gaps(warehouse, chain["model"]) == []


def test_lineage_holds_every_version_upstream_once(warehouse: Warehouse, chain: dict[str, Version]) -> None:
    found = lineage_of(warehouse, [chain["model"]]).versions
    assert sorted(version.folder for version in found) == sorted(version.folder for version in chain.values())


def test_lineage_of_two_ways_to_one_content_takes_the_newest(warehouse: Warehouse, chain: dict[str, Version]) -> None:
    """Both ways are whole; which folder's name sorts first plays no part."""
    day = chain["raw"].manifest.content_digest
    others = [{f"raw/{DAY}": day, f"file:{number}": str(number) * 64} for number in range(1, 5)]
    versions = [chain["verified"], *(commit(warehouse, "verified", DAY, "verified", inputs=made) for made in others)]
    made_in_this_order(*versions)
    found = lineage_of(warehouse, [chain["model"]]).versions
    assert [each.folder for each in found if each.manifest.address.asset == "verified"] == [versions[-1].folder]


@pytest.mark.parametrize("lost", ["raw", "verified", "base"])
def test_lineage_version_that_is_gone_is_a_gap_however_far_back(
    warehouse: Warehouse, chain: dict[str, Version], lost: str
) -> None:
    shutil.rmtree(chain[lost].folder)
    (gap,) = lineage_gaps(warehouse, chain["model"])
    digest = chain[lost].manifest.content_digest[:16]
    assert gap == f"{chain[lost].manifest.address}: no version has the content {digest}"


def test_lineage_follows_content_and_not_what_is_in_force_today(
    warehouse: Warehouse, chain: dict[str, Version]
) -> None:
    commit(warehouse, "raw", DAY, "made again with other content")
    assert lineage_gaps(warehouse, chain["model"]) == []
    shutil.rmtree(chain["raw"].folder)
    assert len(lineage_gaps(warehouse, chain["model"])) == 1


def test_lineage_one_whole_way_to_the_same_content_is_enough(warehouse: Warehouse, chain: dict[str, Version]) -> None:
    again = commit(warehouse, "verified", DAY, "verified", inputs={f"raw/{DAY}": "f" * 64})
    assert again.folder != chain["verified"].folder
    assert again.manifest.content_digest == chain["verified"].manifest.content_digest
    made_in_this_order(chain["verified"], again)
    assert lineage_gaps(warehouse, chain["model"]) == []


def test_lineage_damaged_manifest_is_a_gap(warehouse: Warehouse, chain: dict[str, Version]) -> None:
    (chain["verified"].folder / "manifest.json").write_text("{")
    (gap,) = lineage_gaps(warehouse, chain["model"])
    assert "cannot read its manifest" in gap


def test_lineage_file_without_a_digest_is_a_gap(warehouse: Warehouse) -> None:
    raw = commit(warehouse, "raw", DAY, "raw", inputs={"file:day.jsonl": ""})
    assert lineage_gaps(warehouse, raw) == [f"desk/raw/{DAY}: no digest of file:day.jsonl was recorded"]
