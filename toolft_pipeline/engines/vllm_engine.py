"""vLLM behind its completions API: token ids go in as `prompt`, and the text comes out with its special tokens.

Invariant: nothing of the server's own defaults reaches a request (every sampling parameter is sent), and its template
and parsers are never used: a turn is read by the chat format's parser, as in evaluation.

bf16 on a GPU: kernels choose their order of additions by the size of the batch, so a greedy text may differ between a
request alone and in a batch where two tokens are within bf16's rounding. `deploy/vllm/check_server.py` measures how
often on a given machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from copy import copy
from pathlib import Path
from typing import Any

from toolft_pipeline.engines.completion_stream import events
from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EndReason, EngineError
from toolft_pipeline.engines.model_folder import Stops, stops_of
from toolft_pipeline.engines.server_engine import ServerEngine
from toolft_pipeline.engines.server_process import ServerProcess
from toolft_pipeline.engines.vllm_server import VllmServer
from toolft_pipeline.settings.serving import EngineSettings

TIMEOUT_S = 300.0
"""Seconds without a byte of an answer after which it fails."""

_ENDS = {"stop": EndReason.STOP, "length": EndReason.LENGTH}


class VllmEngine(ServerEngine):
    """The engine of a model folder, or of one adapter over it (`for_adapter`)."""

    def __init__(
        self,
        *,
        settings: EngineSettings,
        folder: Path,
        stops: Sequence[str],
        adapters: Mapping[str, Path] | None = None,
        lora_rank: int | None = None,
        timeout_s: float = TIMEOUT_S,
        progress: Callable[[str], None] = lambda _line: None,
    ) -> None:
        super().__init__(places=settings.batch_size)
        self._folder = folder
        self._stop_texts = tuple(stops)
        self._stops = Stops(ids=(), texts=())
        self._server = VllmServer(
            settings=settings,
            folder=folder,
            adapters=adapters or {},
            lora_rank=lora_rank,
            timeout_s=timeout_s,
            progress=progress,
        )
        self._adapter: str | None = None

    @property
    def label(self) -> str:
        """vLLM and its address."""
        return self._server.label

    @property
    def max_context(self) -> int:
        """The smaller of the settings' and the server's."""
        return self._server.max_context

    @property
    def process(self) -> ServerProcess | None:
        """The process of a vLLM that we started."""
        return self._server.process

    def for_adapter(self, name: str | None, *, stops: Stops | None = None) -> VllmEngine:
        """The engine of an adapter that the server has, None is the base's; both share one server, so close one.

        `stops` are those of the adapter's model, if they are others than the folder's.
        """
        engine = copy(self)
        engine._adapter = name
        engine._stops = stops or self._stops
        return engine

    async def start(self) -> None:
        """Start or find the server. Raises `EngineError`."""
        try:
            self._stops = await asyncio.to_thread(stops_of, self._folder, self._stop_texts)
            await self._server.start()
        except BaseException:
            await self._server.stop()
            raise

    async def stop(self) -> None:
        """End the server if it is ours."""
        await self._server.stop()

    async def load_adapter(
        self, name: str, adapter: Path, *, probes: Sequence[Sequence[int]], stops: Stops | None = None
    ) -> VllmEngine:
        """Load an adapter into the running server and prove that it is applied. Raises `EngineError`."""
        await self._server.load_adapter(name, adapter)
        engine = self.for_adapter(name, stops=stops)
        try:
            await engine.assert_differs_from_base(probes)
        except BaseException:
            with suppress(EngineError):
                await self._server.unload_adapter(name)
            raise
        return engine

    async def unload_adapter(self, name: str) -> None:
        """Unload an adapter. Raises `EngineError`."""
        await self._server.unload_adapter(name)

    async def assert_differs_from_base(self, probes: Sequence[Sequence[int]], *, new_tokens: int = 16) -> None:
        """Raise `EngineError` if this adapter answers every probe as the base does: servers have ignored adapters."""
        base = self.for_adapter(None)
        for probe in probes:
            request = DecodeRequest(ids=tuple(probe), max_new_tokens=new_tokens)
            if await base._text(request) != await self._text(request):
                return
        raise EngineError(
            f"{self._server.label}: the adapter {self._adapter} answers {len(probes)} probes as its base does: it is "
            "not applied; check --max-lora-rank, and that it was trained on this base"
        )

    async def _text(self, request: DecodeRequest) -> str:
        return "".join([chunk.text async for chunk in self.stream(request)])

    async def answer(self, request: DecodeRequest) -> AsyncGenerator[Chunk, None]:
        """The chunks of an answer."""
        server = self._server
        answer = events(server.client, "/v1/completions", self._body(request), name=server.label, dead=server.dead)
        async with aclosing(answer):
            async for chunk in _chunks(answer, name=server.label):
                yield chunk

    def _body(self, request: DecodeRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._adapter or self._server.name,
            "prompt": list(request.ids),
            "max_tokens": request.max_new_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "stop_token_ids": list(self._stops.ids),
            "skip_special_tokens": False,
            "spaces_between_special_tokens": False,
            "return_token_ids": True,
            "stream": True,
            "stream_options": {"include_usage": True},
            # what a server may have other defaults for
            **{"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0},
        }
        if self._stops.texts:
            body["stop"] = list(self._stops.texts)
        if request.seed is not None:
            body["seed"] = request.seed
        return body


async def _chunks(answer: AsyncIterator[dict[str, Any]], *, name: str) -> AsyncIterator[Chunk]:
    """Chunks of the documents. The last is held until the usage came, which counts tokens that no chunk listed."""
    counted, last = 0, None
    async for document in answer:
        usage = document.get("usage")
        if last is not None and usage:
            last = Chunk(
                text=last.text,
                token_ids=last.token_ids,
                n_new_tokens=last.n_new_tokens + max(0, int(usage["completion_tokens"]) - counted),
                end=last.end,
            )
        for choice in document.get("choices", ()):
            reason, ids = choice.get("finish_reason"), tuple(choice.get("token_ids") or ())
            if reason is not None and reason not in _ENDS:
                raise EngineError(f"{name}: ended the answer with {reason!r}; look at its log and send it again")
            counted += len(ids)
            chunk = Chunk(
                text=choice.get("text") or "",
                token_ids=ids,
                n_new_tokens=len(ids),
                end=None if reason is None else _ENDS[reason],
            )
            if chunk.end is not None:
                last = chunk
            elif chunk.text or ids:
                yield chunk
    if last is None:
        raise EngineError(f"{name}: the answer broke off before its end; look at its log and send it again")
    yield last
