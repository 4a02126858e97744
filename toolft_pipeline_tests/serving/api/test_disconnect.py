"""A client that goes away: its turn is stopped, its place is free, nothing is observed."""

from __future__ import annotations

import json
import socket

import pytest

from toolft_pipeline.serving.api import completions
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.serving.api.client_side import chat
from toolft_pipeline_tests.serving.api.running import Running, running
from toolft_pipeline_tests.serving.api.test_security import wait_until


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("gate", [0, 1])
def test_disconnect_stops_the_engine(stream: bool, gate: int, server: Running) -> None:
    server.engine.text, server.engine.borders = "We open at nine.", [8]
    server.close_gate(gate)
    connection = sent(server, server.ask(stream=stream))
    wait_until(server, lambda: server.engine.running == 1)
    if stream and gate == 1:
        assert b"We open" in received(connection, b"We open")
    connection.close()
    wait_until(server, lambda: server.engine.closed == 1)
    assert server.engine.running == 0
    server.engine.gates.clear()
    wait_until(server, lambda: server.server._admission.running == 0)
    assert chat(server).choices[0].finish_reason == "stop"


def test_disconnect_is_counted_and_not_logged_as_an_error(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    server.close_gate(0)
    before = closed_by_client(server)
    connection = sent(server, server.ask())
    wait_until(server, lambda: server.engine.running == 1)
    connection.close()
    wait_until(server, lambda: server.engine.closed == 1)
    server.engine.gates.clear()
    wait_until(server, lambda: server.server._admission.running == 0)
    assert closed_by_client(server) == before + 1
    assert not caplog.records


def test_client_that_leaves_within_its_body_is_counted_and_no_error(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    before = closed_by_client(server)
    connection = sent(server, server.ask(), left_out=5)
    wait_until(server, lambda: server.server._admission.running == 1)
    connection.close()
    wait_until(server, lambda: server.server._admission.running == 0)
    assert closed_by_client(server) == before + 1
    assert not caplog.records


def test_client_that_reads_nothing_loses_its_place(chatml: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completions, "UNREAD_S", 0.0)
    with running(chatml, settings={"limits": {"timeout_s": 1.0}}) as server:
        server.engine.text = "a" * 40_000_000  # more than two sockets hold
        server.engine.borders = range(1_000_000, 40_000_000, 1_000_000)
        with sent(server, server.ask(stream=True)):
            wait_until(server, lambda: server.engine.asked)
            wait_until(server, lambda: server.server._admission.running == 0)
            assert server.engine.running == 0


def sent(server: Running, body: object, *, left_out: int = 0) -> socket.socket:
    """A connection on which a request was sent, but for its last bytes."""
    host, port = server.root.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=HANG_S)
    text = json.dumps(body).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text[: len(text) - left_out])
    return connection


def received(connection: socket.socket, until: bytes) -> bytes:
    """What a connection sends up to a text."""
    got = b""
    while until not in got:
        part = connection.recv(4096)
        assert part, got
        got += part
    return got


def closed_by_client(server: Running) -> float:
    lines = [line for line in server.get("/metrics").text.splitlines() if 'status="499"' in line and "_total" in line]
    return float(lines[0].split()[-1]) if lines else 0.0
