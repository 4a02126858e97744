"""The Starlette application: completions, models, health, readiness, metrics, and routes that others add."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from toolft_pipeline.serving.api.admission import Admission
from toolft_pipeline.serving.api.answers import OWNER
from toolft_pipeline.serving.api.completions import Completions, model_names
from toolft_pipeline.serving.api.edge import Edge, http_error
from toolft_pipeline.serving.api.errors import JsonResponse
from toolft_pipeline.serving.api.keys import ClientKeys
from toolft_pipeline.serving.api.metrics import Figures, Metrics
from toolft_pipeline.serving.api.request_checks import unknown_model
from toolft_pipeline.serving.parts import DriftWatch, Router
from toolft_pipeline.serving.turn_service import TurnService
from toolft_pipeline.settings.serving import ServingSettings


@dataclass(frozen=True, kw_only=True)
class ServerApp:
    """The application, and the handle that drains it."""

    asgi: Starlette
    admission: Admission


def make_app(
    *,
    turns: TurnService,
    router: Router,
    settings: ServingSettings,
    keys: ClientKeys,
    drift: DriftWatch | None = None,
    extra_routes: Sequence[BaseRoute] = (),
    figures: Figures = tuple,
    status: Callable[[], Mapping[str, Any]] = dict,
) -> ServerApp:
    """Put the application together.

    `extra_routes` pass the same checks as its own (key, size, content type); `figures` of other parts are added to the
    metrics, `status` to /ready.
    """
    admission = Admission(settings.limits)
    metrics = Metrics(router=router, drift=drift, running=lambda: admission.running, figures=figures)
    completions = Completions(
        turns=turns,
        router=router,
        limits=settings.limits,
        admission=admission,
        metrics=metrics,
        strict_holds=settings.constrained,
    )
    routes = _StatusRoutes(router=router, admission=admission, metrics=metrics, status=status)
    app = Starlette(
        routes=[
            Route("/v1/chat/completions", completions, methods=["POST"]),
            Route("/v1/models", routes.models),
            Route("/v1/models/{name:path}", routes.model),
            Route("/health", routes.health),
            Route("/ready", routes.ready),
            Route("/metrics", routes.metrics_text),
            *extra_routes,
        ],
        middleware=[Middleware(Edge, keys=keys, body_bytes=settings.limits.body_bytes, metrics=metrics)],
        exception_handlers={HTTPException: http_error},
    )
    return ServerApp(asgi=app, admission=admission)


class _StatusRoutes:
    """The routes that say how the server is."""

    def __init__(
        self, *, router: Router, admission: Admission, metrics: Metrics, status: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._router = router
        self._admission = admission
        self._metrics = metrics
        self._status = status

    async def models(self, _request: Request) -> Response:
        """The names that a request may have as `model`."""
        return JsonResponse({"object": "list", "data": list(self._entries().values())})

    async def model(self, request: Request) -> Response:
        """One of these names."""
        entries, name = self._entries(), str(request.path_params["name"])
        if name not in entries:
            raise unknown_model(name, tuple(entries))
        return JsonResponse(entries[name])

    def _entries(self) -> dict[str, dict[str, Any]]:
        names = model_names(self._router)
        created = _midnight(names[-1].rpartition("/")[2])
        return {name: {"id": name, "object": "model", "created": created, "owned_by": OWNER} for name in names}

    async def health(self, _request: Request) -> Response:
        """Whether the process answers at all."""
        return JsonResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """Whether requests are answered: a model is loaded, and the server is not shutting down."""
        route = self._router.current()
        if self._admission.draining or route is None or route.engine.failure is not None:
            waiting = "loading the model" if route is None else "the engine has failed"
            state = "shutting down" if self._admission.draining else waiting
            return JsonResponse({**self._status(), "status": state}, status_code=503, headers={"Retry-After": "1"})
        return JsonResponse({**self._status(), "status": "ready", "model": route.model.name})

    async def metrics_text(self, _request: Request) -> Response:
        """The metrics for Prometheus."""
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _midnight(day: str) -> int:
    """A model's day as the protocol's time of creation, in seconds; 0 for a name that is no day."""
    try:
        return int(datetime.combine(date.fromisoformat(day), time(), UTC).timestamp())
    except ValueError:
        return 0
