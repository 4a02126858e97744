"""An incomplete trace is refused; a trace that begins below another service's span is a run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from opentelemetry.propagate import extract

from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.ingest.langsmith_exports import langsmith_runs
from toolft_pipeline_tests.ingest.otel_exports import otel_requests
from toolft_pipeline_tests.ingest.span_conversation import CONVERSATION, as_json_lines
from toolft_pipeline_tests.ingest.span_exports import langfuse_observations
from toolft_pipeline_tests.ingest.span_lines import SPAN_LINES, below, by_start, root_of, span_of
from toolft_pipeline_tests.ingest.test_day import DAY, read, write

MIDNIGHT = datetime(2026, 10, 2, tzinfo=UTC)
TRACE = "0af7651916cd43dd8448eb211c80319c"
ELSEWHERE = "00f067aa0ba902b7"


def outcome(
    folder: Path, rows: list[Any], *, over: datetime | None = None, remote_parents: bool = False
) -> Trajectory | Rejection:
    path = folder / "f.jsonl"
    path.write_bytes(b"\n".join(as_json_lines(rows)))
    settings = LogSettings(remote_parents=remote_parents)
    ends = None if over is None else int(over.timestamp()) * 1_000_000_000
    (found,) = Logs([path], agent="desk", key=b"key", settings=settings, day_ends_ns=ends).runs()
    assert found.run is not None
    return found.run


def incomplete(run: Trajectory | Rejection) -> bool:
    return isinstance(run, Rejection) and run.reason is RejectReason.INCOMPLETE_TRACE


@pytest.mark.parametrize("export", SPAN_LINES)
def test_midnight_trace_exported_by_start_is_incomplete(export: str, tmp_path: Path) -> None:
    count = len(SPAN_LINES[export]())
    for cut in range(1, count):
        rows = by_start(export, first=MIDNIGHT - timedelta(minutes=cut))
        assert incomplete(outcome(tmp_path, rows[:cut], over=MIDNIGHT)), cut
        assert incomplete(outcome(tmp_path, rows[cut:], over=MIDNIGHT + timedelta(days=1))), cut


@pytest.mark.parametrize("export", SPAN_LINES)
def test_midnight_trace_exported_by_end_is_incomplete(export: str, tmp_path: Path) -> None:
    """The later day has the root and the last turns, whose history is the whole conversation; or no model call."""
    count = len(SPAN_LINES[export]())
    for cut in range(1, count):
        root, *children = by_start(export, first=MIDNIGHT - timedelta(minutes=cut + 1))
        rows = [*children, root]
        assert incomplete(outcome(tmp_path, rows[:cut], over=MIDNIGHT)), cut
        later = outcome(tmp_path, rows[cut:], over=MIDNIGHT + timedelta(days=1))
        if isinstance(later, Trajectory):
            assert [message.text for message in later.messages] == [said["content"] for said in CONVERSATION]
        else:
            assert later.reason is RejectReason.NO_MODEL_CALL


@pytest.mark.parametrize("export", SPAN_LINES)
def test_complete_midnight_trace_of_one_day_is_a_run(export: str, tmp_path: Path) -> None:
    rows = by_start(export, first=MIDNIGHT - timedelta(minutes=3))
    for day_ends in (MIDNIGHT, MIDNIGHT + timedelta(days=1)):
        assert isinstance(outcome(tmp_path, rows, over=day_ends), Trajectory)


def test_day_ends_in_the_agents_own_time_zone(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    rows = by_start("langsmith", first=MIDNIGHT - timedelta(minutes=3))
    for zone, reasons in (("UTC", {"incomplete_trace": 1}), ("Asia/Tokyo", {})):
        desk = agent(tmp_path, schedule={"time_zone": zone})
        write(desk, b"\n".join(as_json_lines(rows[:3])))
        assert read(desk, tmp_path / zone).reasons == reasons


@pytest.mark.parametrize("export", ["langsmith", "langfuse", "mlflow"])
def test_missing_parent_is_refused_without_remote_parents(export: str, tmp_path: Path) -> None:
    rows = SPAN_LINES[export]()
    root = root_of(export, rows)
    below(export, root, ELSEWHERE)
    root.pop("isRootObservation", None)
    refused = outcome(tmp_path, rows)
    assert isinstance(refused, Rejection)
    assert refused.reason is RejectReason.INCOMPLETE_TRACE
    assert "logs.remote_parents" in refused.detail
    assert ELSEWHERE not in refused.detail
    assert isinstance(outcome(tmp_path, rows, remote_parents=True), Trajectory)


def otel_below_another_service() -> list[dict[str, Any]]:
    """A request that another service made, by the official propagator."""
    return otel_requests(batch=1, above=extract({"traceparent": f"00-{TRACE}-{ELSEWHERE}-01"}))


def test_otel_parent_that_the_flags_call_remote_may_be_missing(tmp_path: Path) -> None:
    rows = otel_below_another_service()
    assert isinstance(outcome(tmp_path, rows), Trajectory)
    for row in rows:
        span_of("otel", row).pop("flags")
    assert incomplete(outcome(tmp_path, rows))
    assert isinstance(outcome(tmp_path, rows, remote_parents=True), Trajectory)


def test_otel_missing_local_parent_is_refused_always(tmp_path: Path) -> None:
    rows = SPAN_LINES["otel"]()
    rows.remove(root_of("otel", rows))
    assert incomplete(outcome(tmp_path, rows))
    assert incomplete(outcome(tmp_path, rows, remote_parents=True))


def test_otel_parent_of_zeros_means_no_parent(tmp_path: Path) -> None:
    rows = SPAN_LINES["otel"]()
    below("otel", root_of("otel", rows), "0" * 16)
    assert isinstance(outcome(tmp_path, rows), Trajectory)


def test_langfuse_trace_with_invented_parent_is_a_run(tmp_path: Path) -> None:
    rows = langfuse_observations(trace_id=TRACE)
    ids = {row["id"] for row in rows}
    (top,) = [row for row in rows if row["parentObservationId"] not in ids]
    assert top["parentObservationId"] is not None
    run = outcome(tmp_path, rows)
    assert isinstance(run, Trajectory)
    assert run.trajectory_id == TRACE


@pytest.mark.parametrize("name", ["langfuse.internal.is_app_root", "langfuse.internal.as_root"])
def test_otel_app_root_of_langfuse_may_lack_its_parent(name: str, tmp_path: Path) -> None:
    """The SDK's made-up parent is no remote one by the flags."""
    rows = SPAN_LINES["otel"]()
    root = root_of("otel", rows)
    below("otel", root, ELSEWHERE)
    assert incomplete(outcome(tmp_path, rows))
    span_of("otel", root)["attributes"].append({"key": name, "value": {"boolValue": True}})
    assert isinstance(outcome(tmp_path, rows), Trajectory)


