"""The candidate behind a fallback, as it is evaluated: which turns are asked, and that no answer passes for ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from toolft_pipeline.catalog.tool import parse_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.evaluation.models.endpoint import EndpointModel
from toolft_pipeline.evaluation.models.generation import Generation, Generator
from toolft_pipeline.evaluation.models.reading import read_turn
from toolft_pipeline.evaluation.models.safety_nets import FALLBACK_MARK, FallbackModel, fallback_answer
from toolft_pipeline.evaluation.report.prices import ModelPrice, with_cost
from toolft_pipeline.settings import EndpointSettings
from toolft_pipeline_tests.evaluation.figures import figures
from toolft_pipeline_tests.evaluation.openai_server import Server, serving

pytest.importorskip("openai", reason="no openai: pip install -e '.[endpoints]'")

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CATALOG = parse_catalog({"tools": [{"name": "weather", "inputSchema": CITY}]}, where="tests")
ASKED = [{"role": "user", "content": "Is it dry?"}]
CALL = '<tool_call>{"name": "weather", "arguments": {"city": "Bonn"}}</tool_call>'
THEIRS = {
    "content": None,
    "tool_calls": [{"id": "x", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Ulm"}'}}],
}


class Ours:
    """Prompter and generator in one, in Gemma 3's format: writes its one text."""

    stops = FORMATS["gemma3"].stop_tokens

    def __init__(self, text: str, *, finished: bool) -> None:
        self.text, self.finished = text, finished

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        return [len(messages)]

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        written = Generation(
            text=self.text, n_prompt_tokens=9, n_new_tokens=3, latency_ms=1.0, finished=self.finished, batch_rows=1
        )
        return [written for _ in prompts]

    def read(self, generation: Generation) -> ParsedTurn:
        return read_turn(generation, FORMATS["gemma3"])


@pytest.fixture
def incumbent() -> Iterator[Server]:
    with serving(Server(lambda _messages: THEIRS)) as server:
        yield server


def behind(
    incumbent: Server, text: str, *, finished: bool = True, invalid_arguments: bool = True
) -> tuple[FallbackModel, Generation]:
    """The model behind the net, and its one answer."""
    endpoint = EndpointModel(
        name="big",
        settings=EndpointSettings(base_url=incumbent.address, model="m", key_from=None),
        catalog=CATALOG,
        system_prompt="keep",
        max_new_tokens=64,
    )
    ours = Ours(text, finished=finished)
    generator: Generator = endpoint
    model = FallbackModel(
        ours,
        ours,
        endpoint=endpoint,
        asked=generator,
        validator=CatalogValidator(CATALOG),
        invalid_arguments=invalid_arguments,
    )
    (answer,) = model.generate([model.prompt(ASKED)])
    return model, answer


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ('<tool_call>{"name": "weather"', True),
        (CALL.replace("weather", "wind"), True),
        (CALL.replace('"Bonn"', "7"), True),
        ("It is", False),
    ],
    ids=["malformed", "unknown tool", "invalid arguments", "cut"],
)
def test_unusable_turns_become_the_endpoints(incumbent: Server, text: str, finished: bool) -> None:
    model, answer = behind(incumbent, text, finished=finished)
    (call,) = model.read(answer).calls
    assert json.loads(call.arguments_json) == {"city": "Ulm"}
    found = fallback_answer(answer)
    assert found is not None
    assert (found["prompt_tokens"], found["new_tokens"]) == (1000, 20)
    assert (answer.n_prompt_tokens, answer.n_new_tokens) == (9, 3)


@pytest.mark.parametrize("text", ["It is dry.", CALL])
def test_usable_turns_stay_ours_and_nothing_is_asked(incumbent: Server, text: str) -> None:
    model, answer = behind(incumbent, text)
    assert (answer.text, fallback_answer(answer)) == (text, None)
    assert not model.read(answer).malformed
    assert incumbent.requests == []


def test_invalid_arguments_are_asked_by_setting(incumbent: Server) -> None:
    _, answer = behind(incumbent, CALL.replace('"Bonn"', "7"), invalid_arguments=False)
    assert fallback_answer(answer) is None


@pytest.mark.parametrize(
    "message",
    [
        {"content": '<tool_call>{"name"'},
        {**THEIRS, "tool_calls": [{**THEIRS["tool_calls"][0], "function": {"name": "weather", "arguments": "{}"}}]},  # type: ignore[index]
    ],
    ids=["malformed", "invalid"],
)
def test_answers_of_the_endpoint_with_faults_are_not_taken(incumbent: Server, message: dict[str, Any]) -> None:
    incumbent.answer = lambda _messages: message
    _, answer = behind(incumbent, "<tool_call>")
    assert answer.text == "<tool_call>"


def test_no_parser_takes_a_marked_answer_for_a_turn_of_ours() -> None:
    marked = Generation(
        text=FALLBACK_MARK + json.dumps({"message": THEIRS}), n_prompt_tokens=1, n_new_tokens=1, latency_ms=1.0
    )
    for chat_format in FORMATS.values():
        assert read_turn(marked, chat_format).calls == ()


def test_tokens_of_the_endpoint_are_in_the_cost_at_its_own_price() -> None:
    used = replace(figures(80), fallback_prompt_tokens_per_task=100.0, fallback_new_tokens_per_task=10.0)
    priced = ModelPrice(million_prompt_tokens=3.0, million_completion_tokens=20.0)
    assert with_cost(used, ModelPrice()).cost_per_1k_tasks == 0.0
    assert with_cost(used, ModelPrice(), fallback=priced).cost_per_1k_tasks == pytest.approx(0.5)
