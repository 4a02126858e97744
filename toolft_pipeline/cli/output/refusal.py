"""Explain a refused candidate to a first-time user, with the commands to try next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolft_pipeline.evaluation.promotion.gate import GATED
from toolft_pipeline.evaluation.scoring.metrics import METRICS
from toolft_pipeline.settings import AgentSettings

_THRESHOLDS = {name: METRICS[name].description for name in GATED}
"""What each threshold of the gate measures."""

MORE_DATA = 1.5
"""Factor of the token budget that is proposed for the next training."""


def refusal_lines(report: Mapping[str, Any], *, gate: Mapping[str, Any], settings: AgentSettings) -> list[str]:
    """What the refusal means, the missed thresholds with the difference, and what to run next.

    Empty for a promotion or a report without a verdict.
    """
    verdict = report["verdict"]
    if verdict is None or verdict.get("promote"):
        return []
    missed = list(_missed(report["models"].get(verdict.get("judged") or "candidate", {}), gate))
    others = [reason for reason in verdict.get("reasons", ()) if not _is_threshold(reason)]
    return [
        "",
        "What this means: nothing is broken. A model was trained and evaluated, and the gate refused it, because it "
        "was not shown to be good enough. The model that served before still serves.",
        *missed,
        *(f"  - {reason}" for reason in others),
        *_next_commands(settings, below_threshold=bool(missed)),
    ]


def _missed(candidate: Mapping[str, Any], gate: Mapping[str, Any]) -> Iterator[str]:
    for name, counted in _THRESHOLDS.items():
        rate, wanted = candidate.get(name), gate.get(name)
        if rate is None or wanted is None:
            continue
        low = METRICS[name].higher_is_better
        bound = rate["low"] if low else rate["high"]
        missing = wanted - bound if low else bound - wanted
        if missing <= 0:
            continue
        yield (
            f"  - {counted}: {rate['value']:.1%} on {candidate['n_tasks']:.0f} tasks, so the true rate may "
            f"be as {'low' if low else 'high'} as {bound:.1%} (95 % interval). gate.{name} "
            f"{'requires' if low else 'allows'} {wanted:.1%}: {100 * missing:.1f} points are missing."
        )


def _is_threshold(reason: str) -> bool:
    return any(reason.startswith(f"{name} ") for name in _THRESHOLDS)


def _next_commands(settings: AgentSettings, *, below_threshold: bool) -> Iterator[str]:
    agent, training, evaluation = settings.name, settings.training, settings.evaluation
    yield "Next, one of:"
    if below_threshold and training.token_budget is not None:
        tokens = int(round(training.token_budget * MORE_DATA, -3))
        yield f"  toolft run {agent} --set training.token_budget={tokens}   # train on more of the logs"
    elif below_threshold:
        yield f"  toolft run {agent} --set training.epochs={training.epochs + 1:g}   # train longer on the same logs"
    if below_threshold and evaluation.max_tasks is not None:
        yield f"  toolft run {agent} --set evaluation.max_tasks=null   # ask all tasks: narrower intervals"
    yield f"  toolft show {agent} champion   # which model is in service, and since when"
