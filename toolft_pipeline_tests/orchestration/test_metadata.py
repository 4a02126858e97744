"""What is shown of a version, and in which order."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from toolft_pipeline.orchestration.metadata import shown, version_metadata
from toolft_pipeline.stages.spec.stage import Group, Plot, Stage
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import Address, fingerprint_of
from toolft_pipeline.warehouse.store import Built, Recipe, Version, Warehouse
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.evaluation.model_versions import AGENT

STAGE = Stage(
    asset="things",
    description="",
    group=Group.DATA,
    kinds=(),
    code_version="1",
    inputs={},
    build=lambda _work: Built(content=(), rows={}, headline={}),
    plots=lambda _version, _settings: {"by_kind": Plot(png=b"picture", summary="| | | |")},
    texts=lambda _version: {"verdict": "refused", "example": "long " * 300},
    page="page.html",
    unshown=frozenset({"limit"}),
)


@pytest.fixture
def version(tmp_path: Path) -> Version:
    warehouse, address = Warehouse(tmp_path), Address(agent=AGENT, asset="things")
    recipe = Recipe(
        address=address,
        fingerprint=fingerprint_of(code_version="1", settings={}, inputs={}),
        code_version="1",
        settings={},
        inputs={},
    )
    headline: dict[str, Json] = {"share": 0.5, "by_kind": {"a": 1}, "limit": 3, "nothing": None, "tools": {"search": 2}}
    with warehouse.staging(address) as staged:
        (staged / "page.html").write_text("page")
        built = Built(content=("page.html",), rows={"runs": 7}, headline=headline)
        return warehouse.commit(staged, recipe, built, run_id=None, started=0.0)


def test_metadata_begins_with_the_verdict_and_ends_with_where_it_lies(version: Version, tmp_path: Path) -> None:
    assert list(version_metadata(STAGE, version, agent(tmp_path), reused=True)) == [
        "verdict",
        "rows/runs",
        "dagster/row_count",
        "share",
        "by_kind",
        "tools",
        "page",
        "page_path",
        "picture/by_kind",
        "example",
        "version/reused",
        "version/seconds",
        "version/bytes",
        "version/place",
    ]


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (True, dg.BoolMetadataValue, "True"),
        (3, dg.IntMetadataValue, "3"),
        (0.5, dg.FloatMetadataValue, "0.5"),
        ("word", dg.TextMetadataValue, "word"),
        ([], dg.TextMetadataValue, "none"),
        ({}, dg.TextMetadataValue, "none"),
        (["one", "two"], dg.TextMetadataValue, "one\ntwo"),
        ({"search": 2}, dg.MarkdownMetadataValue, "| search | 2 |"),
        ({"search": "fine"}, dg.JsonMetadataValue, "fine"),
        ([1, 2], dg.JsonMetadataValue, "2"),
    ],
)
def test_shown_numbers_stay_numbers_and_counts_become_a_table(value: Json, kind: type, text: str) -> None:
    found = shown(value)
    assert isinstance(found, kind)
    assert text in str(found.value)
