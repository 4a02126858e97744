from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.ingest.lines.openai_chat import read_openai_line
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.record import Role, Source, Trajectory

DEEP = RejectReason.NESTED_TOO_DEEP
SOURCE = Source(file="2026-10-01.jsonl", line=1, offset=0, format="openai")


def read(row: object) -> Trajectory | Rejection:
    line = row if isinstance(row, bytes) else json.dumps(row).encode()
    return read_openai_line(line, agent="desk", source=SOURCE)


def accepted(row: object) -> Trajectory:
    run = read(row)
    assert isinstance(run, Trajectory), run
    return run


def reason(row: object) -> RejectReason:
    rejection = read(row)
    assert isinstance(rejection, Rejection), rejection
    return rejection.reason


def row(**changed: Any) -> dict[str, Any]:
    function = {"name": "get_order", "arguments": '{"id": 1.0}'}
    return {
        "id": "run-1",
        "started_at": "2026-10-01T11:12:03+02:00",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Where is "}, {"type": "text", "text": "order 1?"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": "c1", "name": "get_order", "content": '{"state":"sent"}'},
            {"role": "assistant", "content": "It is sent.", "reasoning_content": "state is sent"},
        ],
        "tools_ref": "sha256:abc",
        "outcome": {"status": "success", "evidence": "closed"},
        "initial_state": "seed-1",
        "final_state": "sha256:def",
        "usage": {"prompt_tokens": 10, "latency_ms": 5},
        "something_else": {"ignored": True},
        **changed,
    }


def with_call(arguments: str) -> bytes:
    """A row whose call carries `arguments` as raw JSON text of the line."""
    line = json.dumps(row())
    return line.replace(json.dumps('{"id": 1.0}'), arguments, 1).encode()


def test_openai_complete_row_becomes_a_record() -> None:
    run = accepted(row())
    assert [message.role for message in run.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert run.messages[1].text == "Where is order 1?"
    assert run.messages[2].tool_calls[0].arguments_json == '{"id": 1.0}'
    assert run.messages[3].tool_call_id == "c1"
    assert run.messages[4].reasoning == "state is sent"
    assert run.started_at == "2026-10-01T09:12:03Z"
    assert (run.initial_state_ref, run.final_state_ref, run.tools_digest) == ("seed-1", "sha256:def", "sha256:abc")
    assert run.usage.prompt_tokens == 10
    assert run.outcome.evidence == "closed"
    assert not run.golden


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ('{"id": 1.0, "x": null}', '{"id": 1.0, "x": null}'),
        ('{"big": 12345678901234567890123, "e": 1e400}', '{"big": 12345678901234567890123, "e": 1e400}'),
        ('"{broken"', "{broken"),
        ('["not", "an", "object"]', '["not", "an", "object"]'),
    ],
)
def test_openai_arguments_are_kept_as_the_text_they_were(raw: str, kept: str) -> None:
    assert accepted(with_call(raw)).messages[2].tool_calls[0].arguments_json == kept


@pytest.mark.parametrize("raw", ['""', "null", '" "', '"null"', '"None"'])
def test_openai_call_without_arguments_has_the_empty_object(raw: str) -> None:
    assert accepted(with_call(raw)).messages[2].tool_calls[0].arguments_json == "{}"


def test_openai_absent_arguments_are_the_empty_object() -> None:
    asked = row()
    del asked["messages"][2]["tool_calls"][0]["function"]["arguments"]
    assert accepted(asked).messages[2].tool_calls[0].arguments_json == "{}"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"state": "sent"}, '{"state": "sent"}'),
        ([{"type": "invoice", "id": 1}], '[{"type": "invoice", "id": 1}]'),
        ([1, 2], "[1, 2]"),
        (7.5, "7.5"),
        (True, "true"),
        ([{"type": "text", "text": "sent"}], "sent"),
        ({"type": "text", "text": "sent"}, "sent"),
        ([], ""),
    ],
)
def test_openai_result_that_is_a_value_is_its_json_text(content: object, text: str) -> None:
    asked = row()
    asked["messages"][3]["content"] = content
    assert accepted(asked).messages[3].text == text


@pytest.mark.parametrize(
    "content", [[{"type": "text", "text": "a"}, {"id": 1}], [{"type": "resource_link", "uri": "x"}]]
)
def test_openai_result_with_unsupported_parts_is_refused(content: object) -> None:
    asked = row()
    asked["messages"][3]["content"] = content
    assert reason(asked) is RejectReason.UNSUPPORTED_CONTENT


def test_openai_calls_as_json_text_are_calls() -> None:
    asked = row()
    asked["messages"][2]["tool_calls"] = json.dumps(asked["messages"][2]["tool_calls"])
    assert accepted(asked).messages == accepted(row()).messages


@pytest.mark.parametrize("key", ["args", "arguments"])
def test_openai_call_without_a_function_around_it_is_a_call(key: str) -> None:
    asked = row()
    function = asked["messages"][2]["tool_calls"][0].pop("function")
    asked["messages"][2]["tool_calls"][0] |= {"name": function["name"], key: function["arguments"], "type": "tool_call"}
    assert accepted(asked).messages == accepted(row()).messages


def test_openai_line_that_is_the_list_of_its_messages_is_a_run() -> None:
    assert accepted(row()["messages"]).messages == accepted(row()).messages


