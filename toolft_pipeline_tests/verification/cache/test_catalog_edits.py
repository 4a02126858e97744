"""Whatever the catalog becomes, a day that takes over verdicts has the bytes of a full rebuild."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
import yaml

from toolft_pipeline.catalog.tool import Catalog, Tool
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.verification import check_runs
from toolft_pipeline.verification.cache import verdict_cache
from toolft_pipeline.verification.cache.catalog_index import CatalogIndex
from toolft_pipeline.verification.cache.day_record import read_record
from toolft_pipeline.verification.catalog_impact import VerifiedDay, preview_day
from toolft_pipeline.verification.day import DaySources
from toolft_pipeline.verification.rules.catalog_words import ToolSchemas
from toolft_pipeline.verification.rules.rule_set import load_rules
from toolft_pipeline_tests.verification.cache.random_edits import fast_site, random_edit
from toolft_pipeline_tests.verification.cache.site import DAY, cached, same_files


@pytest.mark.parametrize("seed", range(3))
def test_random_edits_give_the_bytes_of_a_full_rebuild(seed: int, assistant_folder: Path, tmp_path: Path) -> None:
    site, random = fast_site(assistant_folder, tmp_path), Random(seed)
    path = site.settings.path("catalog.json")
    tools, renames = json.loads(path.read_text())["tools"], dict[str, str]()
    last = site.build("start")
    taken = copied = 0
    for number in range(10):
        for _ in range(random.choice([1, 1, 2])):
            random_edit(random, tools, renames)
        path.write_text(json.dumps({"tools": tools}))
        site.settings.path("renames.yaml").write_text(yaml.safe_dump(renames))
        edited, fresh = site.build(f"edited-{number}", before=last), site.build(f"fresh-{number}")
        assert same_files(edited, fresh)
        taken += cached(edited)
        copied += cached(edited) == edited.summary.trajectories
        today, proposal = (
            load_rules(catalog=built.catalog, settings=site.settings, key=surrogate_key()) for built in (last, fresh)
        )
        day = VerifiedDay(day=DAY, raw=site.root / "raw", verified=last.out, sources=DaySources(backend="b", runs="r"))
        preview = preview_day(day, settings=site.settings, today=today, proposal=proposal)
        assert {run.trajectory_id for run in preview.lost} == last.accepted - fresh.accepted
        assert (preview.kept, preview.regained) == (
            len(last.accepted & fresh.accepted),
            len(fresh.accepted - last.accepted),
        )
        assert dict(preview.tools) == fresh.summary.tools
        last = edited
    assert copied > 0
    assert taken > 10


def test_description_of_another_tool_reopens_what_it_grounds(assistant_folder: Path, tmp_path: Path) -> None:
    site = fast_site(assistant_folder, tmp_path)
    first = site.build("first")
    assert "added-0" not in first.accepted
    site.edit("catalog.json", "Work out an arithmetic expression.", "Work out an expression of at most 500 signs.")
    edited = site.build("edited", before=first)
    assert "added-0" in edited.accepted
    assert same_files(edited, site.build("fresh"))
    assert cached(edited) > 0


def test_new_rename_reopens_runs_with_the_old_name(assistant_folder: Path, tmp_path: Path) -> None:
    site = fast_site(assistant_folder, tmp_path)
    first = site.build("first")
    site.settings.path("renames.yaml").write_text("look_up: search\n")
    edited = site.build("edited", before=first)
    assert cached(edited) == first.summary.trajectories - 1
    assert edited.summary.renamed == 1
    assert same_files(edited, site.build("fresh"))


def test_lookups_in_the_files_cannot_be_read_without_the_key(
    assistant_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = fast_site(assistant_folder, tmp_path)
    first = read_record(site.build("first").out)
    monkeypatch.setenv("TOOLFT_HMAC_KEY", "another")
    other = read_record(site.build("other").out)
    assert first is not None
    assert other is not None
    assert not set(first.catalog_lookups) & set(other.catalog_lookups)
    assert check_runs.verify_runs.__name__ in verdict_cache._RULES


def test_declaring_a_tool_to_read_reopens_the_runs_that_use_it() -> None:
    def digest(reads: bool | None) -> str:
        catalog = Catalog(tools=(Tool(name="book", description="", parameters={}, reads=reads),))
        index = CatalogIndex(catalog, renames={}, schemas=ToolSchemas(), key=b"key")
        return index.digest(index.ids(["tool:book"]))

    assert len({digest(reads) for reads in (None, True, False)}) == 3
