"""A local server that speaks vLLM's documented protocol, and fails in the ways that vLLM does; no model is in it.

Written from vLLM's documentation and its `entrypoints/openai/completion` (0.26 to 0.32), without the package.
What it "generates" is given by `Script`: the next token from the ids so far. `vllm_program` runs it by vLLM's command
line.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from tokenizers import Tokenizer

from toolft_pipeline_tests.engines.vllm.adapter_faults import adapter_fault
from toolft_pipeline_tests.engines.vllm.scripts import Fault, Script


@dataclass
class LocalVllm:
    """The server's state. `hold` makes each answer wait after its first token until `go` is called."""

    folder: Path
    name: str
    script: Script
    max_model_len: int = 512
    key: str | None = None
    adapters: dict[str, str] = field(default_factory=dict)
    runtime_adapters: bool = False
    """Whether it was started with `--enable-lora` and the variable that lets adapters change."""
    max_lora_rank: int = 64
    ignores_adapters: bool = False
    proxy_forbids: bool = False
    """A proxy in front of it answers 403 to changes of adapters."""
    nested_errors: bool = True
    """Releases before 0.10 have the error's fields at the top of the answer."""
    events: list[tuple[str, str]] = field(default_factory=list)
    """What was asked of which name, in order: `load`, `unload`, `ask`, and `end` of an answer."""
    ignores: tuple[str, ...] = ()
    """Parameters of a request that it acts as if it had not got."""
    usage: bool = True
    token_ids: bool = True
    """Releases before 0.10.2 know no `return_token_ids`."""
    faults: list[Fault] = field(default_factory=list)
    hold: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    address: str = ""
    started: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released when an answer sent its first token."""
    left: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released when a client closed its connection before the end."""
    loop: asyncio.AbstractEventLoop | None = None
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))

    def go(self) -> None:
        """Let answers that are held go on."""
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.released.set)

    def app(self) -> Starlette:
        """The routes that vLLM has; the doors for adapters only where its environment variable opens them."""
        doors = [
            Route("/v1/load_lora_adapter", self._load_adapter, methods=["POST"]),
            Route("/v1/unload_lora_adapter", self._unload_adapter, methods=["POST"]),
        ]
        return Starlette(
            routes=[
                Route("/health", lambda _request: PlainTextResponse("")),
                Route("/v1/models", self._models),
                Route("/v1/completions", self._completions, methods=["POST"]),
                *(doors if self.runtime_adapters or self.proxy_forbids else ()),
            ],
            exception_handlers={404: _no_such_route},
        )

    def _refused(self, request: Request) -> Response | None:
        given = request.headers.get("authorization")
        if self.key is not None and given != f"Bearer {self.key}":
            return JSONResponse({"error": "Unauthorized"}, status_code=401)
        return None

    async def _models(self, request: Request) -> Response:
        names = [(self.name, None), *((name, self.name) for name in self.adapters)]
        return self._refused(request) or JSONResponse(
            {
                "object": "list",
                "data": [
                    {"id": name, "object": "model", "root": self.adapters.get(name, str(self.folder)), "parent": parent,
                     "max_model_len": self.max_model_len if parent is None else None}
                    for name, parent in names
                ],
            }
        )  # fmt: skip

    async def _load_adapter(self, request: Request) -> Response:
        if (refused := self._refused_change(request)) is not None:
            return refused
        body = await request.json()
        name, path = body.get("lora_name"), body.get("lora_path")
        if not name or not path:
            return self._error(400, "Both 'lora_name' and 'lora_path' must be provided.", "InvalidUserInput")
        if name in self.adapters:
            words = "If you want to load the adapter in place, set 'load_inplace' to True."
            return self._error(400, f"The lora adapter '{name}' has already been loaded. {words}", "InvalidUserInput")
        if not (Path(path) / "adapter_config.json").is_file():
            return self._error(404, f"Loading lora {name} failed: No adapter found for {path}", "NotFoundError")
        if (why := adapter_fault(Path(path), max_lora_rank=self.max_lora_rank)) is not None:
            return self._error(400, why, "BadRequestError")
        self.adapters[name] = path
        self.events.append(("load", name))
        return PlainTextResponse(f"Success: LoRA adapter '{name}' added successfully.")

    async def _unload_adapter(self, request: Request) -> Response:
        if (refused := self._refused_change(request)) is not None:
            return refused
        name = (await request.json())["lora_name"]
        if self.adapters.pop(name, None) is None:
            return self._error(404, f"The lora adapter '{name}' cannot be found.", "NotFoundError")
        self.events.append(("unload", name))
        return PlainTextResponse(f"Success: LoRA adapter '{name}' removed successfully.")

    def _refused_change(self, request: Request) -> Response | None:
        if self.proxy_forbids:
            return PlainTextResponse("Forbidden", status_code=403)
        return self._refused(request)

    def _error(self, status: int, message: str, kind: str) -> JSONResponse:
        fields = {"message": message, "type": kind, "param": None, "code": status}
        return JSONResponse({"error": fields} if self.nested_errors else {"object": "error", **fields}, status)

    async def _completions(self, request: Request) -> Response:
        if (refused := self._refused(request)) is not None:
            return refused
        body = await request.json()
        self.requests.append(dict(body))
        for ignored in self.ignores:
            body.pop(ignored, None)
        self.headers.append(dict(request.headers))
        self.events.append(("ask", body["model"]))
        if body["model"] not in {self.name, *self.adapters}:
            return self._error(404, f"The model `{body['model']}` does not exist.", "NotFoundError")
        prompt, most = body["prompt"], body.get("max_tokens", 16)
        if not (isinstance(prompt, list) and all(isinstance(id_, int) for id_ in prompt)):
            return self._error(400, "this server is asked with token ids alone", "BadRequestError")
        if len(prompt) + most > self.max_model_len:
            return self._error(
                400,
                f"You passed {len(prompt)} input tokens and requested {most} output tokens. However, the model's "
                f"context length is only {self.max_model_len} tokens, resulting in a maximum input length of "
                f"{self.max_model_len - most} tokens. Please reduce the length of the input prompt.",
                "BadRequestError",
            )
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and fault.status != 200:
            return self._error(fault.status, fault.message, fault.type)
        return StreamingResponse(self._stream(body, fault), media_type="text/event-stream")

    async def _stream(self, body: dict[str, Any], fault: Fault | None) -> AsyncIterator[bytes]:
        complete = False
        try:
            async for event in self._events(body, fault):
                yield event
            complete = True
            self.events.append(("end", body["model"]))
        finally:
            if not complete:
                self.left.release()

    async def _events(self, body: dict[str, Any], fault: Fault | None) -> AsyncIterator[bytes]:
        adapter = body["model"] if body["model"] in self.adapters and not self.ignores_adapters else ""
        stops, texts = set(body.get("stop_token_ids") or ()), body.get("stop") or []
        written: list[int] = []
        sent, reason, unsent = "", None, []
        while reason is None:
            if fault is not None and fault.after == len(written):
                async for event in _broken(fault):
                    yield event
                return
            token = self.script((*body["prompt"], *written), adapter)
            written.append(token)
            unsent.append(token)
            text = self._text(written[:-1] if token in stops else written, body)
            found = min((text.find(stop) for stop in texts if stop in text), default=-1)
            if token in stops or found >= 0:
                reason, text = "stop", text if found < 0 else text[:found]
            elif len(written) == body.get("max_tokens", 16):
                reason = "length"
            if text.endswith("\ufffd") and reason is None:
                continue  # within a character
            choice: dict[str, Any] = {"index": 0, "text": text[len(sent) :], "logprobs": None, "finish_reason": reason}
            if self.token_ids and body.get("return_token_ids"):
                choice["token_ids"] = unsent
            yield _event({"object": "text_completion", "model": body["model"], "choices": [choice]})
            sent, unsent = text, []
            self.started.release()
            if self.hold:
                await self.released.wait()
            await asyncio.sleep(0)
        if self.usage and body.get("stream_options", {}).get("include_usage"):
            n_prompt, n_new = len(body["prompt"]), len(written)
            usage = {"prompt_tokens": n_prompt, "completion_tokens": n_new, "total_tokens": n_prompt + n_new}
            yield _event({"object": "text_completion", "choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    def _text(self, ids: list[int], body: dict[str, Any]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=body.get("skip_special_tokens", True)))


async def _broken(fault: Fault) -> AsyncIterator[bytes]:
    if fault.kind == "error":
        yield _event({"error": {"message": fault.message, "type": "InternalServerError", "code": 500, "param": None}})
        yield b"data: [DONE]\n\n"
    elif fault.kind == "abort":
        yield _event({"choices": [{"index": 0, "text": "", "finish_reason": "abort"}]})
        yield b"data: [DONE]\n\n"
    elif fault.kind == "done":
        yield b"data: [DONE]\n\n"
    elif fault.kind == "hang":
        await asyncio.Event().wait()
    elif fault.kind == "exit":
        os._exit(1)
    else:
        raise ConnectionAbortedError(fault.message)


def _event(document: dict[str, Any]) -> bytes:
    """As pydantic writes it: no character is escaped that JSON lets stand, U+2028 neither."""
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n".encode()


async def _no_such_route(_request: Request, _error: Exception) -> Response:
    """As FastAPI answers for a route that was not registered: without an error of vLLM's own."""
    return JSONResponse({"detail": "Not Found"}, status_code=404)


@contextmanager
def serving(server: LocalVllm) -> Iterator[LocalVllm]:
    """Serve on a free port of the loopback until the block ends."""
    running = uvicorn.Server(
        uvicorn.Config(server.app(), host="127.0.0.1", port=0, log_level="critical", timeout_graceful_shutdown=1)
    )
    ready = threading.Event()

    async def main() -> None:
        server.loop = asyncio.get_running_loop()
        task = asyncio.create_task(running.serve())
        while not running.started:
            await asyncio.sleep(0.005)
        server.address = f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
        ready.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        running.should_exit = True
        thread.join()
