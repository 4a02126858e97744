"""What the router says of itself: as JSON for /ready, and as figures for the metrics page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from toolft_pipeline.serving.notice import Figure
from toolft_pipeline.serving.routing.held_model import HeldModel
from toolft_pipeline.serving.routing.load_failures import LoadFailures
from toolft_pipeline.serving.served_turn import Arm


def router_status(
    *,
    loaded: Mapping[Arm, HeldModel | None],
    draining: Iterable[HeldModel],
    loading: str | None,
    failures: Mapping[Arm, LoadFailures],
) -> dict[str, Any]:
    """What serves, what is being loaded and what could not be; names no path."""
    return {
        "models": {
            arm.value: {"name": held.model.name, "digest": held.digest, "requests": held.requests}
            for arm, held in loaded.items()
            if held is not None
        },
        "draining": [{"name": held.model.name, "requests": held.requests} for held in draining],
        "loading": loading,
        "failed": {
            arm.value: {"digest": each.last.digest, "attempts": each.last.attempts}
            for arm, each in failures.items()
            if each.last is not None
        },
    }


def router_figures(status: dict[str, Any], *, swaps: int, last_swap_s: float | None) -> Iterator[Figure]:
    """Figures of `FollowingRouter.status`, the number of swaps and the time of the last one."""
    for arm, model in status["models"].items():
        labels = {"arm": arm, "model": model["name"], "digest": model["digest"][:16]}
        yield Figure(name="toolft_model_loaded", help="1 for each model that serves.", value=1, labels=labels)
    yield Figure(
        name="toolft_models_in_memory",
        help="Models in memory, draining ones too; at most 2.",
        value=len(status["models"]) + len(status["draining"]),
    )
    yield Figure(
        name="toolft_model_swaps_total",
        help="Models that came into service while the server ran.",
        value=swaps,
        total=True,
    )
    if last_swap_s is not None:
        yield Figure(
            name="toolft_model_swap_seconds",
            help="Seconds from noticing the last move of the pointer until its model took over.",
            value=last_swap_s,
        )
    for arm in Arm:
        yield Figure(
            name="toolft_model_load_failures",
            help="Failed attempts to load the model that is wanted; 0 if all is well.",
            value=status["failed"].get(arm.value, {"attempts": 0})["attempts"],
            labels={"arm": arm.value},
        )
