"""A server of an agent on loopback, put together as `toolft serve` puts it together, on an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
from openai import OpenAI

from toolft_pipeline.serving.api.http_server import base_url, listening_socket
from toolft_pipeline.serving.api.keys import ClientKeys
from toolft_pipeline.serving.server.served_app import Parts, ServedApp
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.serving.scripted_engine import LoopThread


class RunningApp:
    """Begins to serve when it is made, and answers then; raises what the start raises."""

    def __init__(self, parts: Parts) -> None:
        self.thread = LoopThread()
        self._app = ServedApp(parts, keys=ClientKeys({}))
        self._listening = listening_socket("127.0.0.1", 0)
        self.url = base_url(self._listening)
        self.http = httpx.Client(base_url=self.url.removesuffix("/v1"), timeout=HANG_S, trust_env=False)
        answers = threading.Event()
        self._served = asyncio.run_coroutine_threadsafe(
            self._app.serve(self._listening, on_ready=answers.set), self.thread.loop
        )
        self._served.add_done_callback(lambda _: answers.set())
        assert answers.wait(HANG_S)
        if self._served.done():
            self.close()

    def client(self) -> OpenAI:
        return OpenAI(base_url=self.url, api_key="none", max_retries=0, timeout=HANG_S)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return self.http.post(path, json=body)

    def close(self) -> None:
        """Drain and end; raises what ended the server."""
        self.thread.loop.call_soon_threadsafe(self._app.drain)
        try:
            self._served.result(HANG_S)
        finally:
            self.http.close()
            self.thread.close()
