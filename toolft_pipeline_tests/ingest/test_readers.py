"""One conversation, written by each format's own library, is one record; what a format cannot say is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic.types
import atif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage, messages_to_dict
from openai import BaseModel
from openai.types import CompletionUsage
from openai.types.chat import (
    ChatCompletionMessage,
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageParam,
)
from openai.types.chat.chat_completion_message_function_tool_call import Function

from toolft_pipeline.ingest.formats import READERS
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.record import Message, Source, Trajectory
from toolft_pipeline.trajectories.table import from_batch, to_batch

GET = {"order": "O-1", "lines": [1, 2.0]}
ENVELOPE = {
    "id": "run-1",
    "started_at": "2026-10-01T09:12:03Z",
    "outcome": {"status": "success"},
    "initial_state": "seed-1",
    "final_state": "sha256:def",
}


def read(format_: str, row: object) -> Trajectory | Rejection:
    line = row if isinstance(row, bytes) else json.dumps(row).encode()
    source = Source(file="2026-10-01.jsonl", line=1, offset=0, format=format_)
    return READERS[format_](line, agent="desk", source=source)


def accepted(format_: str, row: object) -> Trajectory:
    run = read(format_, row)
    assert isinstance(run, Trajectory), run
    return run


def rejected(format_: str, row: object) -> Rejection:
    rejection = read(format_, row)
    assert isinstance(rejection, Rejection), rejection
    return rejection


def openai_row(dump: Callable[[BaseModel], dict[str, Any]] = BaseModel.to_dict) -> dict[str, Any]:
    """A run as its agent kept it: the answers dumped, the rest as it was sent."""

    def asked(id_: str, name: str, arguments: dict[str, Any]) -> ChatCompletionMessageFunctionToolCall:
        function = Function(name=name, arguments=json.dumps(arguments))
        return ChatCompletionMessageFunctionToolCall(id=id_, type="function", function=function)

    calling = ChatCompletionMessage.model_validate(
        {
            "role": "assistant",
            "content": "I look.",
            "reasoning_content": "two lookups",  # beside the protocol: servers of open models send it
            "tool_calls": [asked("c1", "get_order", GET), asked("c2", "who", {})],
        }
    )
    messages: list[ChatCompletionMessageParam | dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is O-1, and who am I?"},
        dump(calling),
        {"role": "tool", "tool_call_id": "c1", "content": '{"state":"sent"}'},
        {"role": "tool", "tool_call_id": "c2", "content": "Error: nobody"},
        dump(ChatCompletionMessage(role="assistant", content="It is sent.")),
        {"role": "user", "content": "Thanks."},
        dump(ChatCompletionMessage(role="assistant", content="Any time.")),
    ]
    usage = CompletionUsage(prompt_tokens=30, completion_tokens=12, total_tokens=42)
    return {**ENVELOPE, "messages": messages, "usage": dump(usage)}


def langchain_row() -> dict[str, Any]:
    thought = [{"type": "thinking", "thinking": "two lookups"}, {"type": "text", "text": "I look."}]
    calls = [{"name": "get_order", "args": GET, "id": "c1"}, {"name": "who", "args": {}, "id": "c2"}]
    messages = [
        SystemMessage("Be brief."),
        HumanMessage("Where is O-1, and who am I?"),
        AIMessage(
            thought,
            tool_calls=calls,
            usage_metadata={"input_tokens": 10, "output_tokens": 8, "total_tokens": 18},
        ),
        ToolMessage('{"state":"sent"}', tool_call_id="c1"),
        ToolMessage("nobody", tool_call_id="c2", status="error"),
        AIMessage("It is sent.", usage_metadata={"input_tokens": 20, "output_tokens": 4, "total_tokens": 24}),
        HumanMessage("Thanks."),
        AIMessage("Any time."),
    ]
    return {**ENVELOPE, "messages": messages_to_dict(messages)}


def anthropic_row() -> dict[str, Any]:
    answer = anthropic.types.Message(
        id="msg_1",
        type="message",
        role="assistant",
        model="claude",
        stop_reason="tool_use",
        stop_sequence=None,
        usage=anthropic.types.Usage(input_tokens=10, output_tokens=8),
        content=[
            anthropic.types.ThinkingBlock(type="thinking", thinking="two lookups", signature="s"),
            anthropic.types.TextBlock(type="text", text="I look."),
            anthropic.types.ToolUseBlock(type="tool_use", id="c1", name="get_order", input=GET),
            anthropic.types.ToolUseBlock(type="tool_use", id="c2", name="who", input={}),
        ],
    ).to_dict()
    results: list[anthropic.types.ToolResultBlockParam] = [
        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": '{"state":"sent"}'}]},
        {"type": "tool_result", "tool_use_id": "c2", "content": "nobody", "is_error": True},
    ]
    messages = [
        {"role": "user", "content": "Where is O-1, and who am I?"},
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": results},
        {"role": "assistant", "content": [{"type": "text", "text": "It is sent."}]},
        {"role": "user", "content": "Thanks."},
        {"role": "assistant", "content": "Any time."},
    ]
    usage = {"prompt_tokens": 30, "completion_tokens": 12}
    return {**ENVELOPE, "system": [{"type": "text", "text": "Be brief."}], "messages": messages, "usage": usage}


def atif_row() -> dict[str, Any]:
    steps = [
        {"source": "system", "message": "Be brief."},
        {"source": "user", "message": "Where is O-1, and who am I?"},
        {
            "source": "agent",
            "message": "I look.",
            "reasoning_content": "two lookups",
            "tool_calls": [
                {"tool_call_id": "c1", "function_name": "get_order", "arguments": GET},
                {"tool_call_id": "c2", "function_name": "who", "arguments": {}},
            ],
            "observation": {
                "results": [
                    {"source_call_id": "c1", "content": [{"type": "text", "text": '{"state":"sent"}'}]},
                    {"source_call_id": "c2", "content": "Error: nobody"},
                ]
            },
        },
        {"source": "agent", "message": "It is sent."},
        {"source": "user", "message": "Thanks."},
        {"source": "agent", "message": "Any time."},
    ]
    document = {
        "schema_version": "ATIF-v1.8",
        "trajectory_id": "run-1",
        "agent": {"name": "desk", "version": "1"},
        "steps": [{"step_id": place, **step} for place, step in enumerate(steps, start=1)],
        "final_metrics": {"total_prompt_tokens": 30, "total_completion_tokens": 12},
        "extra": {"toolft": {key: value for key, value in ENVELOPE.items() if key != "id"}},
    }
    written: dict[str, Any] = atif.Trajectory.model_validate(document).to_json_dict()
    return written


ROWS: dict[str, Callable[[], dict[str, Any]]] = {
    "openai": openai_row,
    "langchain": langchain_row,
    "anthropic": anthropic_row,
    "atif": atif_row,
}


def said(message: Message) -> tuple[object, ...]:
    calls = [(call.id, call.name, json.loads(call.arguments_json)) for call in message.tool_calls]
    return message.role, message.text, message.reasoning, calls, message.tool_call_id


@pytest.mark.parametrize("format_", READERS)
def test_one_conversation_in_every_format_is_one_record(format_: str) -> None:
    run, expected = accepted(format_, ROWS[format_]()), accepted("openai", openai_row())
    assert [said(message) for message in run.messages] == [said(message) for message in expected.messages]
    assert (run.trajectory_id, run.started_at, run.outcome, run.usage) == (
        expected.trajectory_id,
        expected.started_at,
        expected.outcome,
        expected.usage,
    )
    assert (run.initial_state_ref, run.final_state_ref) == ("seed-1", "sha256:def")
    assert run.source.format == format_
    assert from_batch(to_batch([run])) == [run]


def test_openai_answer_dumped_with_every_field_is_the_same_record() -> None:
    """`model_dump()` writes what was not set as null: audio, function_call, refusal, details of the usage."""
    whole = openai_row(BaseModel.model_dump)
    assert "function_call" in whole["messages"][2]
    run, short = accepted("openai", whole), accepted("openai", openai_row())
    assert (run.messages, run.usage) == (short.messages, short.usage)


def test_langchain_bare_list_is_a_run_named_after_its_line() -> None:
    run = accepted("langchain", langchain_row()["messages"])
    assert len(run.messages) == 8
    assert run.trajectory_id.startswith("sha256:")
    assert run.outcome.status == "unknown"


def test_langchain_call_that_its_parser_gave_up_is_a_reject_of_its_own() -> None:
    broken = AIMessage("", invalid_tool_calls=[{"name": "get", "args": '{"a":', "id": "c1", "error": "cut off"}])
    rejection = rejected("langchain", messages_to_dict([HumanMessage("hi"), broken]))
    assert rejection.reason is RejectReason.INVALID_TOOL_CALL


def with_step(**step: Any) -> dict[str, Any]:
    row = atif_row()
    row["steps"][2] |= step
    return row


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"is_copied_context": True}, "copied from an earlier run"),
        ({"llm_call_count": 0}, "without a model"),
        ({"observation": {"results": [{"content": "a result of nothing"}]}}, "answers no call"),
        (
            {"message": [{"type": "image", "source": {"media_type": "image/png", "path": "a.png"}}]},
            "only results and user turns may",
        ),
    ],
)
def test_atif_step_that_no_model_should_learn_is_refused(step: dict[str, Any], said: str) -> None:
    rejection = rejected("atif", with_step(**step))
    assert rejection.reason is RejectReason.UNSUPPORTED_CONTENT
    assert said in rejection.detail
    assert "a.png" not in rejection.detail


def test_atif_copied_context_of_others_than_the_agent_stays_as_context() -> None:
    row = atif_row()
    for step in row["steps"][:2]:
        step["is_copied_context"] = True
    checked = accepted("atif", atif.Trajectory.model_validate(row).to_json_dict())
    assert checked.messages == accepted("atif", atif_row()).messages


def answered(**result: Any) -> dict[str, Any]:
    """The run with another answer to its second call, as the standard's own models write it."""
    row = atif_row()
    row["steps"][2]["observation"]["results"][1] = {"source_call_id": "c2", **result}
    return row


