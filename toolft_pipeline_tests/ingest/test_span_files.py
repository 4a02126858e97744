"""Line and span counts of span files, and their memory limits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.ingest import span_files
from toolft_pipeline.ingest.formats import SPAN_FORMATS
from toolft_pipeline.ingest.log_file import LogEntry, LogFile, ReadCounts
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason, line_hmac
from toolft_pipeline.ingest.span_files import SpanFiles
from toolft_pipeline.ingest.spans.span_join import CompletenessRules
from toolft_pipeline.trajectories.record import Trajectory


def model_call(trace: str, *, id_: str = "m", text: str = "hi") -> bytes:
    messages = [{"role": "user", "content": text}]
    answer = {"choices": [{"message": {"role": "assistant", "content": "hello"}}]}
    run = {"id": f"{trace}-{id_}", "trace_id": trace, "run_type": "llm", "inputs": {"messages": messages}}
    return json.dumps({**run, "outputs": answer}).encode()


def context(trace: str, *, id_: str, padding: int = 0) -> bytes:
    run: dict[str, Any] = {"id": f"{trace}-{id_}", "trace_id": trace, "run_type": "chain", "tags": "x" * padding}
    return json.dumps(run).encode()


def opened(folder: Path, *contents: Sequence[bytes]) -> SpanFiles:
    paths = [folder / f"f{place}.jsonl" for place in range(len(contents))]
    for path, lines in zip(paths, contents, strict=True):
        path.write_bytes(b"\n".join(lines))
    files = [LogFile(path, format_="langsmith", max_line_bytes=10_000, key=b"key") for path in paths]
    return SpanFiles(files, format_=SPAN_FORMATS["langsmith"], agent="a", completeness=CompletenessRules())


def read(folder: Path, *lines: bytes) -> tuple[list[LogEntry], ReadCounts]:
    account = ReadCounts()
    return list(opened(folder, lines).runs(account, golden=False)), account


def test_trace_is_joined_at_its_last_line(tmp_path: Path) -> None:
    runs, account = read(tmp_path, model_call("a"), model_call("b"), b"", b"{", context("a", id_="c"))
    assert [(one.line.number, type(one.run).__name__) for one in runs] == [
        (2, "Trajectory"),
        (3, "NoneType"),
        (4, "Rejection"),
        (1, "Trajectory"),
    ]
    assert account == ReadCounts(lines=4, spans=3)
    assert sum(one.lines for one in runs if one.run is not None) == 4
    assert sum(one.spans for one in runs if one.run is not None) == 3


def test_reject_carries_the_keyed_digest_of_its_first_line(tmp_path: Path) -> None:
    runs, _ = read(tmp_path, context("a", id_="1"), context("a", id_="2"))
    assert isinstance(runs[0].run, Rejection)
    assert runs[0].hmac == line_hmac(context("a", id_="1"), key=b"key")


def test_largest_open_trace_is_given_up_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_files, "MAX_HELD_BYTES", 5_000)
    large = [context("large", id_=str(n), padding=1_000) for n in range(6)]
    runs, account = read(tmp_path, model_call("small"), *large, context("small", id_="c"), context("large", id_="z"))
    kinds = [one.run.reason if isinstance(one.run, Rejection) else one.run and one.run.trajectory_id for one in runs]
    assert kinds == ["small", RejectReason.SPANS_TOO_FAR_APART]
    assert [(one.lines, one.spans) for one in runs] == [(2, 2), (7, 7)]
    assert account == ReadCounts(lines=9, spans=9)


def test_trace_too_far_apart_is_rejected_at_its_first_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_files, "MAX_HELD_BYTES", 3_000)
    account = ReadCounts()
    wide = [context("wide", id_=str(n), padding=1_000) for n in range(4)]
    files = opened(tmp_path, [b"", *wide[:2], model_call("a")], [*wide[2:], model_call("b")])
    runs = [one for one in files.runs(account, golden=False) if one.run is not None]
    kinds = [one.run.reason if isinstance(one.run, Rejection) else one.run and one.run.trajectory_id for one in runs]
    assert kinds == ["a", RejectReason.SPANS_TOO_FAR_APART, "b"]
    assert (runs[1].path.name, runs[1].line.number, runs[1].lines, runs[1].spans) == ("f0.jsonl", 2, 4, 4)
    assert runs[1].hmac == line_hmac(wide[0], key=b"key")
    assert account == ReadCounts(lines=6, spans=6)


def test_trace_over_the_cap_is_refused_and_nothing_of_it_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_files, "MAX_TRACE_BYTES", 2_000)
    runs, _ = read(tmp_path, *[context("a", id_=str(n), padding=500) for n in range(5)], model_call("b"))
    assert isinstance(runs[0].run, Rejection)
    assert runs[0].run.reason is RejectReason.SPANS_TOO_FAR_APART
    assert isinstance(runs[1].run, Trajectory)


def test_spans_held_stay_under_the_cap_at_every_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_files, "MAX_HELD_BYTES", 20_000)
    lines = [context(f"t{n % 50}", id_=str(n), padding=200) for n in range(500)]
    file = opened(tmp_path, lines[::2], lines[1::2])
    held = []
    limit_memory = file._limit_memory

    def watched() -> None:
        limit_memory()
        held.append(sum(len(data) for one in file._open.values() for data in one.pieces or ()))

    monkeypatch.setattr(file, "_limit_memory", watched)
    list(file.runs(ReadCounts(), golden=False))
    assert max(held) <= 20_000


def test_parents_in_a_circle_are_refused(tmp_path: Path) -> None:
    rows = [{"id": one, "trace_id": "t", "run_type": "tool", "parent_run_id": other} for one, other in ("ab", "ba")]
    runs, _ = read(tmp_path, *[json.dumps(row).encode() for row in rows])
    assert isinstance(runs[0].run, Rejection)
    assert runs[0].run.reason is RejectReason.NESTED_TOO_DEEP


def test_spans_below_a_tool_belong_to_the_run(tmp_path: Path) -> None:
    asked = json.loads(model_call("a"))
    call = {"id": "c1", "function": {"name": "find", "arguments": "{}"}}
    asked["outputs"] = {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [call]}}]}
    tool = {"id": "tool", "trace_id": "a", "run_type": "tool", "name": "find"}
    query = {"id": "query", "trace_id": "a", "run_type": "chain", "parent_run_id": "tool"}
    runs, _ = read(tmp_path, *[json.dumps(row).encode() for row in (asked, tool, query)])
    assert [(type(one.run), one.lines, one.spans) for one in runs] == [(Trajectory, 3, 3)]


def test_span_that_came_twice_is_taken_as_it_came_last(tmp_path: Path) -> None:
    runs, _ = read(tmp_path, model_call("a", text="draft"), model_call("a", text="final"))
    assert isinstance(runs[0].run, Trajectory)
    assert [message.text for message in runs[0].run.messages] == ["final", "hello"]
    assert (runs[0].lines, runs[0].spans) == (2, 2)
