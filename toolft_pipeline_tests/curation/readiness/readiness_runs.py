"""Logged runs with known usage, and the readiness report of any runs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from toolft_pipeline.catalog.sources import catalog_from_file
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.curation.dedup.repeated_conversations import RepeatedConversations
from toolft_pipeline.curation.readiness.accepted_runs import AcceptedKind, AcceptedRuns
from toolft_pipeline.curation.readiness.logged_day import count_day
from toolft_pipeline.curation.readiness.readiness import CatalogSize, Readiness, measure_readiness
from toolft_pipeline.settings import IncumbentSettings, ReadinessSettings
from toolft_pipeline.trajectories.category import categorize, tools_used
from toolft_pipeline.trajectories.record import Origin, Trajectory, Usage
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user

CATALOG = catalog_from_file(REPOSITORY / "data" / "assistant" / "catalog.json")


LENIENT = ReadinessSettings(min_runs=1, min_runs_per_tool=1)


PRICES = IncumbentSettings(price_per_million_prompt_tokens=2.0, price_per_million_completion_tokens=10.0)


def run(id_: str, tool: str, **usage: Any) -> Trajectory:
    made = trajectory(user("hi"), calls(("a", tool, {})), result("a", tool, "{}"), says("done"))
    return msgspec.structs.replace(made, trajectory_id=id_, tools_digest="sha256:one", usage=Usage(**usage))


LOGGED = [
    run("1", "search", prompt_tokens=1000, completion_tokens=10, latency_ms=100.0, parse_failures=0),
    run("2", "search", prompt_tokens=3000, completion_tokens=30, latency_ms=300.0, parse_failures=2),
    run("3", "calculate", prompt_tokens=2000, completion_tokens=20, latency_ms=200.0, parse_failures=0),
    run("4", "forgotten"),
]


def golden(made: Trajectory) -> Trajectory:
    return msgspec.structs.replace(made, golden=True, trajectory_id=f"golden-{made.trajectory_id}")


def accepted_runs(runs: list[Trajectory]) -> AcceptedRuns:
    """What `read_accepted_runs` counts, counted from the runs themselves."""
    again = RepeatedConversations()
    for made in runs:
        again.add(made.messages)
    kinds = [
        AcceptedKind(
            made.golden,
            categorize(made.messages).value,
            tuple(tools_used(made.messages)),
            made.origin in (Origin.SERVED, Origin.MIXED),
        )
        for made in runs
    ]
    distinct = [kind for kind, continued in zip(kinds, again.continued().tolist(), strict=True) if not continued]
    return AcceptedRuns(all=dict(Counter(kinds)), distinct=dict(Counter(distinct)))


def report(
    *,
    logged: list[Trajectory] = LOGGED,
    accepted: list[Trajectory] = LOGGED[:3],
    judged: int | None = None,
    catalog_tokens: int = 500,
    prices: IncumbentSettings = PRICES,
    wanted: ReadinessSettings = LENIENT,
) -> Readiness:
    tools = CatalogValidator(CATALOG)
    return measure_readiness(
        day="2026-10-02",
        logged=[
            count_day(logged[::2], day="2026-10-01", tools=tools, redact=str),
            count_day(logged[1::2], day="2026-10-02", tools=tools, redact=str),
        ],
        accepted=accepted_runs(accepted),
        judged=len(logged) if judged is None else judged,
        catalog=CatalogSize(names=list(CATALOG.names), tokens=catalog_tokens, saved_tokens=catalog_tokens),
        prices=prices,
        wanted=wanted,
    )


def valid(id_: str, tool: str = "search", **usage: Any) -> Trajectory:
    arguments = {"search": {"query": "x", "kind": "notes"}, "forgotten": {}}[tool]
    made = trajectory(user("hi"), calls(("a", tool, arguments)), result("a", tool, "{}"), says("done"))
    return msgspec.structs.replace(made, trajectory_id=id_, usage=Usage(**usage))


SOUND = [valid(str(n), prompt_tokens=900, parse_failures=0) for n in range(10)]
