"""llama.cpp (the wheel `xllamacpp`) in a process of its own, over the model exported to GGUF.

Invariant: prompts are ids, so llama.cpp's tokenizer and template decide nothing; special tokens are written out, and
its end-of-turn token is taken off again.

Threads are the settings' or half of the cores. Each of `batch_size` requests has a context of its own, whose memory is
taken at the start.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx

from toolft_pipeline.engines.completion_stream import events
from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EndReason, EngineError
from toolft_pipeline.engines.gguf_cache import exported_adapter, exported_model
from toolft_pipeline.engines.llama_cpp_server import ADDRESS, KEY_VARIABLE
from toolft_pipeline.engines.model_folder import Stops, context_of, stops_of
from toolft_pipeline.engines.server_engine import ServerEngine
from toolft_pipeline.engines.server_process import ServerProcess, new_key
from toolft_pipeline.settings.serving import EngineSettings

START_S = 600.0
"""Seconds until the server must have loaded its file."""

TIMEOUT_S = 300.0
"""Seconds without a byte of an answer after which it fails: a long prompt is read without any."""

DEATH_S = 5.0
"""Seconds that the process may need to end after it broke a connection."""

_ENDS = {"eos": EndReason.STOP, "word": EndReason.STOP, "limit": EndReason.LENGTH}


class LlamaCppEngine(ServerEngine):
    """The engine of a model folder, or of an adapter over it."""

    def __init__(
        self,
        *,
        settings: EngineSettings,
        folder: Path,
        stops: Sequence[str],
        exports: Path | None = None,
        adapter: Path | None = None,
        timeout_s: float = TIMEOUT_S,
        progress: Callable[[str], None] = lambda _line: None,
    ) -> None:
        super().__init__(places=settings.batch_size)
        self._settings = settings
        self._folder = folder
        self._adapter = adapter
        self._stop_texts = tuple(stops)
        self._stops = Stops(ids=(), texts=())
        self._bytes: dict[int, int] = {}
        self._exports = exports
        self._timeout_s = timeout_s
        self._progress = progress
        self._context = 0
        self._process: ServerProcess | None = None
        self._client: httpx.AsyncClient | None = None

    @property
    def label(self) -> str:
        """Its name in errors."""
        return "llama.cpp"

    @property
    def max_context(self) -> int:
        """Tokens of prompt and answer together."""
        return self._context

    @property
    def process(self) -> ServerProcess | None:
        """The process of llama.cpp's server."""
        return self._process

    async def start(self) -> None:
        """Export the model if it was not before, and load it. Raises `EngineError`."""
        if self._process is not None:
            return
        command = await asyncio.to_thread(self._prepare)
        key, address = new_key(), ""

        def on_line(line: str) -> None:
            nonlocal address
            if line.startswith(ADDRESS):
                address = line.removeprefix(ADDRESS).strip()

        self._process = ServerProcess(name=self.label, command=command, environment={KEY_VARIABLE: key})
        try:
            await self._process.start(on_line)
            await self._process.ready(lambda: bool(address), timeout_s=START_S)
        except BaseException:
            await self.stop()
            raise
        self._client = httpx.AsyncClient(
            base_url=address,
            headers={"authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(self._timeout_s, connect=10),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=self._settings.batch_size),
            trust_env=False,
        )

    async def stop(self) -> None:
        """End the process."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        if self._process is not None:
            await self._process.stop()

    def _prepare(self) -> list[str]:
        """The command line, after the exports that it names."""
        settings = self._settings
        self._stops = stops_of(self._folder, self._stop_texts)
        self._bytes = _byte_tokens(self._folder)
        self._context = context_of(self._folder, settings.context_tokens)
        model = exported_model(
            self._folder,
            quantization=settings.quantization,
            stops=self._stop_texts,
            cache=self._exports,
            progress=self._progress,
        )
        command = [
            *(sys.executable, "-m", "toolft_pipeline.engines.llama_cpp_server", str(model)),
            *("--threads", str(settings.cpu_threads)),
            *("--context", str(self._context), "--parallel", str(settings.batch_size)),
        ]
        if self._adapter is not None:
            command += ["--adapter", str(exported_adapter(self._adapter, base=self._folder, cache=self._exports))]
        return command

    async def answer(self, request: DecodeRequest) -> AsyncGenerator[Chunk, None]:
        """The chunks of an answer."""
        if self._client is None:
            raise EngineError(f"{self.label}: not started, or closed")
        answer = events(self._client, "/completion", self._body(request), name=self.label, dead=self._dead)
        counted = 0
        async with aclosing(answer):
            async for document in answer:
                new = int(document.get("tokens_predicted", counted)) - counted
                counted += new
                end = None
                if document.get("stop"):
                    end = _ENDS.get(str(document.get("stop_type")))
                    if end is None:
                        raise EngineError(f"{self.label}: ended an answer with {document.get('stop_type')!r}")
                yield self._chunk(document, new=new, end=end)
                if end is not None:
                    return
        raise EngineError(f"{self.label}: the answer broke off before its end; {self._last_words()}")

    def _chunk(self, document: dict[str, Any], *, new: int, end: EndReason | None) -> Chunk:
        text, ids = str(document.get("content", "")), tuple(document.get("tokens", ()))
        if ids and ids[-1] in self._stops.ids:
            return Chunk(text="", token_ids=ids, n_new_tokens=new, end=end)
        return Chunk(text=text, token_ids=self._all_ids(text, ids, new), n_new_tokens=new, end=end)

    def _all_ids(self, text: str, ids: tuple[int, ...], new: int) -> tuple[int, ...]:
        """llama.cpp lists the last token of a character that several make up: its bytes tell the others, if each is one
        token; else there are no ids."""
        if len(ids) == new:
            return ids
        found = tuple(self._bytes.get(byte, -1) for byte in text.encode())
        return found if len(found) == new and -1 not in found and found[-1:] == ids[-1:] else ()

    def _body(self, request: DecodeRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "prompt": list(request.ids),
            "n_predict": request.max_new_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "samplers": ["temperature", "top_p"],  # no penalties, no other cuts; the order of transformers
            "stream": True,
            "return_tokens": True,
            "cache_prompt": True,
        }
        if self._stops.texts:
            body["stop"] = list(self._stops.texts)
        if request.seed is not None:
            body["seed"] = request.seed
        return body

    async def _dead(self) -> str | None:
        if self._process is None or not await self._process.ended(within_s=DEATH_S):
            return None
        return self._process.last_words()

    def _last_words(self) -> str:
        return "" if self._process is None else self._process.last_words()


def _byte_tokens(folder: Path) -> dict[int, int]:
    """Tokens of single bytes by the byte, of a tokenizer that falls back to them."""
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"].get("vocab", {})
    names = {f"<0x{byte:02X}>": byte for byte in range(256)}
    return {names[name]: int(id_) for name, id_ in vocabulary.items() if name in names}
