"""Both arms of a canary as JSON: what GET /canary answers and the morning page shows."""

from __future__ import annotations

from typing import Any

import msgspec

from toolft_pipeline.evaluation.scoring.intervals import wilson
from toolft_pipeline.serving.canary.canary_state import ArmCounts, Stop
from toolft_pipeline.serving.canary.candidate_test import CandidateTest
from toolft_pipeline.settings import CanarySettings

_LARGEST = 1e12
"""Evidence above this is shown as this: JSON has no infinity."""


def canary_report(test: CandidateTest | None, *, settings: CanarySettings, stop: Stop | None) -> dict[str, Any]:
    """The state of a test; `status` is `none` without a candidate, `running` or `stopped`.

    Rates have 95 % intervals for one look; the decision is by `evidence`, which may be looked at any time.
    """
    if test is None:
        return {
            "status": "none",
            "share": settings.share,
            "candidate": None,
            "champion": None,
            "evidence": None,
            "evidence_needed": None,
            "stopped": None,
            "arms": {},
        }
    state = test.state()
    return {
        "status": "running" if stop is None else "stopped",
        "share": settings.share,
        "candidate": {"day": state.candidate_day, "digest": state.candidate},
        "champion": {"day": state.champion_day, "digest": state.champion},
        "opened_at": state.opened_at,
        "open_conversations": len(state.open),
        "evidence": min(test.evidence, _LARGEST),
        "evidence_needed": test.evidence_needed,
        "wrong_stop": settings.wrong_stop,
        "stopped": None if stop is None else {"at": stop.at, "why": stop.why},
        "arms": {arm: _arm(counts) for arm, counts in state.arms.items()},
    }


def _arm(counts: ArmCounts) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(counts),
        "failure_rate": _rate(counts.failed, counts.conversations),
        "parse_rate": _rate(counts.parsed, counts.turns),
    }


def _rate(count: int, total: int) -> dict[str, float] | None:
    found: dict[str, float] | None = None if total == 0 else msgspec.to_builtins(wilson(count, total))
    return found
