"""No grammar forbids what training teaches: every valid assistant turn of both agents is accepted, in every format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from toolft_pipeline.catalog.tool import Catalog, parse_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.grammar.turn_grammar import turn_grammar
from toolft_pipeline_tests.chat.grammar.written import Acceptor, written
from toolft_pipeline_tests.conftest import REPOSITORY

DISTINCT_TURNS = {"helpdesk": 5505, "assistant": 159}
"""The valid assistant turns of each agent, each text once."""

EVERY = {"gemma3": 1, "chatml": 7, "qwen3": 7, "llama3": 7, "gemma4": 7}
"""Both agents are trained in gemma3: there every turn is tried, elsewhere one of seven."""


def catalog_of(agent: str) -> Catalog:
    path = REPOSITORY / "data" / agent / "catalog.json"
    return parse_catalog(json.loads(path.read_text(encoding="utf-8")), where=agent)


def recorded_turns(agent: str) -> Iterator[dict[str, Any]]:
    """Assistant messages of evaluation tasks, golden runs and all logs, each once."""
    folder = REPOSITORY / "data" / agent
    seen = set()
    for path in [folder / "tasks.jsonl", folder / "golden.jsonl", *sorted((folder / "logs").glob("????-??-??.jsonl"))]:
        for line in path.read_bytes().splitlines():
            try:
                run = json.loads(line)
            except ValueError:  # a planted fault
                continue
            for message in run.get("gold") or run.get("messages") or ():
                key = json.dumps([message.get("content"), message.get("tool_calls")])
                if message.get("role") == "assistant" and key not in seen:
                    seen.add(key)
                    yield message


def is_valid(message: dict[str, Any], validator: CatalogValidator) -> bool:
    """Whether verification could accept the turn: its calls are valid, and it says something or calls."""
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    content = message.get("content")
    return (isinstance(content, str) or bool(calls)) and not any(
        validator.check(call["name"], call["arguments"]) for call in calls
    )


@pytest.mark.parametrize("agent", DISTINCT_TURNS)
@pytest.mark.parametrize("format_name", sorted(FORMATS))
def test_valid_turns_of_all_data_are_accepted(agent: str, format_name: str) -> None:
    catalog, writer = catalog_of(agent), written(format_name)
    validator = CatalogValidator(catalog)
    grammar = turn_grammar(writer.chat_format, catalog.openai_tools(), special={})
    accepts = Acceptor(grammar.text)
    turns = [message for message in recorded_turns(agent) if is_valid(message, validator)][:: EVERY[format_name]]
    texts = {writer.turn(message) for message in turns}
    assert grammar.loosened == ()
    assert [text for text in sorted(texts) if not accepts(text)] == []
    assert len(texts) > 0.9 * DISTINCT_TURNS[agent] / EVERY[format_name]


@pytest.mark.parametrize("agent", DISTINCT_TURNS)
def test_recorded_turns_with_invalid_calls_are_refused(agent: str) -> None:
    catalog, writer = catalog_of(agent), written("gemma3")
    validator = CatalogValidator(catalog)
    accepts = Acceptor(turn_grammar(writer.chat_format, catalog.openai_tools(), special={}).text)
    wrong = [turn for turn in recorded_turns(agent) if turn.get("tool_calls") and not is_valid(turn, validator)]
    assert len(wrong) > 1
    assert [turn for turn in wrong if accepts(writer.turn(turn))] == []
