"""The circle's benchmark on a random model: nothing succeeds, every run is ingested, and each leads to its model."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest

from benchmarks.serving_circle import lines, measure
from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.rendering.serving import install_chat_format
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.stages import tool_catalog
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.warehouse.store import Version
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.engines.decoded_models import TinyModel
from toolft_pipeline_tests.serving.desk_warehouse import AGENT, DeskWarehouse

pytestmark = pytest.mark.slow  # two servers, each a process of its own

FORMAT = "gemma3"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    """An agent with a random model of real weights in service."""
    folder = tmp_path / "agents" / AGENT
    shutil.copytree(REPOSITORY / "data" / "assistant", folder)
    tiny = TinyModel(tmp_path / FORMAT, FORMAT)
    install_chat_format(tiny.tokenizer, FORMATS[FORMAT], CatalogMode.NONE)
    tiny.tokenizer.save_pretrained(tiny.folder)
    desk = DeskWarehouse(tmp_path, format_name=FORMAT)
    catalog, _ = run_stage(
        tool_catalog.STAGE,
        load_agent(folder / "agent.yaml"),
        None,
        desk.warehouse,
        progress=lambda _line: None,
        run_id=None,
    )
    made = desk.model("2026-10-05", "random", rows=desk.rows("2026-10-04", catalog), folder=tiny.folder)
    desk.promote(made)
    monkeypatch.setenv("TOOLFT_AGENTS", str(tmp_path / "agents"))
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(desk.warehouse.root))
    return made


def test_circle_of_a_random_model_closes_and_leaves_no_trace(model: Version, tmp_path: Path) -> None:
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    options = argparse.Namespace(
        agent=AGENT, tasks=3, threads=1, agents=2, set=["serving.limits.new_tokens=16", "sandbox.sessions=1"]
    )
    figures = measure(options)
    assert figures["gaps"] == []
    assert figures["digest"] == model.manifest.content_digest
    assert (figures["tasks"], figures["runs_ingested"], figures["feedback_late"]) == (3, 3, 1)
    assert (figures["states_right"], figures["passed"], figures["runs_accepted"]) == (0, 0, 0)
    assert figures["turns"] == 3 + figures["retries"]
    assert figures["catalog_tokens_saved"] == 0  # no turn took the incumbent's place
    assert "the circle is closed" in lines(figures)
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before
