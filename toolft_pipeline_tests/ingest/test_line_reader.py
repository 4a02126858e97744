"""One line after its reader: better reasons, NaN read as null, keys that are not read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.ingest.line_reader import read_line
from toolft_pipeline.ingest.lines.openai_chat import read_openai_line
from toolft_pipeline.ingest.log_file import LogEntry
from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Source, Trajectory
from toolft_pipeline_tests.ingest.samples import LINE_SAMPLES, anthropic_row, langchain_row, openai_row
from toolft_pipeline_tests.ingest.test_readers import JSON

CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"a": 1}'}}
ASK: dict[str, Any] = {"role": "user", "content": "Where is it?"}
CALLING: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [CALL]}
FOUND_IT: dict[str, Any] = {"role": "tool", "tool_call_id": "c1", "content": "there"}
SAYS: dict[str, Any] = {"role": "assistant", "content": "It is there."}
RUN = [ASK, CALLING, FOUND_IT, SAYS]


def found(folder: Path, *lines: object, format_: str = "auto") -> list[LogEntry[Trajectory]]:
    path = folder / "runs.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return list(Logs([path], agent="desk", key=b"key", settings=LogSettings(format=format_)).runs())  # type: ignore[arg-type]


def kept(folder: Path, line: object, format_: str = "auto") -> Trajectory:
    (one,) = found(folder, line, format_=format_)
    assert isinstance(one.run, Trajectory), one.run
    return one.run


def refused(folder: Path, line: object, format_: str = "auto") -> Rejection:
    (one,) = found(folder, line, format_=format_)
    assert isinstance(one.run, Rejection), one.run
    return one.run


@pytest.mark.parametrize(
    "beside",
    [
        {"reward": "NaN"},
        {"usage": {"prompt_tokens": 3, "latency_ms": "NaN"}},
        {"logprobs": [-1.0, "NaN"]},
        {"metrics": {"loss": "-Infinity", "note": 'NaN in a "text"'}},
    ],
)
def test_nan_where_nothing_is_read_loses_no_run(beside: dict[str, Any], tmp_path: Path) -> None:
    line = json.dumps({"messages": RUN, **beside}).replace('"NaN"', "NaN").replace('"-Infinity"', "-Infinity").encode()
    run = kept(tmp_path, line)
    assert [message.text for message in run.messages] == ["Where is it?", "", "there", "It is there."]
    assert run.trajectory_id == f"sha256:{hashlib.sha256(line).hexdigest()}"


@pytest.mark.parametrize("format_", LINE_SAMPLES)
def test_nan_is_read_over_in_every_format(format_: str, tmp_path: Path) -> None:
    line = json.dumps(LINE_SAMPLES[format_]() | {"reward": float("nan")})
    assert kept(tmp_path, line.encode()).messages == kept(tmp_path, LINE_SAMPLES[format_]()).messages


@pytest.mark.parametrize(
    "messages",
    [
        [ASK, {**CALLING, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {"a": float("nan")}}}]}],
        [ASK, CALLING, {**FOUND_IT, "content": {"temperature": float("inf")}}],
    ],
)
def test_nan_in_what_is_read_is_named(messages: list[Any], tmp_path: Path) -> None:
    rejection = refused(tmp_path, {"messages": messages})
    assert (rejection.reason, "NaN or Infinity" in rejection.detail) == (RejectReason.MALFORMED_JSON, True)


WHOLE = json.dumps({"messages": RUN})


@pytest.mark.parametrize(
    ("line", "reason", "said"),
    [
        (WHOLE + ",", RejectReason.MALFORMED_JSON, "trailing comma or bracket after the JSON value"),
        (WHOLE + "]", RejectReason.MALFORMED_JSON, "trailing comma or bracket after the JSON value"),
        (WHOLE + WHOLE, RejectReason.MALFORMED_JSON, "several JSON values on one line"),
        (WHOLE + ", " + WHOLE, RejectReason.MALFORMED_JSON, "several JSON values on one line"),
        (WHOLE + " # done", RejectReason.MALFORMED_JSON, "extra text after the JSON value"),
        (WHOLE[:-1] + ",}", RejectReason.MALFORMED_JSON, "trailing comma"),
        (WHOLE[:-30], RejectReason.TRUNCATED_LINE, "the line breaks off"),
        (WHOLE.replace("there.", "\\ud83d"), RejectReason.MALFORMED_JSON, "lone surrogate"),
        (WHOLE.replace("there.", "\\ud83d there."), RejectReason.MALFORMED_JSON, "lone surrogate"),
        (WHOLE.replace("there.", "\\udc00 there."), RejectReason.MALFORMED_JSON, "lone surrogate"),
        (WHOLE.replace("there.", "\\ud83d\\u0041"), RejectReason.MALFORMED_JSON, "lone surrogate"),
    ],
)
def test_invalid_json_is_explained(line: str, reason: RejectReason, said: str, tmp_path: Path) -> None:
    rejection = refused(tmp_path, line.encode())
    assert (rejection.reason, said in rejection.detail) == (reason, True), rejection


def test_whole_surrogate_pairs_and_escaped_escapes_are_read(tmp_path: Path) -> None:
    text = WHOLE.replace("there.", "\\ud83c\\udf1e \\\\ud83d")
    assert kept(tmp_path, text.encode()).messages[-1].text == "It is \U0001f31e \\ud83d"


@pytest.mark.parametrize(
    "message",
    [
        {"toolInvocations": [{"toolName": "find", "args": {"a": 1}, "result": "there"}]},
        {"toolCalls": [{"id": "c", "kind": "x"}]},
        {"invalid_tool_calls": [{"id": "c"}]},
        {"raw_tool_calls": '[{"id": "c"}]'},
        {"actions": [{"tool": "find", "tool_input": {"a": 1}}]},
        {"steps": [{"call": {"function": {"name": "find", "arguments": "{}"}}}]},
        {"metadata": {"call": {"name": "find", "arguments": {"a": 1}}}},
        {"tool_use": {"name": "find", "input": {}}},
        {"function_call": {"name": "find", "arguments": "{}"}},
    ],
)
@pytest.mark.parametrize("place", [1, -1])
def test_calls_under_another_key_never_give_a_run_without_calls(
    message: dict[str, Any], place: int, tmp_path: Path
) -> None:
    messages = [ASK, dict(SAYS), ASK, dict(SAYS)]
    messages[place] |= message
    rejection = refused(tmp_path, {"messages": messages})
    assert next(iter(message)) in rejection.detail


@pytest.mark.parametrize("format_", ["langchain", "anthropic", "atif"])
def test_calls_under_another_key_are_refused_in_every_format(format_: str, tmp_path: Path) -> None:
    row = LINE_SAMPLES[format_]()
    last = row["steps"][-1] if format_ == "atif" else row["messages"][-1]
    last = last["data"] if format_ == "langchain" else last
    last["toolInvocations"] = [{"toolName": "find", "args": {"a": 1}}]
    assert "toolInvocations" in refused(tmp_path, row, format_).detail


def test_calls_next_to_messages_are_refused_if_the_only_ones(tmp_path: Path) -> None:
    expected = {"expected": [{"name": "find", "arguments": {"a": 1}}]}
    assert "`expected`" in refused(tmp_path, {"messages": [ASK, SAYS], **expected}).detail
    (one,) = found(tmp_path, {"messages": RUN, **expected})
    assert isinstance(one.run, Trajectory)
    assert one.keys_not_read == {"run.expected": 1}


def test_tools_that_are_offered_under_another_key_are_no_calls(tmp_path: Path) -> None:
    tools = [{"name": "find", "description": "d", "parameters": {"type": "object", "properties": {}}}]
    (one,) = found(tmp_path, {"messages": [ASK, SAYS], "available": tools})
    assert isinstance(one.run, Trajectory)
    assert one.keys_not_read == {"run.available": 1}


@pytest.mark.parametrize("key", ["output", "result", "text", "value"])
def test_content_under_another_key_is_refused(key: str, tmp_path: Path) -> None:
    result = {"role": "tool", "tool_call_id": "c1", key: "there"}
    assert f"`{key}`" in refused(tmp_path, {"messages": [ASK, CALLING, result, SAYS]}).detail


def test_keys_that_are_not_read_are_counted_by_their_level(tmp_path: Path) -> None:
    asked = {**ASK, "mood": "glad", "content": [{"type": "text", "text": "Where?", "lang": "en"}], "locale": ""}
    called = {**CALLING, "tool_calls": [{**CALL, "cost_of": 3}]}
    messages = [asked, called, FOUND_IT, {**SAYS, "mood": "sad"}]
    (one,) = found(tmp_path, {"messages": messages, "reward": 1, "note": None})
    assert isinstance(one.run, Trajectory)
    assert one.keys_not_read == {"run.reward": 1, "message.mood": 2, "part.lang": 1, "call.cost_of": 1}


def test_keys_that_may_be_secrets_are_counted_without_their_name(tmp_path: Path) -> None:
    (one,) = found(tmp_path, {"messages": RUN, "jo.smith@firma.de": 1, "sk-4f5g6h7j8k": 1})
    assert one.keys_not_read == {"run.(a name that is not shown)": 2}


@pytest.mark.parametrize("format_", LINE_SAMPLES)
def test_library_written_runs_have_no_key_not_read(format_: str, tmp_path: Path) -> None:
    (one,) = found(tmp_path, LINE_SAMPLES[format_](), format_=format_)
    assert (isinstance(one.run, Trajectory), one.keys_not_read) == (True, None)


ANSWER = {"role": "assistant", "content": "It is there."}


@pytest.mark.parametrize(
    "beside",
    [
        {"response": {"id": "x", "choices": [{"index": 0, "finish_reason": "stop", "message": ANSWER}]}},
        {"response": json.dumps({"choices": [{"message": ANSWER}]})},
        {"response": {"status_code": 200, "body": {"choices": [{"message": ANSWER}]}}},
        {"response": {"model": "m", "message": ANSWER, "done": True}},
        {"response": ANSWER},
        {"response": "It is there."},
        {"choices": [{"message": ANSWER}]},
        {"choices": [{"index": 0, "text": "It is there."}]},
        {"output": [ANSWER]},
        {"output": {"content": "It is there."}},
        {"completion": "It is there."},
    ],
)
def test_separate_answer_becomes_the_last_message(beside: dict[str, Any], tmp_path: Path) -> None:
    whole = kept(tmp_path, {"messages": RUN})
    assert kept(tmp_path, {"messages": RUN[:-1], **beside}).messages == whole.messages
    assert kept(tmp_path, {"messages": RUN, **beside}).messages == whole.messages


def test_separate_answer_keeps_its_calls_exactly(tmp_path: Path) -> None:
    arguments = '{"id": 123456789012345678901234567890, "e": 1e400, "f": 1.0}'
    answer = {**CALLING, "tool_calls": [{**CALL, "function": {"name": "find", "arguments": "ARGS"}}]}
    line = json.dumps({"messages": [ASK], "response": {"choices": [{"message": answer}]}}).replace('"ARGS"', arguments)
    assert kept(tmp_path, line.encode(), "openai").messages[-1].tool_calls[0].arguments_json == arguments


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ({"choices": [{"message": ANSWER}, {"message": ANSWER}]}, "several answers"),
        ({"response": {"error": {"code": 500}}}, "no answer in a known shape"),
        ({"output": [{"type": "function_call", "name": "find"}]}, "Responses"),
        ({"reply": "It is there."}, "`reply`"),
        ({"final": {"role": "assistant", "content": "x"}}, "`final`"),
    ],
)
def test_unreadable_separate_answer_is_refused(beside: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert said in refused(tmp_path, {"messages": RUN[:-1], **beside}).detail


def test_answer_that_differs_from_the_last_message_is_refused(tmp_path: Path) -> None:
    other = {"choices": [{"message": {"role": "assistant", "content": "Elsewhere."}}]}
    assert "differs from the last message" in refused(tmp_path, {"messages": RUN, "response": other}).detail


def test_anthropic_separate_answer_is_the_last_message(tmp_path: Path) -> None:
    row = anthropic_row()
    whole, last = kept(tmp_path, row), row["messages"].pop()
    answer = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": last["content"]}]}
    assert kept(tmp_path, {**row, "response": answer}).messages == whole.messages


def test_langchain_constructors_equal_bare_messages(tmp_path: Path) -> None:
    row = langchain_row()
    classes = {"system": "SystemMessage", "human": "HumanMessage", "ai": "AIMessage", "tool": "ToolMessage"}
    dumped = [
        {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain", "schema", "messages", classes[one["type"]]],
            "kwargs": one["data"],
        }
        for one in row["messages"]
    ]
    bare = [{**one["data"], "type": one["type"]} for one in row["messages"]]
    whole = kept(tmp_path, row)
    assert kept(tmp_path, {**row, "messages": dumped}).messages == whole.messages
    assert kept(tmp_path, {**row, "messages": bare}).messages == whole.messages


def test_separate_system_prompt_does_not_mean_anthropic(tmp_path: Path) -> None:
    first, second = found(tmp_path, {"system": "Be brief.", "messages": [ASK, SAYS]}, {"messages": RUN})
    assert isinstance(first.run, Trajectory)
    assert isinstance(second.run, Trajectory)
    assert [message.role for message in first.run.messages] == ["system", "user", "assistant"]


def test_line_of_another_format_than_its_file_is_named(tmp_path: Path) -> None:
    _, second = found(tmp_path, openai_row(), anthropic_row())
    assert isinstance(second.run, Rejection)
    assert "has format anthropic, but the file is read as openai" in second.run.detail


def test_atif_results_without_ids_match_by_order(tmp_path: Path) -> None:
    row = LINE_SAMPLES["atif"]()
    whole = kept(tmp_path, row)
    for result in row["steps"][2]["observation"]["results"]:
        del result["source_call_id"]
    assert kept(tmp_path, row).messages == whole.messages


SOURCE = Source(file="runs.jsonl", line=1, offset=0, format="openai")


@given(row=JSON, beside=st.dictionaries(st.sampled_from(["response", "output", "system", "calls"]), JSON, max_size=2))
def test_any_json_gives_a_run_or_a_rejection(row: object, beside: dict[str, object]) -> None:
    line = json.dumps({"messages": [{"role": "user", "content": row}], **beside, "x": row}).encode()
    run, unread = read_line(read_openai_line, line, agent="desk", source=SOURCE)
    assert isinstance(run, Trajectory | Rejection)
    assert unread is None or isinstance(run, Trajectory)


@given(line=st.binary())
def test_any_bytes_give_a_run_or_a_rejection(line: bytes) -> None:
    run, _ = read_line(read_openai_line, line, agent="desk", source=SOURCE)
    assert isinstance(run, Rejection)
