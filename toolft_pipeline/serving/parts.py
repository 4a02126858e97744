"""The parts that a server is put together from, by protocol: who answers, what watches, what comes after a turn."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from toolft_pipeline.engines.engine import Engine
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.served_turn import Arm, ServedTurn


@dataclass(frozen=True, kw_only=True)
class Route:
    """The model and the engine that answer one request."""

    model: ServedModel
    engine: Engine
    arm: Arm = Arm.CHAMPION


class Router(Protocol):
    """Chooses who answers. A route stays usable until its context ends, also if another model comes into service."""

    def route(self, conversation_id: str) -> AbstractAsyncContextManager[Route]:
        """The route of one request; a conversation keeps its arm. Raises `EngineError` if no model is loaded."""

    def current(self) -> Route | None:
        """The route of the champion; None until it is loaded."""


class TurnObserver(Protocol):
    """Gets every turn after its answer was sent: run log, metrics, canary."""

    def observe(self, turn: ServedTurn) -> None:
        """Take note of a turn. Must not raise and must not block: work that takes time belongs on a thread."""


class SafetyNet(Protocol):
    """May replace a turn by an endpoint's answer before it is sent."""

    async def catch(self, turn: ServedTurn) -> ServedTurn:
        """The turn itself, or one with `fallback` and `fallback_message`. Must not raise."""


class Constraint(Protocol):
    """Makes the grammar that a turn must follow."""

    def grammar(self, request: ChatRequest, model: ServedModel) -> str | None:
        """The grammar; None leaves decoding free."""


class ConversationIds(Protocol):
    """Names the conversation that a request belongs to."""

    def identify(self, request: ChatRequest) -> str:
        """The client's own id, else that of the conversation whose last answer the history holds, else a new one."""

    def remember(self, turn: ServedTurn) -> None:
        """Remember the history that ends in this answer."""


class DriftWatch(Protocol):
    """Compares the live tools with the catalog that the model was trained on."""

    def drifted(self) -> bool:
        """Whether the last look found a difference."""

    def describe(self) -> Mapping[str, Any]:
        """What differs, for readiness and metrics."""
