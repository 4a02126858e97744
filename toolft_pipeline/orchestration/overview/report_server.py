"""A small read-only server for HTML reports: `/<agent>/<asset>/<day or all>/<version>`, and the overview at `/`.

Invariant: it serves nothing but the page that a stage declares, of a version that the warehouse holds; the parts of a
path are names, never a way through folders. It listens on 127.0.0.1 alone and answers only requests that name this
machine or the address in TOOLFT_REPORTS_URL as their host, so that no foreign website can read it through a browser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from toolft_pipeline.stages.presentation.report_links import reports_url
from toolft_pipeline.stages.stages import STAGES

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")

_PAGES = {stage.asset: stage.page for stage in STAGES if stage.page is not None}

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def make_server(warehouse: Path, *, port: int, overview: Callable[[], str]) -> ThreadingHTTPServer:
    """The server, bound and not yet serving; `overview` renders the page at `/` for each request.

    Raises `OSError` where the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        server_version = "toolft"
        sys_version = ""

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def log_message(self, *_: Any) -> None:
            """Keep the terminal of `make dev` free."""

        def _answer(self, *, body: bool) -> None:
            if not _is_ours(self.headers.get("Host", "")):
                self._send(403, b"<!doctype html><p>Unknown host. Set TOOLFT_REPORTS_URL to the public address.", body)
                return
            path = urlsplit(self.path).path
            if path == "/":
                self._send(200, overview().encode(), body)
                return
            page = find_page(warehouse, path)
            if page is None:
                self._send(404, b"<!doctype html><p>No such page. The version may have been pruned.", body)
            else:
                self._send(200, page.read_bytes(), body)

        def _send(self, status: int, content: bytes, body: bool) -> None:
            self.send_response(status)
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server


def find_page(warehouse: Path, path: str) -> Path | None:
    """The file of `/<agent>/<asset>/<day or all>/<version>`; None where the path names no page that exists."""
    parts = [unquote(part) for part in path.removeprefix("/").split("/")]
    if len(parts) != 4 or not all(_NAME.fullmatch(part) for part in parts) or parts[1] not in _PAGES:
        return None
    agent, asset, partition, version = parts
    page = warehouse.joinpath(agent, asset, partition, "versions", version, _PAGES[asset])
    return page if page.is_file() else None


def _is_ours(host: str) -> bool:
    public = urlsplit(reports_url()).hostname
    return urlsplit(f"//{host}").hostname in {"127.0.0.1", "localhost", "::1", *([public] if public else [])}
