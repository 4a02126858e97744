"""Prometheus metrics of a server: requests, tokens, time, what became of turns, queue, drift.

Rates are counters to divide, so that any window can be asked: the parse rate is one minus the faults' share of
`toolft_turns_total`, the validity rate one minus `toolft_invalid_calls_total` over `toolft_calls_total`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.registry import Collector

from toolft_pipeline.serving.notice import Figure
from toolft_pipeline.serving.parts import DriftWatch, Router
from toolft_pipeline.serving.served_turn import ServedTurn

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


Figures = Callable[[], Iterable[Figure]]


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(
        self, *, router: Router, drift: DriftWatch | None, running: Callable[[], int], figures: Figures
    ) -> None:
        self._router = router
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter(
            "toolft_requests", "Requests answered", ["route", "status", "client"], registry=registry
        )
        self._tokens = Counter("toolft_tokens", "Tokens", ["kind", "arm"], registry=registry)
        self._saved = Counter(
            "toolft_catalog_tokens_saved",
            "Tokens of offered tools that prompts did not show",
            ["arm"],
            registry=registry,
        )
        self._turns = Counter("toolft_turns", "Turns by what they were", ["outcome", "arm"], registry=registry)
        self._calls = Counter("toolft_calls", "Calls handed on", ["arm"], registry=registry)
        self._invalid = Counter(
            "toolft_invalid_calls", "Calls whose arguments the schema refuses", ["arm"], registry=registry
        )
        self._changed = Counter(
            "toolft_constrained_turns",
            "Turns in which the grammar changed the model's choice",
            ["arm"],
            registry=registry,
        )
        self._fallbacks = Counter("toolft_fallbacks", "Turns of an endpoint", ["endpoint"], registry=registry)
        self._seconds = Histogram(
            "toolft_turn_seconds",
            "Time of a turn: in the queue, from there to the first token, from there to the end",
            ["part", "arm"],
            buckets=SECONDS,
            registry=registry,
        )
        Gauge("toolft_requests_in_progress", "Requests in progress", registry=registry).set_function(running)
        queue = Gauge("toolft_engine_requests", "Requests of the engine", ["state"], registry=registry)
        queue.labels("running").set_function(lambda: self._load()[0])
        queue.labels("waiting").set_function(lambda: self._load()[1])
        drifted = Gauge(
            "toolft_catalog_drift", "1 if the live tools differ from those of the training", registry=registry
        )
        drifted.set_function(lambda: drift is not None and drift.drifted())
        registry.register(_OfOthers(figures))

    def answered(self, *, route: str, status: int, client: str) -> None:
        """Count a request; `route` is a path of the server's own, never the client's text."""
        self._requests.labels(route, status, client).inc()

    def observe(self, turn: ServedTurn) -> None:
        """Count a turn."""
        arm = turn.arm.value
        self._tokens.labels("prompt", arm).inc(len(turn.prompt_ids))
        self._tokens.labels("completion", arm).inc(turn.n_new_tokens)
        self._saved.labels(arm).inc(turn.catalog_tokens_saved)
        outcome = turn.fault.value if turn.fault else "calls" if turn.turn.calls else "answer"
        self._turns.labels(outcome, arm).inc()
        if turn.fault is None:
            self._calls.labels(arm).inc(len(turn.turn.calls))
            self._invalid.labels(arm).inc(len(turn.invalid_arguments))
        if turn.constrained_changes:
            self._changed.labels(arm).inc()
        if turn.fallback is not None:
            self._fallbacks.labels(turn.fallback).inc()
        first = turn.latency_ms if turn.first_token_ms is None else turn.first_token_ms
        for part, milliseconds in (
            ("queue", turn.queued_ms),
            ("first_token", max(0.0, first - turn.queued_ms)),
            ("rest", max(0.0, turn.latency_ms - first)),
        ):
            self._seconds.labels(part, arm).observe(milliseconds / 1000)

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _load(self) -> tuple[int, int]:
        route = self._router.current()
        return (0, 0) if route is None else route.engine.load()


class _OfOthers(Collector):
    """The figures of other parts, read when the page is."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """One family for each name."""
        families: dict[str, Metric] = {}
        for figure in self._figures():
            kind = "counter" if figure.total else "gauge"
            name = figure.name.removesuffix("_total") if figure.total else figure.name
            family = families.setdefault(name, Metric(name, figure.help, kind))
            family.add_sample(figure.name, dict(figure.labels), figure.value)
        yield from families.values()
