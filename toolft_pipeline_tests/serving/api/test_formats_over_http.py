"""Every chat format over HTTP: the prompt is the training's, id by id, and the turn is the recorded one.

The prompts are compared with the rows that the trainer reads of the same runs (`Family.rows`), the turns with the runs
themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from toolft_pipeline.chat.proofs.checks import loss_spans
from toolft_pipeline.chat.proofs.oracles import ORACLES
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.trajectories.record import Message, Role, Trajectory
from toolft_pipeline_tests.chat.conversations import CATALOG, OPENING, SHAPES
from toolft_pipeline_tests.chat.families import Family
from toolft_pipeline_tests.serving.api.client_side import TOOLS, chat, joined, whole
from toolft_pipeline_tests.serving.api.models import served_model
from toolft_pipeline_tests.serving.api.running import Running, running

Servers = Callable[[Family, CatalogMode], Running]


@pytest.fixture(scope="module")
def served() -> Iterator[Servers]:
    """A server of a format and catalog mode, started once."""
    with ExitStack() as stack:
        started: dict[tuple[str, CatalogMode], Running] = {}

        def server(family: Family, mode: CatalogMode) -> Running:
            name = family.chat_format.name
            if (name, mode) not in started:
                model = served_model(family.installed(mode), name)
                started[name, mode] = stack.enter_context(running(model))
            return started[name, mode]

        yield server


class Turn(NamedTuple):
    """An assistant turn of a run as it is trained: the ids before it, its text, and what was recorded."""

    prompt: list[int]
    text: str
    history: list[dict[str, Any]]
    recorded: Message


def trained_turns(shape: Trajectory, family: Family, mode: CatalogMode) -> Iterator[Turn]:
    """The turns of a run's only row."""
    (row,) = family.rows(shape, mode=mode, tools=_catalog_tools())
    places = [place for place, message in enumerate(shape.messages) if message.role is Role.ASSISTANT]
    for place, (start, end) in zip(places, loss_spans(row.labels), strict=True):
        text = family.tokenizer.decode(row.input_ids[start:end])
        for stop in family.chat_format.stop_tokens:
            text = text.removesuffix(stop)
        history = [sent(message) for message in shape.messages[:place]]
        yield Turn(list(row.input_ids[:start]), text, history, shape.messages[place])


def _catalog_tools() -> list[dict[str, Any]]:
    """The catalog as the trainer has it, written out here."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool["name"],
                "description": tool["description"],
                "parameters": tool["inputSchema"],
            },
        }
        for tool in CATALOG["tools"]
    ]


def sent(message: Message) -> dict[str, Any]:
    """A recorded message as a client sends it."""
    body: dict[str, Any] = {"role": str(message.role), "content": message.text}
    if message.role is Role.ASSISTANT:
        body["tool_calls"] = [
            {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments_json}}
            for one in message.tool_calls
        ] or None
        body["content"] = message.text or None
    if message.role is Role.TOOL:
        body["tool_call_id"] = message.tool_call_id
    return body


def respelled(message: dict[str, Any]) -> dict[str, Any]:
    """The same message in other shapes of the protocol: parts, developer, arguments as an object, extra keys."""
    other = {**message, "name": None, "refusal": None}
    if message["role"] == "system":
        other["role"] = "developer"
    if message["content"]:
        half = len(message["content"]) // 2
        texts = (message["content"][:half], message["content"][half:])
        other["content"] = [{"type": "text", "text": text} for text in texts]
    if message.get("tool_calls"):
        other["tool_calls"] = [
            {**one, "index": 0, "function": {**one["function"], "arguments": json.loads(one["function"]["arguments"])}}
            for one in message["tool_calls"]
        ]
    return other


@pytest.mark.parametrize("mode", [CatalogMode.NONE, CatalogMode.FULL])
def test_prompt_ids_are_the_training_ids(mode: CatalogMode, each_family: Family, served: Servers) -> None:
    server = served(each_family, mode)
    compared = 0
    for shape in [*SHAPES, *OPENING]:
        for turn in trained_turns(shape, each_family, mode):
            if not turn.history:
                continue
            plain = mode is CatalogMode.NONE
            history = turn.history if plain else [respelled(message) for message in turn.history]
            server.engine.asked.clear()
            chat(server, messages=history, tools=TOOLS)
            assert list(server.engine.asked[0].ids) == turn.prompt, shape.trajectory_id
            compared += 1
    assert compared > 25


def test_turn_is_the_recorded_one_whole_and_streamed(each_family: Family, served: Servers) -> None:
    server = served(each_family, CatalogMode.NONE)
    oracle = ORACLES[each_family.chat_format.name]
    names = ["search", "weather", "calculate", "get_order", "clear", "place", "go", "send", "note", "save"]
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    for shape in SHAPES:
        for turn in trained_turns(shape, each_family, CatalogMode.NONE):
            server.engine.text, server.engine.borders = turn.text, range(1, len(turn.text), 3)
            read = [
                whole(chat(server, messages=turn.history, tools=tools)),
                joined(chat(server, messages=turn.history, tools=tools, stream=True)),
            ]
            for answer in read:
                calls = [(one["name"], json.dumps(json.loads(one["arguments"]), sort_keys=True))
                         for one in answer["calls"]]  # fmt: skip
                assert calls == oracle.expected_calls(turn.recorded), shape.trajectory_id
                assert answer["content"] == oracle.expected_text(turn.recorded), shape.trajectory_id
                assert answer["reason"] == ("tool_calls" if calls else "stop")


def test_without_tools_the_prompt_has_none(each_family: Family, served: Servers) -> None:
    server = served(each_family, CatalogMode.FULL)
    server.engine.asked.clear()
    chat(server)
    (row,) = each_family.rows(SHAPES[0], mode=CatalogMode.NONE)
    plain = each_family.tokenizer.decode(list(server.engine.asked[0].ids))
    trained = each_family.tokenizer.decode(row.input_ids[: loss_spans(row.labels)[0][0]])
    assert plain == trained.replace("What are your hours?", "Hi")
