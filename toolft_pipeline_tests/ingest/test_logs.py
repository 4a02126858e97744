"""Several files are read as one: a trace may span files, and every line counts once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.ingest.log_file import LogEntry
from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.ingest.parsing.rejects import Rejection
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.ingest.samples import LINE_SAMPLES
from toolft_pipeline_tests.ingest.span_conversation import as_json_lines
from toolft_pipeline_tests.ingest.span_lines import SPAN_LINES


def found(folder: Path, *files: list[Any]) -> list[LogEntry[Trajectory]]:
    paths = [folder / f"2026-10-01.{place}.jsonl" for place in range(len(files))]
    for path, rows in zip(paths, files, strict=True):
        path.write_bytes(b"\n".join(as_json_lines(rows)))
    return list(Logs(paths, agent="desk", key=b"key", settings=LogSettings()).runs())


def only(runs: list[LogEntry[Trajectory]]) -> tuple[Trajectory, LogEntry[Trajectory]]:
    assert len(runs) == 1
    assert isinstance(runs[0].run, Trajectory), runs[0].run
    return runs[0].run, runs[0]


@pytest.mark.parametrize("export", SPAN_LINES)
def test_trace_cut_by_rotation_is_one_run_in_any_file_order(export: str, tmp_path: Path) -> None:
    rows = SPAN_LINES[export]()
    whole, account = only(found(tmp_path, rows))
    for cut in range(1, len(rows)):
        for files in ((rows[:cut], rows[cut:]), (rows[cut:], rows[:cut])):
            run, counted = only(found(tmp_path, *files))
            assert (run.messages, run.usage, run.outcome) == (whole.messages, whole.usage, whole.outcome)
            assert (run.source.file, run.source.line, run.source.offset) == ("2026-10-01.0.jsonl", 1, 0)
            assert (counted.lines, counted.spans) == (account.lines, account.spans)


def test_traces_of_two_formats_are_joined_separately(tmp_path: Path) -> None:
    one, other = SPAN_LINES["langsmith"](), SPAN_LINES["langfuse"]()
    runs = found(tmp_path, one[:3], [LINE_SAMPLES["openai"]()], other[:2], one[3:], [b"{broken"], other[2:])
    kinds = [run.run.reason if isinstance(run.run, Rejection) else run.run and run.run.source.format for run in runs]
    assert kinds == ["langsmith", "openai", "langfuse", "truncated_line"]
    assert [(run.path.name, run.line.number, run.lines) for run in runs] == [
        ("2026-10-01.0.jsonl", 1, len(one)),
        ("2026-10-01.1.jsonl", 1, 1),
        ("2026-10-01.2.jsonl", 1, len(other)),
        ("2026-10-01.4.jsonl", 1, 1),
    ]