def test_langsmith_child_that_a_run_names_is_missed(tmp_path: Path) -> None:
    rows = langsmith_runs()
    root = root_of("langsmith", rows)
    root["child_run_ids"] = [row["id"] for row in rows if row is not root]
    assert isinstance(outcome(tmp_path, rows), Trajectory)
    last = max(rows, key=lambda row: str(row["dotted_order"]))
    assert incomplete(outcome(tmp_path, [row for row in rows if row is not last]))


def test_langsmith_parents_come_from_dotted_order(tmp_path: Path) -> None:
    rows = langsmith_runs()
    root = root_of("langsmith", rows)
    for row in rows:
        del row["parent_run_id"]
    assert isinstance(outcome(tmp_path, rows), Trajectory)
    assert incomplete(outcome(tmp_path, [row for row in rows if row is not root]))


def test_reject_of_a_split_trace_is_at_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    desk = agent(tmp_path)
    rows = [row for row in langsmith_runs() if row["parent_run_id"] is not None]
    write(desk, b"\n".join([b"", *as_json_lines(rows[:2])]), f"{DAY}.1.jsonl")
    write(desk, b"\n".join(as_json_lines(rows[2:])), f"{DAY}.2.jsonl")
    summary = read(desk, tmp_path / "out")
    assert (summary.runs, summary.rejects, summary.lines, summary.lines_of_rejects) == (1, 1, len(rows), len(rows))
    (reject,) = pq.read_table(tmp_path / "out" / "rejects.parquet").to_pylist()
    assert (reject["file"], reject["line"], reject["offset"]) == (f"{DAY}.1.jsonl", 2, 1)
    assert json.dumps(rows[0])[:20] not in str(reject)
