"""A local server that speaks the chat completions protocol, and fails in the ways that real ones do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Message = dict[str, Any]

AT_ONCE = {"retry-after-ms": "1"}
"""Asks the client to try again at once, so that a test waits for nothing."""


@dataclass(frozen=True)
class Fault:
    """What is sent in place of an answer. `cut` promises more bytes than come; `hang` waits until the test ends."""

    status: int = 200
    code: str | None = None
    cut: bool = False
    hang: bool = False


@dataclass
class Server:
    """`answer` gets the messages of a request and gives back an assistant message, which may have a `finish_reason`."""

    answer: Callable[[list[Message]], Message]
    faults: list[Fault] = field(default_factory=list)
    """Sent first, one a request."""
    finish_reason: str = "stop"
    requests: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    """Headers and body of every request."""
    address: str = ""
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Serve on a free port of the loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.requests.append((dict(self.headers), body))
            fault = server.faults.pop(0) if server.faults else None
            if fault is None:
                self._send(200, _completion(server.answer(body["messages"]), finish_reason=server.finish_reason))
            elif fault.hang:
                server.ended.wait(3600)
            elif fault.cut:
                self._send(200, {"choices": []}, promised=1000)
            else:
                self._send(fault.status, {"error": {"message": "so the server says", "code": fault.code}})

        def _send(self, status: int, document: dict[str, Any], *, promised: int = 0) -> None:
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(promised or len(data)))
            for name, value in AT_ONCE.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.address = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        http.shutdown()
        http.server_close()
        thread.join()


def _completion(answer: Message, *, finish_reason: str) -> dict[str, Any]:
    message = {"role": "assistant", **answer}
    finish_reason = message.pop("finish_reason", finish_reason)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "served",
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": message}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020},
    }
