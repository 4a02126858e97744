"""BFCL beside the agent's tasks: versions of their own, one a model, and nothing at all where no folder is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.evaluation.bfcl.questions import BfclError
from toolft_pipeline.evaluation.models.prompting import PromptPolicy
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.eval_report import STAGE
from toolft_pipeline.stages.evaluations.bfcl_evaluations import bfcl_reads, bfcl_results, bfcl_sources
from toolft_pipeline.stages.evaluations.evaluations import EVALUATION, ComparedModel
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.warehouse.store import Warehouse
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.evaluation.bfcl.test_questions import write_sets


def desk(folder: Path, **evaluation: Any) -> AgentSettings:
    return agent(folder, evaluation=evaluation)


def test_bfcl_without_a_folder_reads_nothing_and_asks_nobody(tmp_path: Path) -> None:
    settings = desk(tmp_path)
    assert (bfcl_reads(settings), bfcl_sources(settings)) == ({}, {})
    assert bfcl_results(_work(tmp_path, settings, []), [_contender("candidate", tmp_path, PromptPolicy.NONE)]) == {}


def test_bfcl_folder_makes_the_report_again_and_asks_no_model_the_agents_tasks_again(tmp_path: Path) -> None:
    plain, with_it = desk(tmp_path), desk(tmp_path, bfcl="sets")
    assert EVALUATION.fingerprint_settings(plain) == EVALUATION.fingerprint_settings(with_it)
    assert STAGE.fingerprint_settings(plain) != STAGE.fingerprint_settings(with_it)


def test_bfcl_irrelevance_has_a_count_of_its_own(tmp_path: Path) -> None:
    """25 answers a set are enough to look at; the gate needs some 200."""
    assert bfcl_reads(desk(tmp_path, bfcl="sets")) == {
        "bfcl": {"simple_python": 25, "multiple": 25, "parallel": 25, "irrelevance": 200}
    }


def test_bfcl_sources_change_with_the_questions(tmp_path: Path) -> None:
    settings = desk(tmp_path, bfcl="sets")
    assert bfcl_sources(settings) == {}  # the stage says what is missing
    file = write_sets(tmp_path / "sets") / "possible_answer" / "BFCL_v4_parallel.json"
    before = bfcl_sources(settings)
    file.write_text(file.read_text().replace("1.5", "2.5"))
    assert before.keys() == bfcl_sources(settings).keys() == {"bfcl"}
    assert bfcl_sources(settings) != before


def test_bfcl_rates_of_an_empty_folder_are_one_line_with_the_fix(tmp_path: Path) -> None:
    settings = desk(tmp_path, bfcl="nowhere")
    with pytest.raises(BfclError, match=r"no BFCL_v4_simple_python\.json; set evaluation\.bfcl"):
        bfcl_results(_work(tmp_path, settings, []), [])


def test_bfcl_rates_a_folder_under_two_prompts_is_asked_once_and_reused(
    tmp_path: Path, tiny_model_folder: Path
) -> None:
    write_sets(tmp_path / "sets", count=1)
    settings = desk(tmp_path, bfcl="sets", max_new_tokens=2)
    base = [_contender(name, tiny_model_folder, policy) for name, policy in
            (("base", PromptPolicy.FEW_SHOT), ("base_catalog", PromptPolicy.FULL_CATALOG))]  # fmt: skip
    said: list[str] = []
    first = bfcl_results(_work(tmp_path, settings, said), base)
    assert list(first) == ["base"]
    assert {of: rate.n for of, rate in first["base"].rates.items()} == dict.fromkeys(
        ("simple_python", "multiple", "parallel", "irrelevance"), 1
    )
    (right,) = first["base"].irrelevance.values()
    assert right is (first["base"].rates["irrelevance"].right.value == 1)
    assert len([line for line in said if "questions of BFCL" in line]) == 1
    assert bfcl_results(_work(tmp_path, settings, said), base) == first
    assert said[-1].endswith(": reused")


def _contender(name: str, folder: Path, policy: PromptPolicy) -> ComparedModel:
    return ComparedModel(name=name, folder=folder, digest="d" * 64, policy=policy)


def _work(root: Path, settings: AgentSettings, said: list[str]) -> BuildContext:
    return BuildContext(
        settings=settings, partition="2026-10-02", inputs={}, out=root, scratch=root,
        warehouse=Warehouse(root / "warehouse"), progress=said.append, run_id=None,
    )  # fmt: skip
