"""A proposed catalog put to a day that was judged already: what would be lost, before anything is changed.

Invariant: a preview runs the same rules on the same runs as the stage would, up to the sandbox: a run that it calls
lost would be rejected. What the proposal brings back is an upper bound, for replay is not asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.catalog.renames import apply_renames
from toolft_pipeline.trajectories.category import tools_used
from toolft_pipeline.verification.day import VERDICTS_FILE, runs_of_day
from toolft_pipeline.verification.judge import Judge, check_cheap
from toolft_pipeline.verification.verdict import Rule, read_verdicts


@dataclass(frozen=True, kw_only=True)
class LostRun:
    """An accepted run that the proposal would reject; `why` quotes no argument's value."""

    day: str
    trajectory_id: str
    why: str


@dataclass(frozen=True, kw_only=True)
class DayPreview:
    """What the proposal would do to one day. `tools` counts the runs left to each tool that is called at all."""

    day: str
    kept: int
    lost: tuple[LostRun, ...]
    regained: int
    """Runs rejected by the catalog rule today that would pass the rules before replay."""
    replayed: int
    """Runs that would be replayed again: they call a tool whose schema changes, or come back."""
    tools: Mapping[str, int]

    @property
    def changes(self) -> bool:
        """Whether the day's accepted rows would be others."""
        return bool(self.lost) or self.regained > 0


def preview_day(*, day: str, raw: Path, verified: Path, proposal: Judge, changed: frozenset[str]) -> DayPreview:
    """Judge the runs of a day again, by the rules that need no sandbox, under a proposed catalog.

    `raw` and `verified` are folders of versions in force, `changed` the tools whose schema differs.
    """
    kept, regained, replayed = 0, 0, 0
    lost: list[LostRun] = []
    tools: Counter[str] = Counter()
    runs = runs_of_day(raw=raw, settings=proposal.settings, day=day)
    for logged, verdict in zip(runs, read_verdicts(verified / VERDICTS_FILE), strict=True):
        if not verdict.accepted and verdict.rule is not Rule.CATALOG:
            continue
        run = apply_renames(logged, renames=proposal.renames) if proposal.renames else logged
        finding = check_cheap(run, rules=proposal.rules)
        if finding is not None:
            if verdict.accepted:
                why = finding.reason if finding.rule is Rule.CATALOG else f"{finding.rule}: {finding.fault}"
                lost.append(LostRun(day=day, trajectory_id=verdict.trajectory_id, why=why))
            continue
        kept += verdict.accepted
        regained += not verdict.accepted
        called = tools_used(run.messages)
        replayed += not verdict.accepted or not changed.isdisjoint(called)
        tools.update(called)
    return DayPreview(day=day, kept=kept, lost=tuple(lost), regained=regained, replayed=replayed, tools=tools)
