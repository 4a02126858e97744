"""What an evaluation's fingerprint has of the judge: whatever changes a verdict makes a new evaluation."""

from __future__ import annotations

from typing import Any

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.sources import read_source
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.evaluations import EVALUATION
from toolft_pipeline.stages.spec.settings_slice import settings_values
from toolft_pipeline_tests.conftest import REPOSITORY

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml")


def changed(section: str, **values: Any) -> AgentSettings:
    part = type(getattr(AGENT, section)).model_validate(getattr(AGENT, section).model_dump() | values)
    return AGENT.model_copy(update={section: part})


def identity(settings: AgentSettings) -> object:
    assert EVALUATION.derived is not None
    return settings_values(settings, EVALUATION.settings), EVALUATION.derived(settings)


def reader(model: str) -> AgentSettings:
    endpoint = {"base_url": "http://127.0.0.1:1/v1", "model": model}
    return changed("evaluation", endpoints={"r": endpoint}, answer_reader="r")


@pytest.mark.parametrize(
    "other",
    [
        changed("evaluation", extra_calls=2),
        changed("answers", done=("booked you in",)),
        changed("answers", refused=("no dice",)),
        reader("a"),
    ],
)
def test_what_the_judge_reads_is_in_the_identity_of_an_evaluation(other: AgentSettings) -> None:
    assert identity(other) != identity(AGENT)


def test_model_of_the_second_reader_is_in_the_identity() -> None:
    assert identity(reader("a")) != identity(reader("b"))


def test_tools_declared_to_read_are_in_the_catalog_that_an_evaluation_has_as_input() -> None:
    declared = changed("catalog", file="catalog.json", mcp=False, reads=("search",))
    plain = changed("catalog", file="catalog.json", mcp=False)
    assert read_source(declared).text != read_source(plain).text
