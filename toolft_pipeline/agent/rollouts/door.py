"""Our server in this process: the application that serves, over evaluation's generator, without a socket.

Invariant: requests pass the checks, the prompt and the parser of serving; only the engine is another one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.agent.rollouts.lockstep_engine import LockstepEngine
from toolft_pipeline.catalog.tool import parse_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.models.prompting import ServedPrompter
from toolft_pipeline.serving.api.app import make_app
from toolft_pipeline.serving.api.keys import ClientKeys
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.parts import Route
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.served_turn import ServedTurn
from toolft_pipeline.serving.turn_service import TurnService
from toolft_pipeline.settings.serving import ServerLimits, ServingSettings

if TYPE_CHECKING:
    import httpx

MODEL = "evaluated"
URL = "http://127.0.0.1/v1"
_NO_LIMIT = 10**9


class Door:
    """The server of one model under evaluation. `turns` has every answered request by its completion's id."""

    def __init__(self, *, prompter: ServedPrompter, validator: CatalogValidator, engine: LockstepEngine) -> None:
        self.engine = engine
        self.turns: dict[str, ServedTurn] = {}
        self._model = ServedModel(
            agent=MODEL,
            day="",
            content_digest="",
            adapter_digest=None,
            folder=Path(),
            catalog=parse_catalog(prompter.tools, where="the evaluated catalog"),
            catalog_digest="",
            validator=validator,
            prompter=prompter,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client whose requests go to the application itself."""
        import httpx

        service = TurnService(router=self, ids=_OwnIds(), observers=[self])
        limits = ServerLimits(
            messages=_NO_LIMIT,
            tools=_NO_LIMIT,
            body_bytes=_NO_LIMIT,
            concurrent=_NO_LIMIT,
            per_key=_NO_LIMIT,
            timeout_s=float(_NO_LIMIT),
        )
        app = make_app(turns=service, router=self, settings=ServingSettings(limits=limits), keys=ClientKeys({}))
        try:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app.asgi), base_url=URL) as client:
                yield client
        finally:
            service.close()

    @asynccontextmanager
    async def route(self, conversation_id: str) -> AsyncIterator[Route]:
        """The one model answers everything."""
        yield self.current()

    def current(self) -> Route:
        """The one route."""
        return Route(model=self._model, engine=self.engine)

    def observe(self, turn: ServedTurn) -> None:
        """Keep the turn."""
        self.turns[f"chatcmpl-{turn.request.request_id}"] = turn


class _OwnIds:
    """Every request is a conversation of its own: nothing is joined or logged."""

    def identify(self, request: ChatRequest) -> str:
        return request.request_id

    def remember(self, turn: ServedTurn) -> None:
        """Nothing is remembered."""
