"""serving_monitor[d]: how the day's served turns went, compared with what the gate saw of the model that served."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import msgspec
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.ingest.day import TRAJECTORIES_FILE
from toolft_pipeline.ingest.served_turns import read_served_turns
from toolft_pipeline.serving.monitor.gate_figures import gate_figures, shortfalls
from toolft_pipeline.serving.monitor.saving import saved_cost
from toolft_pipeline.serving.monitor.served_rates import ServedRates, served_rates
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.presentation import plots
from toolft_pipeline.stages.spec.inputs import window
from toolft_pipeline.stages.spec.stage import (
    BuildContext,
    Check,
    CheckOutcome,
    Group,
    PartitionScope,
    Plot,
    Stage,
)
from toolft_pipeline.trajectories.record import SERVED
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Version

RATES_FILE = "rates.json"

_WINDOW = ("window_days", "first_day")
_PRICES = (
    "incumbent.price_per_million_prompt_tokens",
    "incumbent.price_per_million_completion_tokens",
    "evaluation.machine_hour_price",
)
_NOTHING = "nothing served: there is nothing to compare"


class ServedDayRates(Struct, frozen=True, kw_only=True):
    """What RATES_FILE holds: the rates of each model that answered, the newest first, and the outcomes of the runs."""

    models: list[ServedRates]
    outcomes: dict[str, int]


def _build(context: BuildContext) -> BuildOutput:
    raw = context.input("raw_trajectories")
    table = pq.read_table(raw.file(TRAJECTORIES_FILE), columns=["origin", "outcome"])
    rows = zip(table["origin"].to_pylist(), table["outcome"].to_pylist(), strict=True)
    outcomes = Counter(outcome["status"] for origin, outcome in rows if origin in SERVED)
    day = ServedDayRates(
        models=served_rates(read_served_turns(raw.folder)), outcomes=dict(sorted(outcomes.items()))
    )  # fmt: skip
    (context.out / RATES_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(day), indent=1))
    turns, runs = sum(each.turns for each in day.models), sum(outcomes.values())
    context.progress(f"{turns} turns of {runs} served runs" if runs else "nothing served")
    return BuildOutput(
        content=(RATES_FILE,),
        rows={"runs": runs, "turns": turns},
        headline=_headline(day) if day.models else {"served": "nothing"},
    )


def _headline(day: ServedDayRates) -> dict[str, Json]:
    """The figures of the model that answered most, and who else answered."""
    most = max(day.models, key=lambda each: each.turns)
    return {
        "served": f"{most.model_day} ({most.model_digest[:12]})",
        "other_models": [each.model_day for each in day.models if each is not most],
        "parse_rate": round(most.parse_rate.value, 4),
        "known_tools": round(most.known_tools.value, 4),
        "valid_arguments": None if most.valid_arguments is None else round(most.valid_arguments.value, 4),
        "fallback_share": round(most.fallback_share.value, 4),
        "latency_ms_p50": round(most.latency_ms_p50, 1),
        "latency_ms_p95": round(most.latency_ms_p95, 1),
        "prompt_tokens_per_turn": round(most.prompt_tokens_per_turn, 1),
        "new_tokens_per_turn": round(most.new_tokens_per_turn, 1),
        "faults": dict(most.faults),
        "constrained_turns": most.constrained_turns,
        "drifted_turns": most.drifted_turns,
        "outcomes": dict(day.outcomes),
        "catalog_tokens_saved": sum(each.saved.catalog_tokens for each in day.models),
        "catalog_tokens_saved_per_turn": round(most.saved.catalog_tokens_per_turn, 1),
    }


def _figures(version: Version, settings: AgentSettings) -> dict[str, Json]:
    """What the day's turns would have cost with the incumbent, at today's prices; nothing without prices."""
    models = served_day(version).models
    cost = saved_cost([each.saved for each in models], settings.incumbent, settings.evaluation.machine_hour_price)
    return {} if cost is None or not models else {key: round(value, 6) for key, value in asdict(cost).items()}


def served_day(version: Version) -> ServedDayRates:
    """The rates of a version."""
    return msgspec.json.decode(version.file(RATES_FILE).read_bytes(), type=ServedDayRates)


def _like_the_gate(version: Version, settings: AgentSettings) -> CheckOutcome:
    drop, agent = settings.serving.monitor.max_drop, version.manifest.address.agent
    models, detail, lines, passed = served_day(version).models, {}, [], True
    for rates in models:
        gate = gate_figures(version.warehouse, agent, rates)
        name = f"{rates.model_day} ({rates.model_digest[:12]})"
        if gate is None:
            lines.append(f"{name}: not compared, no eval_report on it is left")
            continue
        low = shortfalls(rates, gate, max_drop=drop)
        passed = passed and not low
        detail[name] = _compared(rates, gate_known=gate.known_tools, gate=msgspec.to_builtins(gate))
        lines.append(f"{name}: " + ("; ".join(map(str, low)) if low else f"{rates.turns} turns, as at the gate"))
    if not models:
        return CheckOutcome(passed=True, detail={"turns": 0}, description=_NOTHING)
    fix = "" if passed else ": compare a served prompt with `toolft explain --prompts`, and look for catalog drift"
    return CheckOutcome(
        passed=passed, detail={"max_drop": drop, "models": detail}, description="; ".join(lines) + fix
    )  # fmt: skip


def _compared(rates: ServedRates, *, gate_known: float, gate: dict[str, Json]) -> dict[str, Json]:
    served = msgspec.to_builtins(rates)
    named = ("parse_rate", "known_tools", "valid_arguments", "latency_ms_p50")
    return {
        "turns": rates.turns,
        "served": {name: served[name] for name in named},
        "gate": {**gate, "known_tools": gate_known},
    }


def _little_fallback(version: Version, settings: AgentSettings) -> CheckOutcome:
    most, models = settings.serving.monitor.max_fallback_share, served_day(version).models
    if not models:
        return CheckOutcome(passed=True, detail={"turns": 0}, description=_NOTHING)
    shares = {each.model_day: each.fallback_share for each in models}
    shown = "; ".join(f"{day}: {share.value:.1%} of the turns" for day, share in shares.items())
    return CheckOutcome(
        passed=all(share.value <= most for share in shares.values()),
        detail={"max_fallback_share": most, **{day: share.value for day, share in shares.items()}},
        description=f"the fallback answered {shown}",
    )


def _plots(version: Version, settings: AgentSettings) -> dict[str, Plot]:
    """The rates over the window's days on which something was served."""
    address = version.manifest.address
    days: dict[str, ServedRates] = {}
    for day in window(settings, address.partition or ""):
        key = ArtifactKey(agent=address.agent, asset=address.asset, partition=day)
        other = version if day == address.partition else version.warehouse.current(key)
        if other is not None and (models := served_day(other).models):
            days[day] = max(models, key=lambda each: each.turns)
    if not days:
        return {}
    return {
        "parse_rate_by_day": plots.by_day(
            {day: rates.parse_rate.value for day, rates in days.items()}, title="Served turns that could be read"
        ),
        "fallback_by_day": plots.by_day(
            {day: rates.fallback_share.value for day, rates in days.items()}, title="Served turns of the fallback"
        ),
    }


STAGE = Stage(
    asset="serving_monitor",
    description="Parse, validity, tool, fallback and latency rates of the day's served turns, against the gate's.",
    group=Group.DATA,
    kinds=("json",),
    code_version="2",
    inputs={"raw_trajectories": PartitionScope.SAME},
    build=_build,
    plots=_plots,
    figures=_figures,
    display=(*_WINDOW, *_PRICES),
    checks=(
        Check(
            name="served_like_the_gate",
            description="Parse rate, known tools and valid arguments of served turns are at most "
            "`serving.monitor.max_drop` below the gate's figures of the same model; their upper bounds decide.",
            blocking=False,
            evaluate=_like_the_gate,
            settings=("serving.monitor.max_drop",),
            reads="eval_report on the model that served",
        ),
        Check(
            name="little_fallback",
            description="The fallback answered at most `serving.monitor.max_fallback_share` of the turns.",
            blocking=False,
            evaluate=_little_fallback,
            settings=("serving.monitor.max_fallback_share",),
        ),
    ),
)
