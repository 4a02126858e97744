"""One conversation, written by each format's own library, gives one and the same record."""

from __future__ import annotations

import json
from typing import Any

import atif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, messages_to_dict
from openai import BaseModel

from toolft_pipeline.ingest.formats import LINE_FORMATS
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.record import Message, Source, Trajectory
from toolft_pipeline.trajectories.table import from_batch, to_batch
from toolft_pipeline_tests.ingest.samples import (
    LINE_SAMPLES,
    atif_row,
    langchain_row,
    openai_row,
)


def read(format_: str, row: object) -> Trajectory | Rejection:
    line = row if isinstance(row, bytes) else json.dumps(row).encode()
    source = Source(file="2026-10-01.jsonl", line=1, offset=0, format=format_)
    return LINE_FORMATS[format_].read(line, agent="desk", source=source)


def accepted(format_: str, row: object) -> Trajectory:
    run = read(format_, row)
    assert isinstance(run, Trajectory), run
    return run


def rejected(format_: str, row: object) -> Rejection:
    rejection = read(format_, row)
    assert isinstance(rejection, Rejection), rejection
    return rejection


def said(message: Message) -> tuple[object, ...]:
    calls = [(call.id, call.name, json.loads(call.arguments_json)) for call in message.tool_calls]
    return message.role, message.text, message.reasoning, calls, message.tool_call_id


@pytest.mark.parametrize("format_", LINE_FORMATS)
def test_one_conversation_in_every_format_is_one_record(format_: str) -> None:
    run, expected = accepted(format_, LINE_SAMPLES[format_]()), accepted("openai", openai_row())
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


def test_openai_fully_dumped_answer_is_the_same_record() -> None:
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


def test_langchain_invalid_tool_call_is_refused() -> None:
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
        ({"llm_call_count": 0}, "without a model"),
        ({"observation": {"results": [{"content": "a result of nothing"}]}}, "names no call"),
        (
            {"message": [{"type": "image", "source": {"media_type": "image/png", "path": "a.png"}}]},
            "only tool results and user messages may",
        ),
    ],
)
def test_atif_step_that_no_model_should_learn_is_refused(step: dict[str, Any], said: str) -> None:
    rejection = rejected("atif", with_step(**step))
    assert rejection.reason is RejectReason.UNSUPPORTED_CONTENT
    assert said in rejection.detail
    assert "a.png" not in rejection.detail


def test_atif_copied_steps_of_others_stay_as_context() -> None:
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
def test_atif_result_referring_to_a_sub_agent_is_refused(content: dict[str, Any]) -> None:
    rejection = rejected("atif", written(answered(subagent_trajectory_ref=REF, **content)))
    assert (rejection.reason, "only refers" in rejection.detail) == (RejectReason.SUB_AGENT, True)


def test_atif_text_result_of_a_sub_agent_is_read() -> None:
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
def test_anthropic_unsupported_order_or_part_is_refused(role: str, blocks: list[Any]) -> None:
    rejection = rejected("anthropic", {"messages": [{"role": role, "content": blocks}]})
    assert rejection.reason is RejectReason.UNSUPPORTED_CONTENT


def test_anthropic_text_after_results_is_the_users_next_turn() -> None:
    blocks = [{"type": "tool_result", "tool_use_id": "c", "content": "ok"}, {"type": "text", "text": "And now?"}]
    run = accepted("anthropic", {"messages": [{"role": "user", "content": blocks}]})
    assert [(message.role, message.text) for message in run.messages] == [("tool", "ok"), ("user", "And now?")]


@pytest.mark.parametrize("format_", LINE_FORMATS)
@given(data=st.data())
def test_any_bytes_give_a_run_or_a_rejection(format_: str, data: st.DataObject) -> None:
    """A real line, cut, spliced and overwritten: the readers' structures stay near enough to be hit."""
    line = bytearray(json.dumps(LINE_SAMPLES[format_]()).encode())
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


@pytest.mark.parametrize("format_", LINE_FORMATS)
@given(row=JSON)
def test_any_json_gives_a_run_or_a_rejection(format_: str, row: object) -> None:
    assert isinstance(read(format_, row), Trajectory | Rejection)
