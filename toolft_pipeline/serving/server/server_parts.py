"""Put a server together from an agent file: who answers, what watches, what comes after a turn.

Invariant: this module alone knows all parts. The HTTP layer is given a `ServerParts` and reaches neither the warehouse
nor a setting of a part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.routing import BaseRoute

from toolft_pipeline.compute_type import choose_compute_type
from toolft_pipeline.engines.engine import Engine
from toolft_pipeline.engines.registry import make_engine
from toolft_pipeline.errors import FixableError
from toolft_pipeline.serving.adapters.adapter_engine import AdapterEngines
from toolft_pipeline.serving.canary.canary import Canary
from toolft_pipeline.serving.drift.drift_watch import LiveToolsWatch
from toolft_pipeline.serving.drift.live_tools import live_tools
from toolft_pipeline.serving.nets.assembly import fallback_net, mask_factory, turn_constraint
from toolft_pipeline.serving.nets.fallback import EndpointFallback
from toolft_pipeline.serving.nets.grammar import TurnConstraint
from toolft_pipeline.serving.notice import LOG, Figure, Notify, log_notice
from toolft_pipeline.serving.parts import ConversationIds, TurnObserver
from toolft_pipeline.serving.routing.held_model import EngineFactory
from toolft_pipeline.serving.routing.router import FollowingRouter
from toolft_pipeline.serving.run_log.conversation_ids import HistoryConversationIds
from toolft_pipeline.serving.run_log.feedback_route import feedback_route
from toolft_pipeline.serving.run_log.run_log import RunLog, run_log
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.server.canary_route import canary_route
from toolft_pipeline.serving.server.feedback_to_canary import FeedbackToCanary
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.store import Warehouse


class RunLogError(FixableError, RuntimeError):
    """Served runs cannot be written; the message names the folder and the settings."""


@dataclass(frozen=True, kw_only=True)
class ServerParts:
    """Everything behind the HTTP layer. Used from one event loop, between `start` and `close`."""

    settings: AgentSettings
    router: FollowingRouter
    drift: LiveToolsWatch
    conversation_ids: ConversationIds
    run_log: RunLog | None = None
    net: EndpointFallback | None = None
    constraint: TurnConstraint | None = None
    canary: Canary | None = None

    @property
    def observers(self) -> tuple[TurnObserver, ...]:
        """What gets every turn."""
        return tuple(each for each in (self.run_log, self.canary) if each is not None)

    @property
    def routes(self) -> tuple[BaseRoute, ...]:
        """Routes beside those of the protocol."""
        routes: list[BaseRoute] = []
        if self.run_log is not None:
            takes = self.run_log if self.canary is None else FeedbackToCanary(self.run_log, self.canary)
            routes.append(feedback_route(takes))
        if self.canary is not None:
            routes.append(canary_route(self.canary.report))
        return tuple(routes)

    async def start(self) -> None:
        """Load the model. Raises `FixableError` with one clear line if there is none that can be served."""
        if self.run_log is not None:
            await asyncio.to_thread(_start_run_log, self.run_log, self.settings)
        await self.router.start()
        self.drift.start()

    async def close(self) -> None:
        """Let running requests end within `serving.limits.drain_s`, then free everything. Call it once."""
        await self.router.close()
        await asyncio.to_thread(self.drift.close)
        if self.run_log is not None:
            await asyncio.to_thread(self.run_log.close)
        if self.net is not None:
            await self.net.close()

    def status(self) -> dict[str, Any]:
        """What serves and what is wrong, as JSON for /ready; without secrets or paths."""
        return {"agent": self.settings.name, **self.router.status(), "tools": dict(self.drift.describe())}

    def figures(self) -> Iterator[Figure]:
        """Figures of the parts for the metrics page."""
        yield from self.router.figures()
        yield from self.drift.figures()
        if self.run_log is not None:
            yield from self.run_log.figures()
        if self.canary is not None:
            yield from self.canary.figures()
        if self.net is not None:
            yield from self.net.figures()
        if self.constraint is not None:
            yield from self.constraint.figures()


def open_server_parts(
    settings: AgentSettings,
    warehouse: Warehouse,
    *,
    key: bytes,
    version: str | None = None,
    engines: EngineFactory | None = None,
    notify: Notify = log_notice,
) -> ServerParts:
    """The parts of a server; nothing is loaded before `ServerParts.start`.

    `key` is that of surrogates: clients and conversations are written as HMACs. `version` is None (the model in
    service, followed), an as-of day, or `candidate`. `engines` makes other engines than the settings name. Raises
    `FixableError`.
    """
    serving = settings.serving
    follows = version is None
    canary = None
    if follows and serving.canary.share > 0:
        canary = Canary(settings=settings, warehouse=warehouse, notify=notify)
    router = FollowingRouter(
        warehouse=warehouse,
        settings=settings,
        make_engine=engines or engine_factory(settings),
        version=version,
        canary=canary,
        notify=notify,
    )
    drift = LiveToolsWatch(
        agent=settings.name,
        every_s=serving.drift.every_s,
        trained=router.champion_model,
        list_tools=partial(live_tools, settings),
        notify=notify,
    )
    return ServerParts(
        settings=settings,
        router=router,
        drift=drift,
        conversation_ids=HistoryConversationIds(),
        run_log=run_log(settings, key=key),
        net=fallback_net(settings, warehouse, notify=notify),
        constraint=turn_constraint(settings, warehouse, notify=notify),
        canary=canary,
    )


def _start_run_log(log: RunLog, settings: AgentSettings) -> None:
    try:
        log.start()
    except OSError as error:
        raise RunLogError(
            f"{settings.name}: served runs cannot be written ({error}); let the server write to serving.runs.folder "
            "(or logs.folder), or set serving.runs.enabled to false"
        ) from error


def engine_factory(settings: AgentSettings) -> EngineFactory:
    """What makes the engines of a server: each loads a merged model, or all share a base and load adapters."""
    if settings.serving.engine.adapters:
        return AdapterEngines(settings, progress=LOG.info).make
    return partial(engine_of, settings)


def engine_of(settings: AgentSettings, model: ServedModel) -> Engine:
    """The engine that `serving.engine` names, in the number type that the model was evaluated in."""
    return make_engine(
        settings.serving.engine,
        folder=model.folder,
        stops=model.prompter.stops,
        compute=choose_compute_type(settings.training.compute_type).type,
        tokenizer=model.prompter.tokenizer,
        mask_factory=mask_factory(settings, model),
        progress=LOG.info,
    )
