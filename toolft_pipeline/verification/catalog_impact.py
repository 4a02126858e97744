"""A proposed catalog put to a day that was judged already: what would be lost and what would come back.

Invariant: a preview goes the way of verification itself: the same rules on the same runs, the same replay cache, the
same redaction. A replay is not repeated where the verdict in force tells how it ends: that depends on the backend,
which a catalog does not change, and on what the catalog leaves to suspect. All others are made, as they would be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.catalog.renames import apply_renames
from toolft_pipeline.sandbox.protocol import SandboxError
from toolft_pipeline.trajectories.category import tools_used
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.day import UNPROVEN, VERDICTS_FILE, runs_of_day
from toolft_pipeline.verification.judge import Judge, first_violation, redact_run
from toolft_pipeline.verification.replay.replay import not_replayable
from toolft_pipeline.verification.replay.replay_cache import remember
from toolft_pipeline.verification.replay.replay_pool import RunCheck, replay_all
from toolft_pipeline.verification.rules.state_grounding import ungrounded_values
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Verdict, Violation, read_verdicts
from toolft_pipeline.warehouse.digest import Json


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
    """Runs rejected today that would be accepted."""
    unproven: int
    """Runs among the kept and regained whose replay could not be made now, because the sandbox did not start."""
    replayed: int
    """Runs that would be replayed again."""
    renamed: bool
    """Whether accepted runs would be told in other names."""
    tools: Mapping[str, int]

    @property
    def changes(self) -> bool:
        """Whether the day's accepted rows would be others."""
        return bool(self.lost) or self.regained > 0 or self.renamed


@dataclass(frozen=True, kw_only=True)
class _Previewed:
    """A run under the proposal, and the verdict in force."""

    item: RunCheck
    verdict: Verdict
    waits: bool
    """Whether the real run would ask the sandbox."""
    renamed: bool


def preview_day(*, day: str, raw: Path, verified: Path, today: Judge, proposal: Judge, backend: Json) -> DayPreview:
    """Judge the runs of a day again under a proposed catalog.

    `raw` and `verified` are folders of versions in force, `today` and `proposal` judge by the catalog in force and by
    the proposed one, `backend` is what identifies the backend. A sandbox starts only where a replay must be made.
    """
    previewed = list(_judged(day=day, raw=raw, verified=verified, today=today, proposal=proposal, backend=backend))
    unproven = _replay([each.item for each in previewed], proposal)
    lost: list[LostRun] = []
    kept = regained = replayed = 0
    renamed = False
    tools: Counter[str] = Counter()
    for each in previewed:
        replayed += each.waits
        violation = _last_finding(each.item, proposal)
        accepted = each.verdict.accepted
        if violation is None:
            kept, regained = kept + accepted, regained + (not accepted)
            renamed |= accepted and each.renamed
            tools.update(tools_used(each.item.run.messages))
        elif accepted:
            why = violation.reason if violation.rule is Rule.CATALOG else f"{violation.rule}: {violation.fault}"
            lost.append(LostRun(day=day, trajectory_id=each.verdict.trajectory_id, why=why))
    return DayPreview(
        day=day,
        kept=kept,
        lost=tuple(lost),
        regained=regained,
        unproven=unproven,
        replayed=replayed,
        renamed=renamed,
        tools=tools,
    )


def _judged(
    *, day: str, raw: Path, verified: Path, today: Judge, proposal: Judge, backend: Json
) -> Iterator[_Previewed]:
    """Each run with what is known of it without a sandbox: a finding, a replay that nobody must repeat, or neither."""
    memory = remember(
        settings=proposal.settings,
        backend=backend,
        tool_digests=proposal.tool_digests,
        before=verified / VERDICTS_FILE,
        schemas=proposal.schemas,
    )
    runs = runs_of_day(raw=raw, settings=proposal.settings, day=day)
    for logged, verdict in zip(runs, read_verdicts(verified / VERDICTS_FILE), strict=True):
        before, run = (apply_renames(logged, renames=judge.renames) for judge in (today, proposal))
        renamed = before.messages != run.messages
        item = RunCheck(run=run, renamed=run is not logged, violation=first_violation(run, rules=proposal.rules))
        if item.violation is None and (proposal.settings.sandbox is None or run.initial_state_ref is None):
            item.violation = not_replayable("no sandbox, or no recorded initial state")
        waits = item.violation is None and memory.key(run) not in memory.passed
        item.remembered = item.violation is None and not waits
        if waits and not renamed and _suspects(before, today) == _suspects(run, proposal):
            item.violation = _known(verdict)
            item.remembered = item.violation is None and _passed(verdict)
        yield _Previewed(item=item, verdict=verdict, waits=waits, renamed=renamed)


def _suspects(run: Trajectory, judge: Judge) -> object:
    """What replay asks the backend's state about: the other thing, beside the backend, that decides its outcome."""
    return None if judge.schemas is None else ungrounded_values(run.messages, schemas=judge.schemas)


def _known(verdict: Verdict) -> Violation | None:
    """The finding of a replay that the verdict in force tells; a backend that failed may not fail again."""
    failed = {Fault.SANDBOX_CRASHED, Fault.SANDBOX_TIMEOUT}
    of_replay = verdict.rule is Rule.REPLAY or verdict.fault is Fault.UNREAD_VALUE
    if verdict.rule is None or verdict.fault is None or not of_replay or verdict.fault in failed:
        return None
    return Violation(rule=verdict.rule, fault=verdict.fault, reason=verdict.reason or "")


def _passed(verdict: Verdict) -> bool:
    """Whether the run came past the replay: accepted, or rejected by the rule after it."""
    return verdict.accepted or verdict.rule is Rule.REDACTION


def _replay(items: list[RunCheck], proposal: Judge) -> int:
    """Make the replays that nothing tells; how many could not be made, and are taken to pass."""
    waiting = [item for item in items if item.violation is None and not item.remembered]
    try:
        for _ in replay_all(
            iter(waiting),
            sandbox=proposal.settings.sandbox,
            cwd=proposal.settings.folder,
            schemas=proposal.schemas,
        ):
            pass
    except SandboxError:
        return len(waiting)
    return 0


def _last_finding(item: RunCheck, proposal: Judge) -> Violation | None:
    """What verification would find in the end, with what the settings let pass and redaction."""
    violation = item.violation
    if violation is not None and violation.fault in UNPROVEN and not proposal.settings.verification.require_replay:
        violation = None
    if violation is None:
        _, _, violation = redact_run(item.run, redactor=proposal.redactor, tools=proposal.tools)
    return violation
