"""Which figures the gate's thresholds are held against: those of what will be served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.variants import served_figures
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.evaluation.figures import figures

ON: dict[str, Any] = {"serving": {"constrained": True}, "evaluation": {"variants": ["constrained"]}}


def served(settings: AgentSettings, *, behind: int, plain: int = 80) -> str | None:
    metrics = {"candidate": figures(plain), "candidate+constrained": figures(behind)}
    found = served_figures(metrics, settings, model="m")
    assert found is None or found.metrics is metrics[found.name]
    return None if found is None else found.name


def test_a_model_that_is_served_under_the_grammar_is_judged_so(tmp_path: Path) -> None:
    assert served(agent(tmp_path, **ON), behind=85) == "candidate+constrained"
    assert served(agent(tmp_path, **ON), behind=80) == "candidate+constrained"


@pytest.mark.parametrize("left_out", ON)
def test_a_net_that_is_not_both_evaluated_and_served_plays_no_part(tmp_path: Path, left_out: str) -> None:
    sections = {name: section for name, section in ON.items() if name != left_out}
    assert served(agent(tmp_path, **sections), behind=85) is None


def test_a_net_that_loses_tasks_is_not_served_so_the_candidate_is_judged_alone(tmp_path: Path) -> None:
    assert served(agent(tmp_path, **ON), behind=79) is None
