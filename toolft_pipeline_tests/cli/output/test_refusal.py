"""A refusal is explained to someone who sees it for the first time: each bar, the distance, the next command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from toolft_pipeline.cli.output.refusal import refusal_lines
from toolft_pipeline.evaluation.promotion.gate import CandidateStatus, decide_promotion
from toolft_pipeline.evaluation.promotion.verdict import ServedFigures
from toolft_pipeline.evaluation.scoring.intervals import wilson
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import AgentSettings, GateSettings
from toolft_pipeline_tests.evaluation.figures import figures
from toolft_pipeline_tests.training.made_rows import agent

GATE = GateSettings()


def explained(
    candidate: ModelMetrics, *, settings: AgentSettings, proven: bool = True, behind: ModelMetrics | None = None
) -> list[str]:
    """The lines after a real gate has judged these figures."""
    served = None if behind is None else ServedFigures(name="candidate+constrained", metrics=behind)
    candidate_status = CandidateStatus(as_of="2026-10-12", proofs={"merged_logits": proven}, served=served)
    verdict = decide_promotion(
        candidate=candidate, candidate_status=candidate_status, champion=None, gate=GATE, base=figures(0, n=60)
    )
    report: dict[str, Any] = {
        "models": {
            "candidate": msgspec.to_builtins(candidate),
            **({} if behind is None else {"candidate+constrained": msgspec.to_builtins(behind)}),
        },
        "verdict": msgspec.to_builtins(verdict),
    }
    return refusal_lines(report, gate=GATE.model_dump(mode="json"), settings=settings)


@pytest.fixture
def settings(tmp_path: Path) -> AgentSettings:
    found = agent(tmp_path / "base", token_budget=165_000)
    return found.model_copy(update={"evaluation": found.evaluation.model_copy(update={"max_tasks": 60})})


def test_refusal_says_which_bar_is_missed_and_by_how_much(settings: AgentSettings) -> None:
    lines = explained(figures(45, n=60, right=73, steps=84), settings=settings)
    assert any("nothing is broken" in line for line in lines)
    (calls,) = (line for line in lines if "arguments that the catalog allows" in line)
    assert "86.9% on 60 tasks" in calls
    assert "as low as 78.1% (95 % interval). gate.valid_arguments requires 80.0%: 1.9 points are missing." in calls
    assert not any("turns that can be read" in line for line in lines)  # that bar is cleared


def test_refusal_has_the_figures_that_the_thresholds_were_held_against(settings: AgentSettings) -> None:
    lines = explained(figures(45, n=60), settings=settings, behind=figures(45, n=60, right=73, steps=84))
    (calls,) = (line for line in lines if "arguments that the catalog allows" in line)
    assert "86.9% on 60 tasks" in calls


def test_refusal_names_the_next_commands_for_this_agent(settings: AgentSettings) -> None:
    lines = explained(figures(45, n=60, right=73, steps=84), settings=settings)
    commands = [line.split("#")[0].strip() for line in lines if line.strip().startswith("toolft ")]
    assert commands == [
        "toolft run assistant --set training.token_budget=248000",
        "toolft run assistant --set evaluation.max_tasks=null",
        "toolft show assistant champion",
    ]


def test_refusal_of_a_model_trained_on_everything_advises_longer_training(tmp_path: Path) -> None:
    lines = explained(figures(45, n=60, right=73, steps=84), settings=agent(tmp_path / "base"))
    assert any("--set training.epochs=3 " in line for line in lines)


def test_refusal_for_another_reason_gives_that_reason_and_no_training(settings: AgentSettings) -> None:
    lines = explained(figures(60, n=60, right=300, steps=300), settings=settings, proven=False)
    assert "  - the proof merged_logits failed" in lines
    assert not any("token_budget" in line or "points are missing" in line for line in lines)


def test_promotion_needs_no_explanation(settings: AgentSettings) -> None:
    assert explained(figures(60, n=60, right=300, steps=300), settings=settings) == []


def test_refusal_for_made_up_tools_names_the_upper_bound(settings: AgentSettings) -> None:
    candidate = replace(figures(60, n=60, right=300, steps=300), hallucinated_tool=wilson(30, 300))
    (line,) = (line for line in explained(candidate, settings=settings) if "gate.hallucinated_tool" in line)
    assert "may be as high as 13.9% (95 % interval). gate.hallucinated_tool allows 5.0%: 8.9 points are missing" in line
