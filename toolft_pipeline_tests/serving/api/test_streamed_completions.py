"""Chat completions that are streamed, and what a safety net does to them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from toolft_pipeline.engines.engine import EngineBusyError, EngineError
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.served_turn import ServedTurn
from toolft_pipeline_tests.serving.api.client_side import TOOLS, call, chat, joined, whole
from toolft_pipeline_tests.serving.api.running import Running, running
from toolft_pipeline_tests.serving.api.scripted import Replacing

TEXTS = [
    "We open at nine.\nCome in < early > or {late}.",
    call("search", {"query": "Ada <b>"}),
    "I look.\n\n" + call("search", {"query": "Ada"}) + "\n" + call("weather", {"query": "Rome"}),
    "I look.\n<tool_call>\n{broken}\n</tool_call>",
    "",
]


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_stream_equals_whole_for_any_borders(data: st.DataObject, server: Running) -> None:
    server.engine.text = data.draw(st.sampled_from(TEXTS))
    server.engine.borders = sorted(data.draw(st.sets(st.integers(0, len(server.engine.text)), max_size=10)))
    streamed = joined(chat(server, tools=TOOLS, stream=True))
    complete = whole(chat(server, tools=TOOLS))
    for answer in (streamed, complete):
        for one in answer["calls"]:
            assert one.pop("id").startswith("call_")
    if complete["error"] is not None:  # what was streamed before the fault stands
        assert (complete["content"], streamed["content"]) == ("", "I look.")
        complete["content"] = streamed["content"]
    assert streamed == complete


def test_stream_has_role_usage_and_end_mark(server: Running) -> None:
    server.engine.text, server.engine.borders = "We open at nine.", [3, 8]
    body = server.ask(stream=True, stream_options={"include_usage": True})
    answer = server.post(body, headers={"X-Conversation-Id": "abc-4"})
    assert answer.headers["X-Conversation-Id"] == "abc-4"
    lines = [line for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 3
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-2]["toolft"]["model_version"] == "2026-10-07"
    assert [chunk for chunk in chunks[:-1] if "usage" in chunk] == []


def test_stream_without_usage_sends_none(server: Running) -> None:
    assert [chunk.usage for chunk in chat(server, stream=True)] == [None] * 3


def test_text_is_sent_before_the_turn_ends(server: Running) -> None:
    server.engine.text, server.engine.borders = "We open at nine.", [8]
    server.close_gate(1)
    stream = iter(server.client.chat.completions.create(**server.ask(stream=True)))
    assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "We open"]
    server.open_gate(1)
    assert joined(stream)["content"] == " at nine."


def test_error_before_the_first_chunk_is_an_http_error(server: Running) -> None:
    server.engine.max_context = 1
    answer = server.post(server.ask(stream=True))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
    server.engine.max_context = 1000
    server.engine.error = EngineBusyError("full")
    answer = server.post(server.ask(stream=True))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")


def test_error_within_a_stream_is_raised_by_the_client(server: Running) -> None:
    import openai

    server.engine.text, server.engine.borders = "We open at nine.", [8]
    server.engine.error_after = EngineError("/secret/path is gone")
    stream = iter(server.client.chat.completions.create(**server.ask(stream=True)))
    next(stream)
    with pytest.raises(openai.APIError, match="the engine failed; the server's log has it as req_") as caught:
        list(stream)
    assert "secret" not in str(caught.value.body)


@pytest.fixture(scope="module")
def with_net(chatml: ServedModel) -> Iterator[Running]:
    """A server whose net answers every fault with a message of its own."""
    message = {"role": "assistant", "content": "From the incumbent.", "tool_calls": None}
    called: dict[str, Any] = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "theirs", "type": "function", "function": {"name": "search", "arguments": "{}"}}],
    }

    def replace(turn: ServedTurn) -> ServedTurn:
        if turn.fault is None:
            return turn
        fallback = called if "call" in turn.request.messages[-1]["content"] else message
        return structs.replace(turn, fallback="incumbent", fallback_message=fallback)

    with running(chatml, net=Replacing(replace)) as started:
        yield started


def test_net_replaces_a_fault_whole_and_streamed(with_net: Running) -> None:
    with_net.engine.text = "I look.\n<tool_call>broken"
    with_net.engine.borders = range(1, 20)
    expected = {"content": "From the incumbent.", "calls": [], "reason": "stop", "error": None}
    answer = chat(with_net, tools=TOOLS)
    assert whole(answer) == expected
    assert answer.model_extra["toolft"]["fallback"] == "incumbent"
    assert answer.model_extra["toolft"]["fault"] == "malformed_tool_call"
    assert joined(chat(with_net, tools=TOOLS, stream=True)) == expected
    turn = with_net.seen.of(answer.id)
    assert (turn.fallback, turn.fault, turn.raw_text) == ("incumbent", "malformed_tool_call", with_net.engine.text)


def test_net_calls_are_handed_on_with_their_ids(with_net: Running) -> None:
    with_net.engine.text = "<tool_call>broken"
    answer = chat(with_net, content="call", tools=TOOLS)
    assert whole(answer)["calls"] == [{"id": "theirs", "name": "search", "arguments": "{}"}]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert with_net.seen.of(answer.id).call_ids == ("theirs",)
    assert joined(chat(with_net, content="call", tools=TOOLS, stream=True))["calls"] == whole(answer)["calls"]


def test_net_sees_the_whole_turn_before_anything_is_streamed(with_net: Running) -> None:
    with_net.engine.text, with_net.engine.borders = "We open at nine.", [3, 8]
    contents = [chunk.choices[0].delta.content for chunk in itertools.islice(chat(with_net, stream=True), 2)]
    assert contents == ["", "We open at nine."]
