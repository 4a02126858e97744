"""One conversation, traced by each tracer's own library, gives one and the same record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.table import from_batch, to_batch
from toolft_pipeline_tests.ingest.langsmith_exports import langsmith_openai_runs, langsmith_runs
from toolft_pipeline_tests.ingest.otel_exports import numbered_requests, otel_requests
from toolft_pipeline_tests.ingest.span_conversation import CONVERSATION, TOKENS
from toolft_pipeline_tests.ingest.span_exports import EXPORTS, langfuse_observations, mlflow_trace
from toolft_pipeline_tests.ingest.span_runs import ALL, NO_TOOLS, expected, found, joined, refused, said


@pytest.mark.parametrize("export", ALL)
def test_one_conversation_in_every_trace_is_one_record(export: str, tmp_path: Path) -> None:
    format_, rows = ALL[export][0], ALL[export][1]()
    run = joined(tmp_path, rows)
    assert [said(message) for message in run.messages] == expected()
    assert (run.task_id, run.initial_state_ref, run.final_state_ref) == ("t-1", "seed-1", "sha256:def")
    assert run.outcome.status == "success"
    assert (run.usage.prompt_tokens, run.usage.completion_tokens) == (3 * TOKENS[0], 3 * TOKENS[1])
    assert run.usage.latency_ms is not None
    assert run.started_at is not None
    assert run.tools_digest is not None
    assert run.unoffered_tools == (() if export in NO_TOOLS else ("who",))
    assert (run.source.format, run.source.line) == (format_, 1)
    assert from_batch(to_batch([run])) == [run]


@pytest.mark.parametrize("export", ALL)
def test_lines_in_any_order_give_the_same_run(export: str, tmp_path: Path) -> None:
    rows = ALL[export][1]()
    there, back = joined(tmp_path, rows), joined(tmp_path, rows[::-1])
    assert back.messages == there.messages
    assert back.usage == there.usage


@pytest.mark.parametrize("export", ["langsmith", "otel", "langfuse", "mlflow"])
def test_spans_that_were_delivered_twice_are_taken_once(export: str, tmp_path: Path) -> None:
    rows = EXPORTS[export]()
    assert [said(message) for message in joined(tmp_path, [*rows, *rows]).messages] == expected()


def test_interleaved_traces_are_separated(tmp_path: Path) -> None:
    one, other = langsmith_runs(), langsmith_runs()
    rows = [run for pair in zip(one, other, strict=True) for run in pair]
    runs = found(tmp_path, rows)
    assert [type(run.run) for run in runs] == [Trajectory, Trajectory]
    assert [(run.line.number, run.lines, run.spans) for run in runs] == [(1, 6, 6), (2, 6, 6)]


def test_line_of_several_traces_counts_once(tmp_path: Path) -> None:
    one, other = otel_requests(batch=9)[0], otel_requests(batch=9)[0]
    runs = found(tmp_path, [{"resourceSpans": one["resourceSpans"] + other["resourceSpans"]}])
    assert [(run.lines, run.spans) for run in runs] == [(1, 6), (0, 6)]


def test_broken_line_among_spans_is_a_reject_and_the_run_stays(tmp_path: Path) -> None:
    runs = found(tmp_path, [b"{broken", *langsmith_runs(), b"", {"run_type": "llm"}], format_="langsmith")
    reasons = [one.run.reason if isinstance(one.run, Rejection) else type(one.run) for one in runs]
    assert reasons == [RejectReason.TRUNCATED_LINE, Trajectory, type(None), RejectReason.WRONG_SHAPE]


def changed(run: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**run, **fields}


def test_langsmith_prompt_flattened_into_text_is_refused(tmp_path: Path) -> None:
    rows = [
        changed(run, inputs={"prompts": ["System: s\nHuman: secret"]}) if run["run_type"] == "llm" else run
        for run in langsmith_runs()
    ]
    rejection = refused(tmp_path, rows)
    assert rejection.reason is RejectReason.LOSSY_EXPORT
    assert "secret" not in rejection.detail


def test_history_that_an_agent_rewrote_is_refused(tmp_path: Path) -> None:
    rows = langsmith_openai_runs()
    last = next(run for run in rows[::-1] if run["run_type"] == "llm")
    last["inputs"]["messages"] = [CONVERSATION[0], {"role": "user", "content": "summary"}]
    assert refused(tmp_path, rows).reason is RejectReason.DOES_NOT_CHAIN


def test_two_agents_side_by_side_are_not_put_together(tmp_path: Path) -> None:
    rows = langsmith_runs() + langsmith_openai_runs()
    for run in rows:
        run["trace_id"] = rows[0]["trace_id"]
    rejection = refused(tmp_path, rows)
    assert rejection.reason is RejectReason.DOES_NOT_CHAIN


def test_agent_inside_a_tool_is_a_reject_of_its_own(tmp_path: Path) -> None:
    rows = langsmith_runs()
    tool = next(run for run in rows if run["run_type"] == "tool")
    model = next(run for run in rows if run["run_type"] == "llm")
    rows.append(changed(model, id="0" * 32, parent_run_id=tool["id"], dotted_order=f"{tool['dotted_order']}.z"))
    run, inner = found(tmp_path, rows)
    assert isinstance(run.run, Trajectory)
    assert [said(message) for message in run.run.messages] == expected()
    assert isinstance(inner.run, Rejection)
    assert inner.run.reason is RejectReason.SUB_AGENT
    assert [(one.lines, one.spans) for one in (run, inner)] == [(7, 6), (0, 1)]


@pytest.mark.parametrize("export", ["langsmith_openai", "otel", "langfuse", "mlflow"])
def test_missing_results_come_from_tool_spans(export: str, tmp_path: Path) -> None:
    """The run stops after its calls, so no later history can hold their results."""
    rows = ALL[export][1]()
    kept = {"langsmith_openai": _without_later_runs, "langfuse": _without_later_runs}.get(export)
    rows = kept(rows) if kept else _without_later_spans(rows)
    run = joined(tmp_path, rows)
    assert [said(message) for message in run.messages] == expected()[:5]


def _without_later_runs(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    models = sorted(
        (row for row in rows if row.get("run_type") == "llm" or row.get("type") == "GENERATION"),
        key=lambda row: str(row.get("start_time") or row.get("startTime")),
    )
    return [row for row in rows if row not in models[1:]]


def _without_later_spans(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for row in rows:
        lists = (
            [row["data"]]
            if "data" in row
            else [scope for group in row["resourceSpans"] for scope in group["scopeSpans"]]
        )
        for holder in lists:
            holder["spans"] = [span for span in holder["spans"] if not _is_later_model_call(span)]
    return [
        row for row in rows if "data" in row or any(s["spans"] for g in row["resourceSpans"] for s in g["scopeSpans"])
    ]


def _is_later_model_call(span: dict[str, Any]) -> bool:
    return span["name"].startswith("chat") and "It is sent." in json.dumps(span)


def test_outcome_order_is_metadata_scores_errors(tmp_path: Path) -> None:
    def outcome(**root: Any) -> tuple[str, str | None]:
        rows = langsmith_runs()
        for run in rows:
            run["extra"]["metadata"].pop("outcome", None)
        rows[0].update(root)
        run = joined(tmp_path, rows)
        return run.outcome.status, run.outcome.evidence

    assert outcome() == ("unknown", None)
    assert outcome(error="boom") == ("failure", "the root span ended in an error")
    scored = {"correctness": {"n": 1, "avg": 1.0}, "tone": {"n": 1, "avg": 0.0}}
    assert outcome(error="boom", feedback_stats=scored) == ("success", "score correctness")
    assert outcome(feedback_stats={"correctness": {"n": 2, "avg": 0.5}}) == ("unknown", None)
    stated = {"metadata": {"toolft.outcome": {"status": "failure", "evidence": "refund"}}}
    assert outcome(feedback_stats=scored, extra=stated) == ("failure", "refund")


def test_metadata_of_the_root_wins_over_that_of_its_children(tmp_path: Path) -> None:
    rows = langsmith_runs()
    root = next(run for run in rows if run["parent_run_id"] is None)
    for run in rows:
        run["extra"]["metadata"]["task_id"] = "root's" if run is root else "child's"
        run["dotted_order"] = run["start_time"] = f"2026-10-01T00:00:00.{rows.index(run) if run is not root else 9}"
    assert joined(tmp_path, rows).task_id == "root's"


def test_langsmith_runs_are_sorted_by_their_dotted_order(tmp_path: Path) -> None:
    rows = langsmith_runs()
    for run in rows:
        run["start_time"] = rows[0]["start_time"]
    assert [said(message) for message in joined(tmp_path, rows[::-1]).messages] == expected()


def test_otel_attributes_are_sorted_by_their_numbers(tmp_path: Path) -> None:
    requests = numbered_requests()
    for span in (s for r in requests for g in r["resourceSpans"] for scope in g["scopeSpans"] for s in scope["spans"]):
        span["attributes"].reverse()
    assert [said(message) for message in joined(tmp_path, requests).messages] == expected()


def test_mlflow_assessment_says_how_the_run_ended(tmp_path: Path) -> None:
    trace = mlflow_trace()
    del trace["info"]["trace_metadata"]["outcome"]
    assert joined(tmp_path, [trace]).outcome.evidence == "score correctness"


def test_trace_without_a_model_call_is_refused_as_such(tmp_path: Path) -> None:
    rows = [run for run in langsmith_runs() if run["run_type"] != "llm"]
    assert refused(tmp_path, rows).reason is RejectReason.NO_MODEL_CALL


def test_trace_recorded_without_content_says_what_to_turn_on(tmp_path: Path) -> None:
    requests = otel_requests()
    for span in (s for r in requests for g in r["resourceSpans"] for scope in g["scopeSpans"] for s in scope["spans"]):
        span["attributes"] = [one for one in span["attributes"] if "messages" not in one["key"]]
    rejection = refused(tmp_path, requests)
    assert rejection.reason is RejectReason.LOSSY_EXPORT
    assert "capture" in rejection.detail


def test_otel_attribute_that_was_cut_says_which_limit_to_raise(tmp_path: Path) -> None:
    requests = otel_requests()
    for span in (s for r in requests for g in r["resourceSpans"] for scope in g["scopeSpans"] for s in scope["spans"]):
        for one in span["attributes"]:
            if one["key"] == "gen_ai.input.messages":
                one["value"]["stringValue"] = one["value"]["stringValue"][:40]
    assert "attribute length limit" in refused(tmp_path, requests).detail


def test_langfuse_trace_with_its_observations_is_one_line(tmp_path: Path) -> None:
    rows = langfuse_observations()
    trace = {"id": rows[0]["traceId"], "scores": [{"name": "success", "value": 0}], "observations": rows}
    for row in rows:
        row["metadata"].pop("outcome", None)
    run = joined(tmp_path, [trace])
    assert [said(message) for message in run.messages] == expected()
    assert (run.outcome.status, run.outcome.evidence) == ("failure", "score success")


def test_langfuse_tools_among_the_messages_are_the_catalog(tmp_path: Path) -> None:
    """What LangChain's handler writes: the offered tools behind the turns."""
    rows = langfuse_observations()
    for row in (row for row in rows if row["type"] == "GENERATION"):
        prompt = json.loads(row["input"])
        row["input"] = prompt["messages"] + [{"role": "tool", "content": tool} for tool in prompt["tools"]]
    run = joined(tmp_path, rows)
    assert [said(message) for message in run.messages] == expected()
    assert run.tools_digest is not None
