"""Health, readiness and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from toolft_pipeline.engines.engine import EndReason
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline_tests.serving.api.client_side import TOOLS, call, chat
from toolft_pipeline_tests.serving.api.running import Running, running


class Drifting:
    """Live tools that differ."""

    def __init__(self) -> None:
        self.differs = False

    def drifted(self) -> bool:
        return self.differs

    def describe(self) -> Mapping[str, Any]:
        return {"added": ["new_tool"]}


def samples(server: Running) -> dict[str, float]:
    lines = [line for line in server.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_metrics_count_turns_tokens_and_time(chatml: ServedModel) -> None:
    drift = Drifting()
    with running(chatml, drift=drift) as server:
        texts = ["Hello.", call("search", {"query": "a"}), call("search", {}), "<tool_call>x", call("fly", {})]
        prompt_tokens = 0
        for text in texts:
            server.engine.text = text
            answer = chat(server, tools=TOOLS)
            saved = server.seen.of(answer.id).catalog_tokens_saved
            prompt_tokens += answer.usage.prompt_tokens
        server.engine.text, server.engine.end = "cut", EndReason.LENGTH
        prompt_tokens += chat(server).usage.prompt_tokens
        server.post({})
        drift.differs = True
        found = samples(server)
    arm = 'arm="champion"'
    outcomes = {"answer": 1, "calls": 2, "malformed_tool_call": 1, "unknown_tool": 1, "length": 1}
    assert {name: found[f'toolft_turns_total{{{arm},outcome="{name}"}}'] for name in outcomes} == outcomes
    assert found[f"toolft_calls_total{{{arm}}}"] == 2
    assert found[f"toolft_invalid_calls_total{{{arm}}}"] == 1
    assert found[f'toolft_tokens_total{{{arm},kind="prompt"}}'] == prompt_tokens
    assert found[f'toolft_tokens_total{{{arm},kind="completion"}}'] == 6
    assert found[f"toolft_catalog_tokens_saved_total{{{arm}}}"] == 5 * saved > 0
    route = 'client="local",route="/v1/chat/completions"'
    assert found[f'toolft_requests_total{{{route},status="200"}}'] == 6
    assert found[f'toolft_requests_total{{{route},status="400"}}'] == 1
    for part in ("queue", "first_token", "rest"):
        assert found[f'toolft_turn_seconds_count{{{arm},part="{part}"}}'] == 6
    assert found[f'toolft_turn_seconds_sum{{{arm},part="queue"}}'] == pytest.approx(6 * 0.007)
    assert found["toolft_catalog_drift"] == 1
    assert found["toolft_requests_in_progress"] == 0
    assert found['toolft_engine_requests{state="waiting"}'] == 0


def test_metrics_have_no_text_of_a_client(server: Running) -> None:
    server.get("/v1/secret-path")
    server.post({**server.ask(), "model": "secret-model"})
    text = server.get("/metrics").text
    assert "secret" not in text
    assert 'route="other"' in text


def test_ready_while_a_model_is_loaded(server: Running) -> None:
    assert server.get("/ready").json() == {"status": "ready", "model": "tests/2026-10-07"}
    loaded, server.router.answering = server.router.answering, None
    try:
        assert (server.get("/ready").status_code, server.get("/health").status_code) == (503, 200)
        answer = server.post(server.ask())
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_not_ready")
        assert server.get("/v1/models").status_code == 503
        assert server.get("/metrics").status_code == 200
    finally:
        server.router.answering = loaded


def test_ready_no_more_when_the_engine_has_failed(chatml: ServedModel) -> None:
    with running(chatml) as server:
        server.engine.failure = "out of memory"
        ready = server.get("/ready")
        assert (ready.status_code, ready.json()) == (503, {"status": "the engine has failed"})
