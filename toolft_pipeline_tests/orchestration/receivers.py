"""A web server and a mail server on this machine that keep what they are sent, and fail on request."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """Where a server listens, and what came."""

    port: int
    bodies: list[Any] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


@contextmanager
def web_server(*, status: int = 200) -> Iterator[Received]:
    """Answers every POST with a status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            if status in {301, 302}:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Received(server.server_address[1])
    with _running(server):
        yield received


@contextmanager
def mail_server(*, refuses: str = "") -> Iterator[Received]:
    """Speaks as much SMTP as a client needs; the command that it `refuses` gets 550."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 here")
            while line := self.rfile.readline().decode().strip():
                received.lines.append(line)
                verb = line.split()[0].upper()
                if verb == refuses:
                    self.say("550 refused, and the server says secret things")
                elif verb == "EHLO":
                    self.say("250-here\r\n250 AUTH PLAIN")
                elif verb == "AUTH":
                    self.say("235 welcome")
                elif verb == "DATA":
                    self.say("354 go on")
                    self.read_message()
                    self.say("250 kept")
                else:
                    self.say("221 bye" if verb == "QUIT" else "250 yes")

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def read_message(self) -> None:
            message = []
            while (line := self.rfile.readline()) not in {b".\r\n", b""}:
                message.append(line.decode())
            received.bodies.append("".join(message))

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    received = Received(server.server_address[1])
    with _running(server):
        yield received


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
