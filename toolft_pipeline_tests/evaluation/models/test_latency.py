"""Times of answers: kept per step apart from the answers, and of requests answered alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.evaluation.models.latency import evenly, read_latencies
from toolft_pipeline.evaluation.scoring.evaluate import evaluate, read_metrics
from toolft_pipeline_tests.evaluation.scoring.test_probes import AGENT
from toolft_pipeline_tests.evaluation.scripted import ScriptedModel, oracle, prepared
from toolft_pipeline_tests.evaluation.transcripts import ASSISTANT, TASKS


@pytest.mark.parametrize(
    ("n", "at_most", "expected"),
    [(10, 3, [0, 3, 6]), (3, 10, [0, 1, 2]), (4, 0, []), (0, 5, []), (4, 4, [0, 1, 2, 3])],
)
def test_evenly_spreads_over_all(n: int, at_most: int, expected: list[int]) -> None:
    assert evenly(n, at_most) == expected


def _evaluated(out: Path, *, batched: bool, single_requests: int = 3) -> ScriptedModel:
    model = ScriptedModel(oracle(TASKS))
    evaluation = AGENT.evaluation.model_copy(update={"single_requests": single_requests})
    evaluate(
        prepared(model, single=model if batched else None), tasks=TASKS[:4],
        settings=AGENT.model_copy(update={"evaluation": evaluation}),
        catalog=load_catalog(ASSISTANT / "catalog.json"), out=out, progress=lambda _line: None,
    )  # fmt: skip
    return model


def test_latency_of_every_step_and_of_single_requests_is_stored(tmp_path: Path) -> None:
    model = _evaluated(tmp_path, batched=True)
    metrics, rows = read_metrics(tmp_path), read_latencies(tmp_path)
    steps = [row for row in rows if row.kind == "step"]
    single = [row for row in rows if row.kind == "single"]
    assert (len(steps), len(single), metrics.n_single_requests) == (metrics.n_steps, 3, 3)
    assert model.batches[-3:] == [1, 1, 1]
    assert {row.task_id for row in steps} == {task.task_id for task in TASKS[:4]}
    assert metrics.latency_ms_p50 == sorted(row.latency_ms for row in steps)[(len(steps) + 1) // 2 - 1]
    assert metrics.latency_ms_single_p50 == sorted(row.latency_ms for row in single)[1]


def test_latency_of_an_endpoint_is_single_as_it_is_and_costs_no_request_more(tmp_path: Path) -> None:
    model = _evaluated(tmp_path, batched=False)
    metrics = read_metrics(tmp_path)
    assert model.batches == [metrics.n_steps]
    assert metrics.latency_ms_single_p50 == metrics.latency_ms_p50


def test_latency_without_single_requests_is_not_known(tmp_path: Path) -> None:
    _evaluated(tmp_path, batched=True, single_requests=0)
    assert read_metrics(tmp_path).latency_ms_single_p50 is None


def test_latencies_of_an_older_evaluation_are_none(tmp_path: Path) -> None:
    assert read_latencies(tmp_path) == []
