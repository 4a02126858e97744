"""A refused candidate in words for someone who sees this for the first time, and the command to try next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolft_pipeline.evaluation.promotion.gate import GATED
from toolft_pipeline.evaluation.scoring.metrics import METRICS
from toolft_pipeline.settings import AgentSettings

_BARS = {name: METRICS[name].description for name in GATED}
"""What each threshold of the gate counts."""

MORE_DATA = 1.5
"""How many times the tokens of this training the next one is advised to take."""


def refusal_lines(report: Mapping[str, Any], *, gate: Mapping[str, Any], settings: AgentSettings) -> list[str]:
    """What the refusal means, each bar that was missed and by how much, and what to run next; nothing for a promotion
    or a report without a verdict."""
    verdict = report["verdict"]
    if verdict is None or verdict.get("promote"):
        return []
    missed = list(_missed(report["models"].get("candidate", {}), gate))
    others = [reason for reason in verdict.get("reasons", ()) if not _is_bar(reason)]
    return [
        "",
        "What this means: nothing is broken. A model was trained and judged, and the gate keeps it out of service, "
        "because it was not shown to be good enough. Whatever served before still serves.",
        *missed,
        *(f"  - {reason}" for reason in others),
        *_next_commands(settings, by_bars=bool(missed)),
    ]


def _missed(candidate: Mapping[str, Any], gate: Mapping[str, Any]) -> Iterator[str]:
    for name, counted in _BARS.items():
        rate, wanted = candidate.get(name), gate.get(name)
        if rate is None or wanted is None or rate["low"] >= wanted:
            continue
        yield (
            f"  - {counted}: {rate['value']:.1%} were seen on {candidate['n_tasks']:.0f} tasks, so the true rate may "
            f"be as low as {rate['low']:.1%} (95 % interval). gate.{name} wants {wanted:.1%} there: "
            f"{100 * (wanted - rate['low']):.1f} points are missing."
        )


def _is_bar(reason: str) -> bool:
    return any(reason.startswith(f"{name} ") for name in _BARS)


def _next_commands(settings: AgentSettings, *, by_bars: bool) -> Iterator[str]:
    agent, training, evaluation = settings.name, settings.training, settings.evaluation
    yield "Next, one of:"
    if by_bars and training.token_budget is not None:
        tokens = int(round(training.token_budget * MORE_DATA, -3))
        yield f"  toolft run {agent} --set training.token_budget={tokens}   # train on more of the logs"
    elif by_bars:
        yield f"  toolft run {agent} --set training.epochs={training.epochs + 1:g}   # train longer on the same logs"
    if by_bars and evaluation.max_tasks is not None:
        yield f"  toolft run {agent} --set evaluation.max_tasks=null   # ask all tasks: narrower intervals"
    yield f"  toolft show {agent} champion   # which model is in service, and since when"
