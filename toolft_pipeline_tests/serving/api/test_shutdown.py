"""SIGTERM on a real process: what runs is finished, nothing new is taken, the engine is closed last."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from toolft_pipeline.cli.serve import serve_agent
from toolft_pipeline.errors import FixableError, UsageError
from toolft_pipeline.serving.api.http_server import listening_socket
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.serving.api.child import ChildParts, settings_of

BODY = {"model": "tests", "messages": [{"role": "user", "content": "Hours?"}]}


@contextmanager
def child(*arguments: str, serving: dict[str, Any] | None = None, ready: str = "serving ") -> Iterator[Any]:
    """A server's process and its base URL, from the line that it prints."""
    command = [sys.executable, "-m", "toolft_pipeline_tests.serving.api.child", json.dumps(serving or {}), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(ready), (line, process.stderr and process.stderr.read())
            yield process, line.split()[-1].removesuffix("/v1")
        finally:
            process.kill()


@contextmanager
def asked(url: str, *, stream: bool) -> Iterator[list[Any]]:
    """A request that waits in the engine; the list gets its answer."""
    answers: list[Any] = []

    def ask() -> None:
        try:
            body = {**BODY, "stream": stream}
            answers.append(httpx.post(f"{url}/v1/chat/completions", json=body, timeout=HANG_S, trust_env=False))
        except httpx.HTTPError as error:
            answers.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while "toolft_requests_in_progress 1.0" not in httpx.get(f"{url}/metrics", trust_env=False).text:
        pass
    yield answers
    thread.join(HANG_S)


@pytest.mark.parametrize("stream", [False, True])
def test_sigterm_finishes_what_runs(stream: bool) -> None:
    with child() as (process, url):
        with asked(url, stream=stream) as answers:
            process.send_signal(signal.SIGTERM)
            while (ready := httpx.get(f"{url}/ready", trust_env=False)).status_code == 200:
                pass
            assert ready.json() == {"agent": "tests", "status": "shutting down"}
            refused = httpx.post(f"{url}/v1/chat/completions", json=BODY, trust_env=False)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "shutting_down")
            httpx.post(f"{url}/open", json={}, trust_env=False)
        assert process.wait(HANG_S) == 0
        assert answers[0].status_code == 200
        assert "at nine." in answers[0].text
        assert process.stdout.read().splitlines()[-1] == "closed with 0 running"


def test_second_signal_ends_at_once() -> None:
    with child() as (process, url), asked(url, stream=False) as answers:
        process.send_signal(signal.SIGTERM)
        while httpx.get(f"{url}/ready", trust_env=False).status_code == 200:
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_S) == 128 + signal.SIGTERM
    assert isinstance(answers[0], httpx.HTTPError)


def test_drain_ends_after_its_time() -> None:
    with child(serving={"limits": {"drain_s": 0.1}}) as (process, url), asked(url, stream=False) as answers:
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_S) == 0
        assert process.stdout.read().splitlines()[-1] == "closed with 0 running"
        assert process.stderr.read().splitlines()[1:] == []  # uvicorn's own line alone
    assert (answers[0].status_code, answers[0].json()["error"]["code"]) == (503, "shutting_down")


def test_signal_while_the_model_is_loaded_ends_the_server() -> None:
    with child("slow_load", ready="loading") as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_S) == 0
        assert process.stdout.read().splitlines() == ["closed with 0 running"]


def test_model_that_cannot_be_loaded_ends_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FixableError, match="no model is in service"):
        serve_agent(ChildParts(settings_of({}), "no_model"))
    assert capsys.readouterr().out == "closed with 0 running\n"


def test_port_in_use_is_one_clear_line() -> None:
    with listening_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"127.0.0.1:{port} cannot be used \(Address already in use\); choose"):
            serve_agent(ChildParts(settings_of({"port": port})))


def test_missing_key_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESK_KEY", raising=False)
    with pytest.raises(UsageError, match=r"serving.keys_from: \$DESK_KEY \(the key of 'desk'\) is not set"):
        serve_agent(ChildParts(settings_of({"host": "0.0.0.0", "keys_from": {"desk": "DESK_KEY"}})))
