"""Keys, hosts, limits, and what an error tells."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from toolft_pipeline.engines.engine import EngineBusyError, EngineError
from toolft_pipeline.errors import UsageError
from toolft_pipeline.serving.api.keys import read_keys
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.serving.api.client_side import chat
from toolft_pipeline_tests.serving.api.running import Running, running

KEYS = {"desk": "d" * 32, "batch": "b" * 32}
UNKNOWN = [
    ("GET", "/v1/chat/completions", 405),
    ("GET", "/v1/../../etc/passwd", 404),
    ("POST", "/load_model", 404),
    ("POST", "/reset", 404),
    ("GET", "/docs", 404),
]
PATHS = ("/v1/models", "/ready", "/metrics", "/feedback", "/nowhere")


async def feedback(request: Request) -> Response:
    return JSONResponse({"read": len(await request.body()), "client": request.state.client})


@pytest.fixture(scope="module")
def keyed(chatml: ServedModel) -> Iterator[Running]:
    routes = [Route("/feedback", feedback, methods=["POST"])]
    limits = {"body_bytes": 4096, "concurrent": 3, "per_key": 2}
    with running(chatml, keys=KEYS, settings={"limits": limits}, extra_routes=routes) as started:
        yield started


@pytest.fixture
def guarded(keyed: Running) -> Running:
    """A server with keys, its engine as new."""
    keyed.engine.__init__()  # type: ignore[misc]
    return keyed


def with_key(client: str = "desk") -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[client]}"}


def error_of(response: Any) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert response.headers["X-Request-Id"].startswith("req_")
    return error


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer " + "d" * 31,
        "Bearer " + "d" * 33,
        "Basic " + "d" * 32,
        "d" * 32,
        "Bearer \xff",
    ],
)
def test_wrong_key_is_401_everywhere_but_health(header: str | None, guarded: Running) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    for path in PATHS:
        answer = guarded.get(path, headers=headers)
        assert (answer.status_code, error_of(answer)["code"]) == (401, "invalid_api_key"), path
        assert "WWW-Authenticate" in answer.headers
    assert guarded.post(guarded.ask(), headers=headers).status_code == 401
    assert guarded.get("/health", headers=headers).status_code == 200
    assert guarded.engine.asked == []


def test_each_key_is_known_by_its_clients_name(guarded: Running) -> None:
    for client in KEYS:
        answer = guarded.post(guarded.ask(), headers=with_key(client))
        assert guarded.seen.of(answer.json()["id"]).request.client == client


def test_added_route_passes_the_same_checks(guarded: Running) -> None:
    answer = guarded.http.post(f"{guarded.root}/feedback", json={"a": 1}, headers=with_key())
    assert answer.json() == {"read": 7, "client": "desk"}
    answer = guarded.http.post(f"{guarded.root}/feedback", json={"a": "x" * 5000}, headers=with_key())
    assert answer.status_code == 413


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_KEY", "k" * 20)
    assert read_keys({"desk": "DESK_KEY"}).client("bearer " + "k" * 20) == "desk"
    assert read_keys({}).client(None) == "local"
    monkeypatch.setenv("SHORT_KEY", "abc")
    with pytest.raises(UsageError) as caught:
        read_keys({"desk": "DESK_KEY", "other": "GONE_KEY", "third": "SHORT_KEY"})
    assert str(caught.value) == (
        "serving.keys_from: $GONE_KEY (the key of 'other') is not set; "
        "$SHORT_KEY (the key of 'third') has fewer than 16 characters"
    )
    monkeypatch.setenv("SAME_KEY", "k" * 20)
    with pytest.raises(UsageError, match="DESK_KEY, SAME_KEY hold the same key"):
        read_keys({"desk": "DESK_KEY", "other": "SAME_KEY"})


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8100", "127.0.0.1.evil.example", "[::2]:8100"])
def test_foreign_host_header_is_refused_on_loopback(host: str, server: Running) -> None:
    for path in ("/health", "/v1/models"):
        answer = server.get(path, headers={"Host": host})
        assert (answer.status_code, error_of(answer)["code"]) == (403, None)


@pytest.mark.parametrize("host", ["localhost:8100", "127.0.0.1", "LOCALHOST", "[::1]:8100"])
def test_loopbacks_own_names_are_served(host: str, server: Running) -> None:
    assert server.get("/health", headers={"Host": host}).status_code == 200


def test_host_header_is_free_where_keys_are_set(guarded: Running) -> None:
    assert guarded.get("/v1/models", headers={**with_key(), "Host": "models.example"}).status_code == 200


def test_a_page_in_a_browser_can_cause_nothing(server: Running) -> None:
    body = json.dumps(server.ask())
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = server.http.post(f"{server.url}/chat/completions", content=body, headers={"Content-Type": kind})
        assert (answer.status_code, server.engine.asked) == (415, [])
    asked = server.http.options(f"{server.url}/chat/completions", headers={"Origin": "http://evil.example"})
    assert asked.status_code == 405
    answers = [asked, server.post(server.ask(), headers={"Origin": "http://evil.example"})]
    assert not [name for each in answers for name in each.headers if name.startswith("access-control")]


def test_large_body_is_413_with_and_without_its_length(guarded: Running) -> None:
    large = json.dumps(guarded.ask("x" * 5000)).encode()
    headers = {**with_key(), "Content-Type": "application/json"}

    def parts() -> Iterator[bytes]:
        yield from (large[start : start + 1000] for start in range(0, len(large), 1000))

    for content in (large, parts()):
        answer = guarded.http.post(f"{guarded.url}/chat/completions", content=content, headers=headers)
        assert answer.status_code == 413, answer.text
        assert "serving.limits.body_bytes" in error_of(answer)["message"]
    assert guarded.engine.asked == []
    assert guarded.post(guarded.ask(), headers=with_key()).status_code == 200


def test_unknown_routes_and_methods_are_openai_shaped(server: Running) -> None:
    for method, path, status in UNKNOWN:
        answer = server.http.request(method, f"{server.root}{path}", json={} if method == "POST" else None)
        assert answer.status_code == status
        assert error_of(answer)["type"] == "invalid_request_error"


def test_full_server_is_429_overall_and_per_key(guarded: Running) -> None:
    import threading

    guarded.close_gate(0)
    answers: list[int] = []

    def ask(client: str) -> None:
        answers.append(guarded.post(guarded.ask(), headers=with_key(client)).status_code)

    threads = [threading.Thread(target=ask, args=(client,)) for client in ("desk", "desk", "batch")]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        wait_until(guarded, lambda number=number: guarded.engine.running == number)  # type: ignore[misc]
        if number == 2:
            refused = guarded.post(guarded.ask(), headers=with_key("desk"))
            assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
            assert "of this key" in error_of(refused)["message"]
    refused = guarded.post(guarded.ask(), headers=with_key("batch"))
    assert (refused.status_code, error_of(refused)["code"]) == (429, "rate_limit_exceeded")
    assert "the limit of this server" in error_of(refused)["message"]
    guarded.open_gate(0)
    for thread in threads:
        thread.join(HANG_S)
    assert answers == [200, 200, 200]
    assert guarded.post(guarded.ask(), headers=with_key("desk")).status_code == 200


def wait_until(server: Running, condition: Any) -> None:
    """Ask the server's loop until a condition holds there."""
    import asyncio

    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0)

    asyncio.run_coroutine_threadsafe(wait(), server.loop).result(HANG_S)