def written(row: dict[str, Any]) -> dict[str, Any]:
    return atif.Trajectory.model_validate(row).to_json_dict()


REF = [{"trajectory_id": "sub-1", "trajectory_path": "sub.json"}]


def test_atif_sub_agents_runs_inside_the_run_are_refused_as_such() -> None:
    inner = atif_row() | {"trajectory_id": "sub-1"}
    row = answered(content="Error: nobody", subagent_trajectory_ref=REF) | {"subagent_trajectories": [inner]}
    rejection = rejected("atif", written(row))
    assert (rejection.reason, "line of its own" in rejection.detail) == (RejectReason.SUB_AGENT, True)


@pytest.mark.parametrize("content", [{}, {"content": ""}, {"content": []}])
def test_atif_result_that_only_refers_to_a_sub_agent_is_refused_as_such(content: dict[str, Any]) -> None:
    rejection = rejected("atif", written(answered(subagent_trajectory_ref=REF, **content)))
    assert (rejection.reason, "only refers" in rejection.detail) == (RejectReason.SUB_AGENT, True)


def test_atif_result_that_a_sub_agent_gave_in_words_is_read() -> None:
    row = written(answered(content="Error: nobody", subagent_trajectory_ref=REF))
    assert accepted("atif", row).messages == accepted("atif", atif_row()).messages


