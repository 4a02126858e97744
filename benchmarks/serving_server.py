"""The server that `benchmarks.serving` asks, in a process of its own: HTTP, checks, prompts, engine, parser.

It is the application that `toolft serve` runs, around one model that stays. What the network does not show is counted
inside and returned by GET /measured: seconds that requests spent in the engine, tokens, loads of a tokenizer, memory.

    python -m benchmarks.serving_server FOLDER BATCH_SIZE THREADS bf16|fp32|auto
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route as HttpRoute

from benchmarks.judge import DATA
from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines import model_loading
from toolft_pipeline.engines.engine import Chunk, DecodeRequest, Engine
from toolft_pipeline.engines.transformers_engine import TransformersEngine
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, ServedPrompter, make_prompter
from toolft_pipeline.serving.api.app import make_app
from toolft_pipeline.serving.api.http_server import DrainingServer, base_url, listening_socket
from toolft_pipeline.serving.api.keys import ClientKeys
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.parts import Route
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.served_turn import ServedTurn
from toolft_pipeline.serving.turn_service import TurnService
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.serving import EngineSettings, ServerLimits


def main() -> None:
    """Serve until SIGTERM; the first line on stdout says where, and how long the start took."""
    folder, batch_size, threads, compute = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    asyncio.run(
        serve(
            folder,
            engine=EngineSettings(batch_size=batch_size, threads=threads),
            compute=None if compute == "auto" else ComputeType(compute),
        )
    )


async def serve(folder: Path, *, engine: EngineSettings, compute: ComputeType | None) -> None:
    """Load, say where, serve."""
    settings = load_agent(DATA / AGENT_FILE)
    loads = _counted_tokenizer_loads()
    began = time.monotonic()
    model = served_model(folder, settings)
    tokenizer_s, began = time.monotonic() - began, time.monotonic()
    running = TransformersEngine(
        folder,
        stops=model.prompter.stops,
        settings=engine,
        compute=compute,
        tokenizer=model.prompter.tokenizer,
    )
    await running.start()
    started = {"tokenizer_load_s": tokenizer_s, "engine_start_s": time.monotonic() - began}
    measured = MeasuredEngine(running)
    router = OneModel(Route(model=model, engine=measured))
    turns = TurnService(router=router, ids=NewIds())
    limits = ServerLimits(concurrent=256, per_key=256, timeout_s=3600)
    app = make_app(
        turns=turns,
        router=router,
        settings=settings.serving.model_copy(update={"limits": limits}),
        keys=ClientKeys({}),
        extra_routes=[HttpRoute("/measured", _measured_route(measured, loads))],
    )
    with listening_socket("127.0.0.1", 0) as listening:
        print(json.dumps({"url": base_url(listening), "model": model.agent, **started}), flush=True)
        await DrainingServer(app, limits=limits).serve(sockets=[listening])
    await running.close()
    turns.close()


def served_model(folder: Path, settings: AgentSettings) -> ServedModel:
    """A model folder as the server needs it, with the help desk's catalog."""
    catalog = load_catalog(settings.path("catalog.json"))
    prompter = make_prompter(
        ModelUnderTest(name=folder.name, folder=folder),
        chat=settings.chat,
        catalog=catalog,
        tokenizer=model_loading.load_tokenizer(folder),
        examples=tuple,
    )
    assert isinstance(prompter, ServedPrompter)
    return ServedModel(
        agent=settings.name,
        day="benchmark",
        content_digest="",
        adapter_digest=None,
        folder=folder,
        catalog=catalog,
        catalog_digest=catalog.digest,
        validator=CatalogValidator(catalog),
        prompter=prompter,
    )


@dataclass
class OneModel:
    """A router with one model."""

    only: Route

    @asynccontextmanager
    async def route(self, conversation_id: str) -> AsyncIterator[Route]:
        """The model."""
        yield self.only

    def current(self) -> Route:
        """The model."""
        return self.only


class NewIds:
    """Every request is a conversation of its own."""

    def identify(self, request: ChatRequest) -> str:
        """A new id."""
        return request.conversation_id or uuid4().hex

    def remember(self, turn: ServedTurn) -> None:
        """Nothing to remember."""


@dataclass
class MeasuredEngine(Engine):
    """An engine, and what its requests took."""

    inner: TransformersEngine
    counts: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(
            ("requests", "engine_s", "prompt_tokens", "new_tokens", "reused_tokens"), 0.0
        )
    )

    @property
    def max_context(self) -> int:
        """As the engine's."""
        return self.inner.max_context

    async def stream(self, request: DecodeRequest) -> AsyncIterator[Chunk]:
        """Pass on, and count."""
        began = time.monotonic()
        self.counts["requests"] += 1
        self.counts["prompt_tokens"] += len(request.ids)
        async with aclosing(self.inner.stream(request)) as chunks:  # type: ignore[type-var] # a generator
            async for chunk in chunks:
                self.counts["new_tokens"] += chunk.n_new_tokens
                self.counts["reused_tokens"] += chunk.n_reused
                if chunk.end is not None:
                    self.counts["engine_s"] += time.monotonic() - began
                yield chunk

    def load(self) -> tuple[int, int]:
        """As the engine's."""
        return self.inner.load()

    async def start(self) -> None:
        """As the engine's."""
        await self.inner.start()

    async def close(self) -> None:
        """As the engine's."""
        await self.inner.close()


def _counted_tokenizer_loads() -> list[str]:
    """Folders whose tokenizer this process loads from now on."""
    from transformers import AutoTokenizer

    loads: list[str] = []
    load = AutoTokenizer.from_pretrained

    def counted(folder: Any, *arguments: Any, **options: Any) -> Any:
        loads.append(str(folder))
        return load(folder, *arguments, **options)

    AutoTokenizer.from_pretrained = counted
    return loads


def _measured_route(engine: MeasuredEngine, loads: list[str]) -> Any:
    async def measured(_request: Request) -> JSONResponse:
        memory = Path("/proc/self/status")
        lines = memory.read_text().splitlines() if memory.is_file() else []
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith(("VmRSS", "VmHWM"))}
        return JSONResponse(
            {
                **engine.counts,
                "tokenizer_loads": len(loads),
                "memory_mb": kilobytes.get("VmRSS", 0) / 1024,
                "peak_memory_mb": kilobytes.get("VmHWM", 0) / 1024,
            }
        )

    return measured


if __name__ == "__main__":
    main()