def test_slow_turn_is_504_and_its_place_is_freed(chatml: ServedModel) -> None:
    import openai

    with running(chatml, settings={"limits": {"timeout_s": 0.05, "concurrent": 1}}) as server:
        server.engine.text, server.engine.borders = "We open at nine.", [8]
        server.close_gate(0)
        answer = server.post(server.ask())
        assert (answer.status_code, error_of(answer)["code"]) == (504, "timeout")
        assert answer.headers["x-should-retry"] == "false"
        assert (server.engine.running, server.engine.closed) == (0, len(server.engine.asked))
        server.open_gate(0)
        server.close_gate(1)
        with pytest.raises(openai.APIError, match="no answer within the time limit"):
            chat(server, stream=True)
        assert (server.engine.running, server.engine.closed) == (0, len(server.engine.asked))


def test_slow_body_is_408(chatml: ServedModel) -> None:
    with running(chatml, settings={"limits": {"timeout_s": 0.05}}) as server:
        host, port = server.root.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=HANG_S) as connection:
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
            assert b" 408 " in connection.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (EngineError("cannot read /root/secret/model.safetensors"), 503, "engine_failed"),
        (EngineBusyError("queue of /root/secret"), 429, "rate_limit_exceeded"),
        (RuntimeError("secret"), 500, None),
        (KeyError("secret"), 500, None),
    ],
)
def test_errors_of_the_server_leak_nothing(
    error: Exception, status: int, code: str | None, server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    server.engine.error = error
    for stream in (False, True):
        answer = server.post(server.ask(stream=stream))
        assert (answer.status_code, error_of(answer)["code"]) == (status, code)
        assert "secret" not in answer.text
        if status != 429:
            request_id = answer.headers["X-Request-Id"]
            assert request_id in error_of(answer)["message"]
            assert [record for record in caplog.records if request_id in record.getMessage()]


def test_conversation_text_is_in_no_log(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    server.engine.text = "<tool_call>private answer"
    chat(server, content="private question")
    server.post(server.ask("private question", n=2))
    assert "private" not in caplog.text


def test_tool_that_no_template_can_render_is_400(families: Any) -> None:
    from toolft_pipeline.settings import CatalogMode
    from toolft_pipeline_tests.serving.api.models import served_model

    family = families("gemma4")
    odd = {"type": "function", "function": {"name": "odd", "parameters": {"properties": [1]}}}
    with running(served_model(family.installed(CatalogMode.FULL), "gemma4")) as server:
        answer = server.post(server.ask(tools=[odd]))
        assert (answer.status_code, error_of(answer)["param"]) == (400, "messages")
        assert "gemma4 cannot render" in answer.text


def test_server_says_nothing_of_itself(server: Running) -> None:
    assert "server" not in server.get("/health").headers
