"""Agents that cannot be loaded, in the UI: an asset for each, with a failed check that says what is wrong.

Invariant: nothing here needs a valid agent file. When the file is fixed, the check passes and says to reload the code
location; the reload removes the asset.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence

import dagster as dg

from toolft_pipeline.agent_discovery import BrokenAgent, read_agent

ASSET, CHECK = "agent_file", "can_be_loaded"
EVERY_S = 60
RELOAD = "the file can be loaded again: reload the code location (Deployment, Reload), then the agent is back"


def log_broken_agents(broken: Sequence[BrokenAgent]) -> None:
    """Log a warning for each agent that is left out."""
    for agent in broken:
        logging.getLogger("dagster").warning("agent %s is left out: %s", agent.name, "; ".join(agent.lines))


def broken_agent_assets(broken: Sequence[BrokenAgent]) -> list[dg.AssetsDefinition]:
    """One asset for each agent that is left out, in a group with the agent's name."""
    return [_asset(key, agent) for key, agent in _keys(broken)]


def broken_agents_sensor(broken: Sequence[BrokenAgent]) -> dg.SensorDefinition:
    """A sensor that reports the checks of agents that are left out when their errors change."""

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        before: dict[str, list[str]] = json.loads(context.cursor or "{}")
        now = {key.to_user_string(): _lines(agent) for key, agent in _keys(broken)}
        events = [
            _evaluation(key, now[name])
            for key, _ in _keys(broken)
            if before.get(name := key.to_user_string()) != now[name]
        ]
        if not events:
            return dg.SkipReason("; ".join(lines[0] if lines else f"{name}: {RELOAD}" for name, lines in now.items()))
        return dg.SensorResult(asset_events=events, cursor=json.dumps(now))

    return dg.SensorDefinition(
        name="broken_agents",
        evaluation_fn=look,
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        asset_selection=dg.AssetSelection.assets(*(key for key, _ in _keys(broken))),
        description="Shows in red which agents cannot be loaded, and why.",
    )


def _asset(key: dg.AssetKey, agent: BrokenAgent) -> dg.AssetsDefinition:
    @dg.asset(
        key=key,
        group_name=key.path[0],
        description=f"Agent {agent.name} is left out, because its file cannot be loaded:\n\n" + _listed(agent.lines),
        kinds={"yaml"},
        check_specs=[dg.AssetCheckSpec(CHECK, asset=key, description="The agent's file can be loaded.")],
    )
    def agent_file():  # type: ignore[no-untyped-def] # Dagster takes no parameterized type of a result
        lines = _lines(agent)
        if lines:
            raise dg.Failure(description="\n".join(lines), allow_retries=False)
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, description=RELOAD)])

    return agent_file


def _evaluation(key: dg.AssetKey, lines: list[str]) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key, check_name=CHECK, passed=not lines, description=_listed(lines) if lines else RELOAD
    )


def _lines(agent: BrokenAgent) -> list[str]:
    """What is wrong with the file now; empty if it can be loaded."""
    found = read_agent(agent.path)
    return list(found.lines) if isinstance(found, BrokenAgent) else []


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _keys(broken: Sequence[BrokenAgent]) -> list[tuple[dg.AssetKey, BrokenAgent]]:
    """The asset key of each agent: folder names are made valid for Dagster, and unique."""
    found: dict[str, BrokenAgent] = {}
    for agent in broken:
        name = plain = re.sub(r"\W", "_", agent.name, flags=re.ASCII)
        number = 2
        while name in found:
            name, number = f"{plain}_{number}", number + 1
        found[name] = agent
    return [(dg.AssetKey([name, ASSET]), agent) for name, agent in found.items()]