def test_openai_separate_system_prompt_comes_first_once() -> None:
    asked = row(system="Be kind.")
    assert [message.text for message in accepted(asked).messages[:2]] == ["Be kind.", "Be brief."]
    assert accepted(row(system="Be brief.")).messages == accepted(row()).messages
    parts = accepted(row(system=[{"type": "text", "text": "Be kind."}]))
    assert parts.messages == accepted(asked).messages


def test_openai_unknown_role_is_named() -> None:
    said = read(row(messages=[{"role": "function", "name": "get", "content": "x"}]))
    assert isinstance(said, Rejection)
    assert "unknown role `function`" in said.detail


def test_openai_call_that_is_no_function_is_refused_by_its_type() -> None:
    call = {"id": "c1", "type": "custom", "custom": {"name": "run", "input": "1"}}
    said = read(row(messages=[{"role": "assistant", "tool_calls": [call]}]))
    assert isinstance(said, Rejection)
    assert "`custom`" in said.detail


def test_openai_row_without_id_is_named_after_its_own_bytes() -> None:
    bare = {"messages": [{"role": "user", "content": "hi"}]}
    first, again = accepted(bare), accepted(bare)
    assert first.trajectory_id == again.trajectory_id
    assert first.trajectory_id.startswith("sha256:")


def test_openai_log_cannot_declare_its_own_runs_golden() -> None:
    assert not accepted(row(golden=True)).golden


def test_openai_refusal_is_the_assistants_text() -> None:
    run = accepted({"messages": [{"role": "assistant", "content": None, "refusal": "I must not."}]})
    assert run.messages[0].text == "I must not."
    assert run.messages[0].role is Role.ASSISTANT


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (json.dumps(row()).encode()[:-20], RejectReason.TRUNCATED_LINE),
        (b"{", RejectReason.TRUNCATED_LINE),
        (json.dumps(row()).encode().replace(b'"id"', b'id"', 1), RejectReason.MALFORMED_JSON),
        (json.dumps(row(id=1.5)).encode().replace(b"}]}", b"}],}", 1), RejectReason.MALFORMED_JSON),
        (b"hello", RejectReason.MALFORMED_JSON),
        (b'{"messages": [{"role": "user", "content": "\xff"}]}', RejectReason.NOT_UTF8),
        (json.dumps(row()).encode().replace(b"{", b'{"skipped":' + b"[" * 9000 + b"]" * 9000 + b",", 1), DEEP),
        (b"[" * 2_000_000, DEEP),
        (row(final_state=json.loads("[" * 70 + "]" * 70)), DEEP),
        (b"[]", RejectReason.WRONG_SHAPE),
        (b"[1]", RejectReason.WRONG_SHAPE),
        (row(messages=[]), RejectReason.WRONG_SHAPE),
        (row(messages=[{"role": "wizard", "content": "x"}]), RejectReason.WRONG_SHAPE),
        (row(id=1.5), RejectReason.WRONG_SHAPE),
        (row(started_at="yesterday"), RejectReason.WRONG_SHAPE),
        (row(usage={"prompt_tokens": 2**70}), RejectReason.WRONG_SHAPE),
        (row(usage={"prompt_tokens": -1}), RejectReason.WRONG_SHAPE),
        (row(outcome={"status": "fine"}), RejectReason.WRONG_SHAPE),
        (
            row(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]),
            RejectReason.IMAGE_NOT_IN_LOG,
        ),
        (row(messages=[{"role": "user", "content": [{"type": "input_audio"}]}]), RejectReason.UNSUPPORTED_CONTENT),
        (
            row(messages=[{"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}]),
            RejectReason.UNSUPPORTED_CONTENT,
        ),
        (with_call(json.dumps("[" * 5000)), DEEP),
        (with_call("[" * 70 + "]" * 70), DEEP),
    ],
)
def test_openai_bad_line_is_rejected_with_its_reason(line: object, expected: RejectReason) -> None:
    assert reason(line) is expected


def test_openai_reject_detail_never_quotes_a_value() -> None:
    rejection = read(row(outcome={"status": "my secret's status"}))
    assert isinstance(rejection, Rejection)
    assert "secret" not in rejection.detail


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(line=st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_openai_any_bytes_give_a_run_or_a_rejection(line: bytes) -> None:
    assert isinstance(read(line), Trajectory | Rejection)


@given(
    key=st.sampled_from(list(row())),
    field=st.sampled_from(["role", "content", "tool_calls", "name"]),
    value=JSON_VALUES,
)
def test_openai_any_value_anywhere_gives_a_run_or_a_rejection(key: str, field: str, value: object) -> None:
    changed = row(**{key: value})
    assert isinstance(read(changed), Trajectory | Rejection)
    one = row()
    one["messages"][2][field] = value
    assert isinstance(read(one), Trajectory | Rejection)


@given(cut=st.integers(0, 900), junk=st.binary(min_size=1, max_size=4))
def test_openai_damaged_line_gives_a_run_or_a_rejection(cut: int, junk: bytes) -> None:
    line = json.dumps(row()).encode()
    assert isinstance(read(line[:cut] + junk + line[cut + 1 :]), Trajectory | Rejection)


@pytest.mark.parametrize("escape", [r"\ud800", r"\udc00\ud800", r"\ud800A", r"\u0000"])
def test_openai_lone_surrogates_never_reach_the_record(escape: str) -> None:
    run = read(f'{{"messages": [{{"role": "user", "content": "{escape} abcdefgh"}}]}}'.encode())
    if isinstance(run, Trajectory):
        run.messages[0].text.encode("utf-8")
