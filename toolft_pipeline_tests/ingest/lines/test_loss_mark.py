"""A turn that a log marks as context enters the record as such, in every format that can carry the mark."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from toolft_pipeline.ingest.formats import LINE_FORMATS
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason, UnsupportedError
from toolft_pipeline.ingest.spans.span_messages import read_messages
from toolft_pipeline.trajectories.record import Role, Source, Trajectory
from toolft_pipeline.trajectories.table import from_batch, to_batch
from toolft_pipeline_tests.ingest.samples import LINE_SAMPLES, atif_row, langchain_row


def read(format_: str, row: object) -> Trajectory | Rejection:
    source = Source(file="2026-10-01.jsonl", line=1, offset=0, format=format_)
    return LINE_FORMATS[format_].read(json.dumps(row).encode(), agent="desk", source=source)


def trained(format_: str, row: object) -> list[bool]:
    """Whether each assistant turn is trained; other turns always are."""
    run = read(format_, row)
    assert isinstance(run, Trajectory), run
    assert from_batch(to_batch([run])) == [run]
    assert all(message.train for message in run.messages if message.role is not Role.ASSISTANT)
    return [message.train for message in run.messages if message.role is Role.ASSISTANT]


def marked(format_: str, mark: dict[str, Any], *, turn: int = 0) -> dict[str, Any]:
    """The format's sample with a mark on one assistant turn, where the format keeps keys of its own."""
    row = LINE_SAMPLES[format_]()
    if format_ == "atif":
        steps = [step for step in row["steps"] if step["source"] == "agent"]
        steps[turn]["extra"] = {"toolft": mark}
    elif format_ == "langchain":
        [one["data"] for one in row["messages"] if one["type"] == "ai"][turn].update(mark)
    else:
        [one for one in row["messages"] if one["role"] == "assistant"][turn].update(mark)
    return row


@pytest.mark.parametrize("mark", [{"weight": 0}, {"train": False}, {"weight": 0.0, "train": False}])
@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("format_", LINE_FORMATS)
def test_marked_turn_is_context_in_every_line_format(format_: str, turn: int, mark: dict[str, Any]) -> None:
    assert trained(format_, marked(format_, mark, turn=turn)) == [place != turn for place in range(3)]


@pytest.mark.parametrize("mark", [{}, {"weight": 1}, {"train": True}, {"weight": None, "train": None}])
@pytest.mark.parametrize("format_", LINE_FORMATS)
def test_turn_without_such_a_mark_is_trained(format_: str, mark: dict[str, Any]) -> None:
    assert trained(format_, marked(format_, mark)) == [True] * 3


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ({"weight": 0.5}, "`weight` that is not 0 (context without loss) or 1; write one of the two"),
        ({"weight": "0"}, "`weight` that is not 0"),
        ({"train": "no"}, "`train` that is not false (context without loss) or true; write one of the two"),
        ({"train": 0}, "`train` that is not false"),
        ({"weight": 0, "train": True}, "marks that contradict each other (`weight`, `train`); keep one of them"),
    ],
)
@pytest.mark.parametrize("format_", LINE_FORMATS)
def test_bad_mark_is_one_clear_reject(format_: str, mark: dict[str, Any], said: str) -> None:
    rejection = read(format_, marked(format_, mark))
    assert isinstance(rejection, Rejection), rejection
    assert rejection.reason is RejectReason.UNSUPPORTED_CONTENT
    assert said in rejection.detail
    assert "0.5" not in rejection.detail


def test_openai_reject_names_the_message() -> None:
    rejection = read("openai", marked("openai", {"weight": 2}, turn=1))
    assert isinstance(rejection, Rejection)
    assert rejection.detail.startswith("message 5 has a `weight`")


def test_marks_on_other_turns_mean_nothing() -> None:
    row = LINE_SAMPLES["openai"]()
    for message in row["messages"]:
        if message["role"] != "assistant":
            message["weight"] = 0.5
    assert trained("openai", row) == [True] * 3


def test_langchain_mark_in_additional_kwargs_is_read() -> None:
    row = langchain_row()
    answers = [one["data"] for one in row["messages"] if one["type"] == "ai"]
    answers[1]["additional_kwargs"] = {"weight": 0}
    assert trained("langchain", row) == [True, False, True]


def test_atif_copied_agent_step_is_context() -> None:
    row = atif_row()
    row["steps"][2]["is_copied_context"] = True
    assert trained("atif", row) == [False, True, True]


@pytest.mark.parametrize("mark", [{"weight": 0}, {"train": False}])
def test_mark_in_a_trace_is_refused_with_the_way_out(mark: dict[str, Any]) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
    assert len(read_messages(Raw(json.dumps(messages).encode()))) == 2
    messages[1] |= mark
    with pytest.raises(UnsupportedError, match="which traces cannot carry; log such runs as OpenAI messages"):
        read_messages(Raw(json.dumps(messages).encode()))
