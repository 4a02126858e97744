"""A local host of fine-tuning jobs: the documented endpoints of two protocols, and the ways in which real ones fail.

It imports nothing from the code under test. Bodies are those of OpenAI's API reference ("Files", "Fine-tuning", "Error
codes") and of Together AI's OpenAPI document.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What one request gets in place of its answer; `after` carries the request out first."""

    status: int = 500
    code: str | None = None
    message: str = "so the host says"
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    hang: bool = False
    after: bool = False


@dataclass
class HostServer:
    """The host's state. `script` are the statuses that a job shows, one a look; the last one stays."""

    together: bool = False
    script: list[str] = field(default_factory=list)
    error: Document | None = None
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """By "METHOD path", the path without /v1 and with {id} in place of a job's id."""
    on_created: Callable[[], None] = lambda: None
    """Called when a job exists and before its answer is sent."""
    on_request: Callable[[str], None] = lambda _name: None
    answer: Callable[[Document], Document] | None = None
    """The assistant message of a chat completion."""
    shutdown_date: str | None = None
    page: int = 2
    files: list[Document] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    jobs: list[Document] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str], Document]] = field(default_factory=list)
    chats: list[Document] = field(default_factory=list)
    address: str = ""
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def count(self, name: str) -> int:
        """How many requests of this name came."""
        return sum(each == name for each, _, _ in self.requests)

    def statuses(self) -> list[str]:
        if self.script:
            return self.script
        return ["pending", "running", "completed"] if self.together else ["validating_files", "running", "succeeded"]

    def uploaded(self, form: dict[str, str], name: str, content: bytes) -> Document:
        made = {
            "id": f"file-{len(self.files)}",
            "object": "file",
            "filename": form.get("file_name", name),
            "bytes": len(content),
            "purpose": form["purpose"],
            "created_at": len(self.files),
            **({"Processed": True, "FileType": form["file_type"]} if self.together else {"status": "processed"}),
        }
        self.files.append(made)
        self.contents[made["id"]] = content
        return made

    def created(self, body: Document) -> Document:
        job_id = f"ft-{len(self.jobs)}"
        made: Document = {"id": job_id, "model": body["model"], "training_file": body["training_file"]}
        if self.together:
            made |= {
                "suffix": body.get("suffix"),
                "model_output_name": f"team/{body['model']}-{body.get('suffix')}-{job_id}",
                "created_at": f"2026-11-30T00:00:{len(self.jobs):02}Z",
                "updated_at": f"2026-11-30T00:00:{len(self.jobs):02}Z",
                "events": [],
            }
        else:
            made |= {
                "object": "fine_tuning.job",
                "fine_tuned_model": None,
                "user_provided_suffix": body.get("suffix"),
                "metadata": body.get("metadata"),
                "trained_tokens": None,
                "error": {},
            }
        self.jobs.append(made)
        self.looks[job_id] = 0
        self.settle(made)
        self.on_created()
        return made

    def settle(self, job: Document) -> Document:
        """Show the status of this look."""
        if job.get("status") in {"cancelled", "failed", "error", "succeeded", "completed"}:
            return job
        statuses = self.statuses()
        job["status"] = statuses[min(self.looks[job["id"]], len(statuses) - 1)]
        if job["status"] == "succeeded":
            job |= {"fine_tuned_model": f"ft:{job['model']}:team:{job['user_provided_suffix']}:{job['id']}"}
            job["trained_tokens"] = 12_345
        if job["status"] == "completed":
            job["token_count"] = 12_345
        if job["status"] == "failed":
            job["error"] = self.error
        return job

    def looked(self, job_id: str) -> Document | None:
        job = next((each for each in self.jobs if each["id"] == job_id), None)
        if job is not None:
            self.looks[job_id] += 1
            self.settle(job)
        return job

    def cancelled(self, job_id: str) -> Document:
        job = next(each for each in self.jobs if each["id"] == job_id)
        job["status"] = "cancelled"
        return job

    def chat(self, body: Document) -> Document | None:
        self.chats.append(body)
        return None if self.answer is None else _completion(body, self.answer(body))

    def events(self, job_id: str) -> list[Document]:
        texts = [f"step {number}" for number in range(1, 1 + min(self.looks[job_id], 3))]
        failed = self.error is not None and self.looks[job_id] > 0
        if self.together:
            rows = [{"object": "fine-tune-event", "message": text, "hash": text, "type": "epoch_complete"}
                    for text in texts]  # fmt: skip
            if failed and self.error:
                rows.append({"message": self.error["message"], "hash": "e", "type": "job_error", "level": "error"})
            return rows
        return [
            {
                "id": f"{job_id}-{number}",
                "object": "fine_tuning.job.event",
                "level": "info",
                "message": text,
                "type": "metrics",
                "data": {"step": number, "train_loss": 2.0 / (number + 1)},
            }
            for number, text in enumerate(texts, start=1)
        ][::-1]


