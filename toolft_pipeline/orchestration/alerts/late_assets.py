"""Failures without a failed run: failed ticks of sensors and schedules, and assets past their deadline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from toolft_pipeline.orchestration.freshness import freshness_policy
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.stages import STAGES

_TICKS_READ = 1000
"""Newest ticks of one sensor or schedule that are read: 8 hours of a sensor that ticks every 30 s."""


@dataclass(frozen=True, kw_only=True)
class FailedTick:
    """A failed tick of a sensor or schedule; `agent` is None if it serves all agents."""

    name: str
    agent: str | None
    error: str


def failed_ticks(instance: dg.DagsterInstance, moment: float, *, agents: Sequence[str]) -> Iterator[FailedTick]:
    """Ticks that failed after `moment` (Unix time), one for each sensor or schedule and error."""
    for state in instance.all_instigator_state():
        owners = [agent for agent in agents if state.name.startswith(f"{agent}_")]
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=moment, limit=_TICKS_READ)
        errors = dict.fromkeys(_root_cause(tick.error) for tick in ticks if tick.is_failure and tick.error is not None)
        for error in errors:
            yield FailedTick(name=state.name, agent=max(owners, key=len, default=None), error=error)


def late_assets(instance: dg.DagsterInstance, agent: AgentSettings) -> list[str]:
    """Assets of an agent that are past the deadline of their freshness policy."""
    watched = [stage.asset for stage in STAGES if freshness_policy(stage, agent) is not None]
    records = instance.get_freshness_state_records([dg.AssetKey([agent.name, asset]) for asset in watched])
    failed = {key.path[-1] for key, record in records.items() if record.freshness_state.name == "FAIL"}
    return [asset for asset in watched if asset in failed]


def _root_cause(error: object) -> str:
    """The root cause of a serialized error, in one line."""
    while (cause := getattr(error, "cause", None)) is not None:
        error = cause
    return " ".join(str(getattr(error, "message", error)).split())
