"""Turns that no agent may act on: reported as such, whole and streamed, to the clients that people use."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from toolft_pipeline.engines.engine import EndReason
from toolft_pipeline_tests.serving.api.client_side import TOOLS, call, chat, joined, whole
from toolft_pipeline_tests.serving.api.running import Running

MALFORMED = "<tool_call>\n{'name': 'search'}\n</tool_call>"
LIST = '<tool_call>\n{"name": "search", "arguments": ["Ada"]}\n</tool_call>'
QUOTED = '<tool_call>\n{"name": "search", "arguments": "Ada"}\n</tool_call>'
FAULTS = [
    (MALFORMED, {}, "malformed_tool_call"),
    (LIST, {}, "malformed_tool_call"),
    (QUOTED, {}, "malformed_tool_call"),
    ("Done.</tool_call>", {}, "malformed_tool_call"),
    (call("delete_all", {}), {}, "unknown_tool"),
    (call("search", {"query": "a"}), {"tool_choice": "none"}, "tool_choice"),
    ("Done.", {"tool_choice": "required"}, "tool_choice"),
    (
        call("search", {"query": "a"}),
        {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
        "tool_choice",
    ),
    (
        call("search", {"query": "a"}) + "\n" + call("search", {"query": "b"}),
        {"parallel_tool_calls": False},
        "tool_choice",
    ),
]


@pytest.mark.parametrize(("text", "more", "kind"), FAULTS)
def test_fault_is_no_answer_and_no_call(text: str, more: dict[str, Any], kind: str, server: Running) -> None:
    server.engine.text = text
    answer = chat(server, tools=TOOLS, **more)
    message = answer.choices[0].message
    assert (message.content, message.tool_calls) == (None, None)
    assert answer.choices[0].finish_reason == kind
    assert message.model_extra["tool_call_error"]["kind"] == kind
    assert message.model_extra["tool_call_error"]["text"] == text
    assert message.model_extra["tool_call_error"]["detail"]
    seen = server.seen.of(answer.id)
    assert (seen.fault, seen.call_ids) == (kind, ())


@pytest.mark.parametrize(("text", "more", "kind"), FAULTS)
def test_fault_streamed_ends_with_its_name(text: str, more: dict[str, Any], kind: str, server: Running) -> None:
    server.engine.text = text
    server.engine.borders = range(1, len(text))
    streamed = joined(chat(server, tools=TOOLS, stream=True, **more))
    assert (streamed["reason"], streamed["calls"]) == (kind, [])
    assert streamed["error"] == {**whole(chat(server, tools=TOOLS, **more))["error"]}
    assert "<tool_call>" not in streamed["content"]


@pytest.mark.parametrize("cut", [1, 5, 11, 12, 25])
def test_cut_call_streams_nothing(cut: int, server: Running) -> None:
    server.engine.text, server.engine.end = call("search", {"query": "Ada"})[:cut], EndReason.LENGTH
    server.engine.borders = range(1, cut)
    streamed = joined(chat(server, tools=TOOLS, stream=True))
    assert (streamed["content"], streamed["calls"], streamed["reason"]) == ("", [], "length")
    assert streamed["error"]["kind"] == "length"


def test_cut_call_whole_is_no_answer(server: Running) -> None:
    server.engine.text, server.engine.end = "I look.\n" + MALFORMED[:20], EndReason.LENGTH
    answer = whole(chat(server, tools=TOOLS))
    assert (answer["content"], answer["reason"]) == ("", "length")


def test_cut_answer_keeps_its_text(server: Running) -> None:
    server.engine.text, server.engine.end = "We open at nine and ", EndReason.LENGTH
    expected = {"content": "We open at nine and", "calls": [], "reason": "length"}
    for answer in (whole(chat(server)), joined(chat(server, stream=True))):
        assert answer["error"]["kind"] == "length"
        assert {key: answer[key] for key in expected} == expected


def test_call_without_offered_tools_is_unknown(server: Running) -> None:
    server.engine.text = call("search", {"query": "Ada"})
    assert chat(server).choices[0].finish_reason == "unknown_tool"


def test_obeyed_tool_choice_is_a_call(server: Running) -> None:
    server.engine.text = call("search", {"query": "Ada"})
    named = {"type": "function", "function": {"name": "search"}}
    for choice in ("auto", "required", named):
        answer = chat(server, tools=TOOLS, tool_choice=choice, parallel_tool_calls=False)
        assert answer.choices[0].finish_reason == "tool_calls"


def test_async_client_sees_the_fault(server: Running) -> None:
    from openai import AsyncOpenAI

    server.engine.text = MALFORMED

    async def ask() -> tuple[Any, list[Any]]:
        async with AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
            answer: Any = await client.chat.completions.create(**server.ask(tools=TOOLS))
            stream: Any = await client.chat.completions.create(**server.ask(tools=TOOLS, stream=True))
            return answer, [chunk async for chunk in stream]

    answer, chunks = asyncio.run(ask())
    assert answer.choices[0].finish_reason == "malformed_tool_call"
    assert joined(chunks)["reason"] == "malformed_tool_call"


def test_openai_stream_helper_survives_a_fault(server: Running) -> None:
    server.engine.text = MALFORMED
    with server.client.chat.completions.stream(**server.ask(tools=TOOLS)) as stream:
        final = stream.get_final_completion()
    assert (final.choices[0].finish_reason, final.choices[0].message.content) == ("malformed_tool_call", "")


def langchain_model(server: Running) -> Any:
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    model = ChatOpenAI(model="tests", base_url=server.url, api_key=SecretStr("none"), max_retries=0, stream_usage=True)
    return model.bind_tools(TOOLS)


@pytest.mark.parametrize(("text", "kind"), [(MALFORMED, "malformed_tool_call"), (call("x", {}), "unknown_tool")])
def test_langchain_sees_the_fault(text: str, kind: str, server: Running) -> None:
    server.engine.text = text
    for message in (langchain_model(server).invoke("Hi"), _summed(langchain_model(server).stream("Hi"))):
        assert message.response_metadata["finish_reason"] == kind
        assert (message.content, message.tool_calls, message.invalid_tool_calls) == ("", [], [])


def test_langchain_sees_calls_model_and_tokens(server: Running) -> None:
    server.engine.text = call("search", {"query": "Ada"})
    for message in (langchain_model(server).invoke("Hi"), _summed(langchain_model(server).stream("Hi"))):
        (made,) = message.tool_calls
        assert (made["name"], made["args"]) == ("search", {"query": "Ada"})
        assert message.response_metadata["model_name"] == "tests/2026-10-07"
        assert message.usage_metadata["output_tokens"] == 1


def _summed(chunks: Any) -> Any:
    total = None
    for chunk in chunks:
        total = chunk if total is None else total + chunk
    return total
