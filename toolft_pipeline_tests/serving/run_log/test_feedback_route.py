"""Feedback over a real socket, with the client's name as the server's checks leave it on the request."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from toolft_pipeline.serving.run_log.feedback_route import feedback_route
from toolft_pipeline.serving.run_log.run_log import RunLog
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.serving.run_log.test_run_log import Clock, open_log
from toolft_pipeline_tests.serving.run_log.turns import served, user


class _Named:
    """What the server's checks do: they name the client by its key."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            scope.setdefault("state", {})["client"] = headers.get(b"x-client", b"local").decode()
        await self._app(scope, receive, send)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RunLog]:
    opened = open_log(tmp_path, Clock())
    yield opened
    opened.close(timeout=HANG_S)


@pytest.fixture
def address(log: RunLog) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = _Named(Starlette(routes=[feedback_route(log)]))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/feedback"
        server.should_exit = True
        thread.join(HANG_S)


def post(address: str, body: Any, *, client: str = "local") -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json", "X-Client": client})
    try:
        with urllib.request.urlopen(request, timeout=HANG_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_feedback_is_recorded_once_and_conflicts_are_explained(log: RunLog, address: str) -> None:
    log.observe(served([user("hi")], "hello"))
    given = {"conversation_id": "talk-1", "outcome": "success", "evidence": "solved", "comment": "thanks"}
    assert post(address, given)[1]["status"] == "recorded"
    status, again = post(address, given)
    assert (status, again["status"], again["outcome"]) == (200, "already_recorded", "success")
    status, refused = post(address, {**given, "outcome": "failure"})
    assert (status, refused["error"]["code"]) == (409, "conflict")
    assert "already has the outcome success (solved)" in refused["error"]["message"]


def test_another_clients_conversation_is_unknown(log: RunLog, address: str) -> None:
    log.observe(served([user("hi")], "hello", client="a"))
    body = {"conversation_id": "talk-1", "outcome": "success"}
    assert post(address, body, client="b")[0] == 404
    assert post(address, body, client="a")[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        {"conversation_id": "talk-1"},
        {"conversation_id": "talk-1", "outcome": "maybe"},
        {"conversation_id": "", "outcome": "success"},
        {"conversation_id": "talk-1", "outcome": "success", "path": "/etc/passwd"},
        {"conversation_id": "talk-1", "outcome": "success", "evidence": "x" * 5_001},
        b'{"conversation_id": "\\ud800", "outcome": "success"}',
    ],
)
def test_what_is_no_feedback_is_refused_with_a_reason(address: str, body: Any) -> None:
    status, answer = post(address, body)
    assert (status, answer["error"]["code"]) == (400, "invalid_feedback")


def test_feedback_that_cannot_be_stored_is_to_be_sent_again(
    log: RunLog, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.observe(served([user("hi")], "hello"))
    log.flush(timeout=HANG_S)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    body = {"conversation_id": "talk-1", "outcome": "success", "over": False}
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        assert post(address, body)[0] == 503
    status, answer = post(address, body)
    assert (status, answer["status"]) == (200, "recorded")