@contextmanager
def hosting(host: HostServer) -> Iterator[HostServer]:
    """Serve on a free port of the loopback until the block ends."""

    class Handler(_Handler):
        server_state = host

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    host.address = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        host.ended.set()
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_state: HostServer

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("content-length") or 0)))

    def _serve(self, raw: bytes) -> None:
        state = self.server_state
        path, _, query = self.path.removeprefix("/v1").partition("?")
        job_id = next(iter(re.findall(r"/(ft-\d+)", path)), "")
        name = f"{self.command} {path.replace(job_id, '{id}') if job_id else path}"
        asked = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        state.on_request(name)
        with state.lock:
            multipart = self.headers.get("content-type", "").startswith("multipart")
            body = {} if multipart or not raw else json.loads(raw)
            state.requests.append((name, dict(self.headers), body))
            fault = state.faults[name].pop(0) if state.faults.get(name) else None
            answer = None
            if fault is None or fault.after:
                answer = self._carry_out(name, job_id, body, raw if multipart else b"", asked)
        if fault is not None:
            self._fail(fault)
        elif answer is None:
            self._send(404, {"error": {"message": f"no such thing: {path}", "code": "not_found", "type": "invalid"}})
        else:
            self._send(200, answer)

    def _carry_out(self, name: str, job_id: str, body: Document, form: bytes, asked: dict[str, str]) -> Document | None:
        state, size = self.server_state, self.server_state.page
        jobs = "fine-tunes" if state.together else "fine_tuning/jobs"
        routes: dict[str, Callable[[], Document | None]] = {
            "POST /files/upload" if state.together else "POST /files": lambda: state.uploaded(
                *_multipart(self.headers["content-type"], form)
            ),
            "GET /files": lambda: _page(state.files, asked, size),
            f"POST /{jobs}": lambda: state.created(body),
            f"GET /{jobs}": lambda: _page(state.jobs[::-1], asked, size),
            f"GET /{jobs}/{{id}}": lambda: state.looked(job_id),
            f"GET /{jobs}/{{id}}/events": lambda: _page(state.events(job_id), asked, size),
            f"POST /{jobs}/{{id}}/cancel": lambda: state.cancelled(job_id),
            "POST /chat/completions": lambda: state.chat(body),
        }
        if name.startswith("GET /models/") and not state.together:
            return {"id": name.rsplit("/", 1)[1], "object": "model", "shutdown_date": state.shutdown_date}
        route = routes.get(name)
        return None if route is None else route()

    def _fail(self, fault: Fault) -> None:
        if fault.hang:
            self.server_state.ended.wait(3600)
        elif fault.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            document = {"error": {"message": fault.message, "type": "error", "param": None, "code": fault.code}}
            self._send(fault.status, document, fault.headers)

    def _send(self, status: int, document: Document, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # the client was killed, or its connection reset on purpose
            self.close_connection = True


def _page(rows: list[Document], asked: dict[str, str], size: int) -> Document:
    """One page by `after`; a host without pages is asked without a limit."""
    if "limit" not in asked:
        return {"data": rows}
    start = next((place + 1 for place, row in enumerate(rows) if row["id"] == asked.get("after")), 0)
    return {"object": "list", "data": rows[start : start + size], "has_more": start + size < len(rows)}


def _multipart(content_type: str, raw: bytes) -> tuple[dict[str, str], str, bytes]:
    message = BytesParser(policy=HTTP).parsebytes(b"content-type: " + content_type.encode() + b"\r\n\r\n" + raw)
    form, name, content = {}, "", b""
    for part in message.iter_parts():
        field_name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if field_name == "file":
            name, content = part.get_filename(), payload
        else:
            form[field_name] = payload.decode()
    return form, name, content


def _completion(body: Document, answer: Document) -> Document:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": None, **answer}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020},
    }
