"""Every block of LangChain messages is read, repeated by `tool_calls`, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    messages_to_dict,
)

from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.record import Message
from toolft_pipeline_tests.ingest.test_readers import accepted, rejected

CALL = {"name": "get", "args": {"n": 1}, "id": "c1"}


def read(message: BaseMessage) -> Message:
    return accepted("langchain", messages_to_dict([message])).messages[0]


def refused(message: BaseMessage) -> Rejection:
    return rejected("langchain", messages_to_dict([message]))


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use", "id": "c1", "name": "get", "input": {"n": 1}},
        {"type": "tool_call", "id": "c1", "name": "get", "args": {"n": 1}},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "get", "arguments": '{"n":1}'},
        {"type": "input_json_delta", "partial_json": '{"n":1}', "index": 1},
    ],
)
def test_call_repeated_in_a_block_is_read_once(block: dict[str, Any]) -> None:
    message = read(AIMessage([{"type": "text", "text": "I look.", "annotations": []}, block], tool_calls=[CALL]))
    assert [(call.id, call.name, call.arguments_json) for call in message.tool_calls] == [("c1", "get", '{"n": 1}')]
    assert message.text == "I look."


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use", "id": "c2", "name": "get", "input": {}},
        {"type": "function_call", "id": "c1", "call_id": "c2", "name": "get", "arguments": "{}"},
    ],
)
def test_call_only_in_a_block_is_refused(block: dict[str, Any]) -> None:
    for message in (AIMessage([block]), AIMessage([block], tool_calls=[CALL])):
        assert "; log it in tool_calls" in refused(message).detail


def test_text_after_a_call_is_refused() -> None:
    block = {"type": "tool_use", "id": "c1", "name": "get", "input": {"n": 1}}
    assert (
        "after its tool calls" in refused(AIMessage([block, {"type": "text", "text": "so"}], tool_calls=[CALL])).detail
    )
    assert read(AIMessage([block, {"type": "text", "text": ""}], tool_calls=[CALL])).text == ""


@pytest.mark.parametrize(
    "block",
    [
        {"type": "reasoning", "reasoning": "one\n\ntwo"},
        {
            "type": "reasoning",
            "id": "rs",
            "summary": [{"type": "summary_text", "text": each} for each in ("one", "two")],
        },
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "one\n\ntwo"}], "summary": []},
        {"type": "thinking", "thinking": "one\n\ntwo", "signature": "s"},
        {"type": "reasoning_content", "reasoning_content": {"text": "one\n\ntwo", "signature": "s"}},
    ],
)
def test_reasoning_in_each_providers_block_is_reasoning(block: dict[str, Any]) -> None:
    message = read(AIMessage([block, {"type": "text", "text": "Done."}]))
    assert (message.reasoning, message.text) == ("one\n\ntwo", "Done.")


@pytest.mark.parametrize(
    "beside",
    [
        {"reasoning_content": "because"},
        {"reasoning": {"id": "rs", "summary": [{"type": "summary_text", "text": "because"}]}},
        {"reasoning": "because"},
        {"thinking": {"text": "because", "signature": "s"}},
    ],
)
def test_reasoning_in_additional_kwargs_is_read(beside: dict[str, Any]) -> None:
    assert read(AIMessage("Done.", additional_kwargs=beside)).reasoning == "because"
    assert read(HumanMessage("Do it.", additional_kwargs=beside)).reasoning is None


def test_encrypted_reasoning_says_nothing() -> None:
    message = read(AIMessage([{"type": "redacted_thinking", "data": "x"}, {"type": "reasoning", "summary": []}]))
    assert (message.reasoning, message.text) == (None, "")


def test_refusal_is_the_models_text() -> None:
    assert read(AIMessage([{"type": "refusal", "refusal": "I cannot."}])).text == "I cannot."
    assert read(AIMessage("", additional_kwargs={"refusal": "I cannot."})).text == "I cannot."


@pytest.mark.parametrize(
    "type_", ["server_tool_call", "web_search_call", "mcp_tool_use", "code_execution_result", "audio", "non_standard"]
)
def test_unsupported_block_is_refused_by_name(type_: str) -> None:
    rejection = refused(AIMessage([{"type": type_, "id": "x", "name": "secret", "content": {}}]))
    assert rejection.reason is RejectReason.UNSUPPORTED_CONTENT
    assert type_ in rejection.detail
    assert "secret" not in rejection.detail


def test_unknown_block_type_is_refused_without_quoting_it() -> None:
    assert "hunter2" not in refused(AIMessage([{"type": "hunter2"}])).detail


def test_invalid_tool_call_block_is_refused() -> None:
    block = {"type": "invalid_tool_call", "name": "get", "args": "{", "error": "cut off"}
    assert refused(AIMessage([block])).reason is RejectReason.INVALID_TOOL_CALL


@pytest.mark.parametrize("key", ["function_call", "tool_outputs"])
def test_calls_missing_in_tool_calls_are_refused(key: str) -> None:
    done = {"function_call": {"name": "get", "arguments": "{}"}, "tool_outputs": [{"type": "web_search_call"}]}
    assert key in refused(AIMessage("", additional_kwargs={key: done[key]})).detail
    assert read(AIMessage("", additional_kwargs={key: None})).tool_calls == ()


def test_function_call_that_tool_calls_repeat_is_no_other_call() -> None:
    """langchain-google-genai writes the last call there too."""
    beside = {"function_call": {"name": "get", "arguments": '{"n": 1}'}}
    assert len(read(AIMessage("", tool_calls=[CALL], additional_kwargs=beside)).tool_calls) == 1


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("no such order", "Error: no such order"),
        ("Error: gone\n Please fix your mistakes.", "Error: gone\n Please fix your mistakes."),
        ("Error invoking tool 'get' with error: no", "Error invoking tool 'get' with error: no"),
        ([{"type": "text", "text": "gone"}], "Error: gone"),
    ],
)
def test_result_with_the_status_of_a_failure_says_so(content: Any, shown: str) -> None:
    assert read(ToolMessage(content, tool_call_id="c1", status="error")).text == shown


def test_result_that_went_well_stays_as_it_is() -> None:
    assert read(ToolMessage("no such order", tool_call_id="c1", status="success")).text == "no such order"


def test_streamed_messages_are_read_as_whole_ones() -> None:
    chunks = [AIMessageChunk("Do"), AIMessageChunk("ne.")]
    assert read(chunks[0] + chunks[1]).text == "Done."