@pytest.mark.parametrize("version", ["ATIF-v1.7", "ATIF-v1.8"])
def test_atif_of_each_version_is_the_same_record(version: str) -> None:
    run = accepted("atif", written(atif_row() | {"schema_version": version}))
    assert [said(one) for one in run.messages] == [said(one) for one in accepted("openai", openai_row()).messages]


def test_atif_other_major_version_is_another_shape() -> None:
    assert rejected("atif", atif_row() | {"schema_version": "ATIF-v2.0"}).reason is RejectReason.WRONG_SHAPE


@pytest.mark.parametrize(
    ("role", "blocks"),
    [
        ("assistant", [{"type": "tool_use", "id": "c", "name": "n", "input": {}}, {"type": "text", "text": "later"}]),
        ("user", [{"type": "text", "text": "first"}, {"type": "tool_result", "tool_use_id": "c"}]),
        ("user", [{"type": "document", "source": {"type": "url", "url": "https://x.test"}}]),
    ],
)
def test_anthropic_order_or_part_that_the_record_cannot_hold_is_refused(role: str, blocks: list[Any]) -> None:
    rejection = rejected("anthropic", {"messages": [{"role": role, "content": blocks}]})
    assert rejection.reason is RejectReason.UNSUPPORTED_CONTENT


def test_anthropic_text_after_results_is_the_users_next_turn() -> None:
    blocks = [{"type": "tool_result", "tool_use_id": "c", "content": "ok"}, {"type": "text", "text": "And now?"}]
    run = accepted("anthropic", {"messages": [{"role": "user", "content": blocks}]})
    assert [(message.role, message.text) for message in run.messages] == [("tool", "ok"), ("user", "And now?")]


@pytest.mark.parametrize("format_", READERS)
@given(data=st.data())
def test_any_bytes_give_a_run_or_a_rejection(format_: str, data: st.DataObject) -> None:
    """A real line, cut, spliced and overwritten: the readers' structures stay near enough to be hit."""
    line = bytearray(json.dumps(ROWS[format_]()).encode())
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(line)))
        line[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8) | st.sampled_from(_PIECES))
    found = read(format_, bytes(line))
    assert isinstance(found, Trajectory | Rejection)
    if isinstance(found, Trajectory):
        assert from_batch(to_batch([found])) == [found]


_PIECES = [b"null", b"[]", b"{}", b'""', b"-1", b"1e999", b"[[[[[[", b'{"a":', b"\xff", b"true", b'"\\ud800"']
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["messages", "role", "content", "type", "data", "steps", "source", "message", "tool_calls"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("format_", READERS)
@given(row=JSON)
def test_any_json_gives_a_run_or_a_rejection(format_: str, row: object) -> None:
    assert isinstance(read(format_, row), Trajectory | Rejection)
