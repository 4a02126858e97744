"""The fast table reader and the general reader give the same result for every line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.ingest.line_reader import read_line
from toolft_pipeline.ingest.lines.openai_chat import read_openai_line
from toolft_pipeline.ingest.lines.openai_table import UnconvertedRun, read_openai_row, table_batch
from toolft_pipeline.ingest.parsing.rejects import Rejection
from toolft_pipeline.trajectories.record import Source, Trajectory
from toolft_pipeline.trajectories.table import to_batch

LOGS = Path(__file__).parents[3] / "data" / "helpdesk" / "logs"

_texts = st.none() | st.text(max_size=5)
_arguments = st.text(max_size=5).filter(lambda text: text.strip() not in ("", "null", "None"))
_DEEP = ["[" * 70, '{"a": "' + "[" * 70 + '"}']


def _calls(arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    function = st.fixed_dictionaries({"name": st.text(max_size=4), "arguments": arguments})
    call = st.fixed_dictionaries({"function": function}, optional={"id": _texts, "type": st.just("function")})
    return st.none() | st.lists(call, max_size=3)


_ORDINARY: dict[str, st.SearchStrategy[Any]] = {
    "content": _texts,
    "refusal": st.none(),
    "reasoning": _texts,
    "reasoning_content": _texts,
    "tool_calls": _calls(_arguments | st.sampled_from(_DEEP)),
    "tool_call_id": _texts,
    "name": _texts,
    "annotations": st.just([]),
    "id": _texts,
    "weight": st.sampled_from([None, 0, 1]),
}
_parts = st.lists(st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url"])}, optional={"text": _texts}))
_ANY = {
    **_ORDINARY,
    "refusal": _texts,
    "tool_calls": _calls(st.none() | st.text() | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)),
    "audio": st.none() | st.just({}),
    "thinking": _texts,
    "weight": st.sampled_from([None, 0, 1, 0.0, 1.0, 0.5, "0", True]),
    "train": st.sampled_from([None, False, True, "no", 0]),
    "tool_name": _texts,
    "tool_call_id": _texts | st.integers(0, 9),
    "content": _texts | _parts | st.integers(0, 9) | st.just({"a": 1}) | st.just([1]),
    "toolInvocations": st.just([{"toolName": "a", "args": {}}]),
}


def _runs(roles: list[str], said: dict[str, st.SearchStrategy[Any]], **bad: Any) -> st.SearchStrategy[list[Any]]:
    counts = st.integers(bad.get("low", 0), 9)
    message = st.fixed_dictionaries({"role": st.sampled_from(roles)}, optional=said)
    run = st.fixed_dictionaries(
        {"messages": st.lists(message, min_size=1, max_size=4)},
        optional={
            "id": _texts,
            "started_at": st.sampled_from([None, "2026-10-01T11:12:03+02:00", "2026-10-01"]),
            "task_id": _texts,
            "outcome": st.sampled_from([None, {"status": "success"}, {"status": "failure", "evidence": "x"}]),
            "tools": st.sampled_from([None, [], [{"name": "a"}], [{"function": {"name": ""}}], {}]),
            "tools_ref": _texts,
            "final_state": st.sampled_from([None, "sha256:a", {"b": [1]}]),
            "model": st.just("m"),
            **bad.get("beside", {}),
            "usage": st.none() | st.fixed_dictionaries({}, optional={"prompt_tokens": counts}),
        },
    )
    return st.lists(run, max_size=4)


_ROLES = ["system", "user", "assistant", "tool"]
_BESIDE = {
    "id": _texts | st.integers(0, 9),
    "started_at": st.sampled_from(["2026-13-01T00:00:00Z", 1760000000, 1760000000123, 5, "2026-10-01 10:00:00 UTC"]),
    "outcome": st.sampled_from(["success", {"status": "completed"}, {"status": "odd"}, True]),
    "initial_state": st.sampled_from([None, "seed", {"a": 1}]),
    "system": _texts,
    "response": st.sampled_from([None, "done", {"choices": []}, {"role": "assistant", "content": "done"}]),
    "reward": st.sampled_from([0, 1, "", [], "high", {"a": 1}]),
}


def both(lines: list[bytes]) -> tuple[list[UnconvertedRun | Trajectory | Rejection], list[Trajectory | Rejection]]:
    sources = [Source("day.jsonl", number, number * 100, "openai") for number in range(len(lines))]
    pairs = list(zip(lines, sources, strict=True))
    return (
        [read_openai_row(line, agent="desk", source=source) for line, source in pairs],
        [read_openai_line(line, agent="desk", source=source) for line, source in pairs],
    )


def compared(lines: list[bytes]) -> list[UnconvertedRun | Trajectory]:
    """What the reader under test kept, once it is seen to say what the other one says."""
    found, wanted = both(lines)
    assert [run for run in found if isinstance(run, Rejection)] == [run for run in wanted if isinstance(run, Rejection)]
    kept = [run for run in found if not isinstance(run, Rejection)]
    records = [run for run in wanted if not isinstance(run, Rejection)]
    if kept:
        batch = table_batch(kept)
        batch.validate(full=True)
        assert batch.equals(to_batch(records))
    return kept


@given(_runs(_ROLES, _ORDINARY))
def test_ordinary_lines_give_the_same_table_without_records(runs: list[Any]) -> None:
    kept = compared([json.dumps(run).encode() for run in runs])
    assert all(isinstance(run, UnconvertedRun) for run in kept)


@given(_runs([*_ROLES, "developer", "nobody"], _ANY, beside=_BESIDE, low=-1), st.integers(0, 400))
def test_any_lines_give_the_same_table_and_the_same_rejections(runs: list[Any], cut: int) -> None:
    lines = [json.dumps(run).encode() for run in runs]
    compared([*lines, *(line[:cut] for line in lines[:1])])


def test_the_committed_logs_are_read_without_records() -> None:
    lines = [line for path in sorted(LOGS.glob("????-??-??.jsonl")) for line in path.read_bytes().splitlines()]
    kept = compared(lines)
    assert len(kept) > 1800
    assert sum(isinstance(run, UnconvertedRun) for run in kept) > 0.98 * len(kept)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "developer", "content": "x"},
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
        {"role": "assistant", "refusal": "no"},
    ],
)
def test_a_line_out_of_the_ordinary_is_a_record_in_its_place(message: dict[str, Any]) -> None:
    plain = {"messages": [{"role": "user", "content": "hello"}]}
    lines = [json.dumps(row).encode() for row in (plain, {"messages": [message]}, plain)]
    assert list(map(type, compared(lines))) == [UnconvertedRun, Trajectory, UnconvertedRun]


def test_text_that_arrow_cannot_hold_is_rejected() -> None:
    line = b'{"id": "1", "messages": [{"role": "user", "content": "\\ud800"}]}'
    found, wanted = both([line])
    assert found == wanted
    assert isinstance(found[0], Rejection)
    assert isinstance(table_batch(compared([b'{"messages":[{"role":"user","content":"\\u0000"}]}'])), pa.RecordBatch)


@given(_runs([*_ROLES, "developer"], {**_ANY, "mood": _texts, "id": _texts}, beside=_BESIDE))
def test_any_lines_give_the_same_keys_not_read(runs: list[Any]) -> None:
    source = Source("day.jsonl", 1, 0, "openai")
    for line in [json.dumps(run).encode() for run in runs]:
        found = read_line(read_openai_row, line, agent="desk", source=source)
        wanted = read_line(read_openai_line, line, agent="desk", source=source)
        assert found[1] == wanted[1]
        assert isinstance(found[0], Rejection) == isinstance(wanted[0], Rejection)


RUN = [
    {"role": "user", "content": "hello"},
    {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{"a": 1}'}}]},
    {"role": "tool", "tool_call_id": "a", "content": "x"},
    {"role": "assistant", "content": "there"},
]


@pytest.mark.parametrize(
    ("beside", "unread"),
    [
        ({"score_of_it": 0.5}, {"run.score_of_it": 1}),
        ({"notes_of_it": {"a": [1]}, "split": "train"}, {"run.notes_of_it": 1}),
        ({"nothing_of_it": None}, None),
        ({"lambda": 1}, {"run.lambda": 1}),
    ],
)
def test_extra_run_keys_are_learned_and_counted(beside: dict[str, Any], unread: dict[str, int] | None) -> None:
    line = json.dumps({"messages": RUN, **beside}).encode()
    source = Source("day.jsonl", 1, 0, "openai")
    read = [read_line(read_openai_row, line, agent="desk", source=source) for _ in range(4)]
    assert [left for _, left in read] == [unread] * 4
    assert isinstance(read[-1][0], Trajectory if "lambda" in beside else UnconvertedRun)


def test_keys_that_may_hold_the_answer_need_the_reader() -> None:
    source = Source("day.jsonl", 1, 0, "openai")
    calls = [{"name": "f", "arguments": {"a": 1}}]
    for line in [{"messages": RUN, "steps_of_it": calls}] * 2 + [{"messages": [RUN[0], RUN[3]], "steps_of_it": calls}]:
        run, left = read_line(read_openai_row, json.dumps(line).encode(), agent="desk", source=source)
    assert isinstance(run, Rejection)
    assert left is None
