"""A preview of a proposed catalog on a day that was verified: which runs it would lose and which would come back.

Invariant: a preview takes the way of verification itself: the same cached verdicts, the same rules, the same replay
cache, the same redaction. It skips one thing more: a replay whose result the verdict in force already tells, because
that depends on the backend, which a catalog does not change, and on the values that replay looks for. All others are
made, as they would be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.catalog.renames import apply_renames
from toolft_pipeline.sandbox.protocol import SandboxError
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.category import tools_used
from toolft_pipeline.verification.cache.day_record import read_record
from toolft_pipeline.verification.cache.replay_cache import ReplayCache, load_replay_cache
from toolft_pipeline.verification.cache.verdict_cache import (
    BACKEND_FAILURES,
    VERDICTS_FILE,
    VerdictCache,
    context_digest,
    run_digest,
)
from toolft_pipeline.verification.check_runs import UNPROVEN
from toolft_pipeline.verification.day import DaySources, catalog_index, runs_of_day
from toolft_pipeline.verification.replay.replay import not_replayable
from toolft_pipeline.verification.replay.replay_pool import RunCheck, replay_all
from toolft_pipeline.verification.rules.rule_set import RuleSet, check_text, redact_run
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Verdict, Violation, iter_verdicts


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
    """Whether accepted runs would come under other tool names."""
    tools: Mapping[str, int]

    @property
    def changes(self) -> bool:
        """Whether the day's accepted rows would be others."""
        return bool(self.lost) or self.regained > 0 or self.renamed


@dataclass(frozen=True, kw_only=True)
class VerifiedDay:
    """A day in force: the folders of its versions, and what it is verified from."""

    day: str
    raw: Path
    verified: Path
    sources: DaySources


@dataclass(frozen=True, kw_only=True)
class _Previewed:
    """A run under the proposal, and the verdict in force."""

    item: RunCheck
    verdict: Verdict
    needs_replay: bool
    """Whether verification would ask the sandbox."""
    renamed: bool


def preview_day(day: VerifiedDay, *, settings: AgentSettings, today: RuleSet, proposal: RuleSet) -> DayPreview:
    """Check the runs of a day under a proposed catalog; `today` are the rules by the catalog in force.

    Reads no row where nothing that the day's verdicts depend on differs. A sandbox starts only where a replay must be
    made.
    """
    index, context = catalog_index(proposal), context_digest(proposal, backend=day.sources.backend)
    record = read_record(day.verified)
    runs_digest = day.sources.runs_digest()
    if record is not None and record.holds(runs=runs_digest, context=context, index=index):
        return _unchanged(day.day, kept=record.summary.accepted, tools=record.summary.tools)
    cache = VerdictCache(day.verified if record is not None and record.context == context else None, index=index)
    replays = load_replay_cache(proposal, backend=day.sources.backend, folder=day.verified)
    previewed = list(_previewed(day, settings=settings, today=today, proposal=proposal, cache=cache, replays=replays))
    unproven = _replay([each.item for each in previewed], proposal)
    lost: list[LostRun] = []
    kept = regained = 0
    renamed = False
    tools: Counter[str] = Counter()
    for each in previewed:
        accepted, cached = each.verdict.accepted, each.item.cached is not None
        violation = None if cached else _last_violation(each.item, proposal)
        if accepted if cached else violation is None:
            kept, regained = kept + accepted, regained + (not accepted)
            renamed |= accepted and each.renamed
            tools.update(each.verdict.tools if cached else tools_used(each.item.run.messages))
        elif violation is not None and accepted:
            why = violation.reason if violation.rule is Rule.CATALOG else f"{violation.rule}: {violation.fault}"
            lost.append(LostRun(day=day.day, trajectory_id=each.verdict.trajectory_id, why=why))
    return DayPreview(
        day=day.day,
        kept=kept,
        lost=tuple(lost),
        regained=regained,
        unproven=unproven,
        replayed=sum(each.needs_replay for each in previewed),
        renamed=renamed,
        tools=tools,
    )


def _unchanged(day: str, *, kept: int, tools: Mapping[str, int]) -> DayPreview:
    return DayPreview(day=day, kept=kept, lost=(), regained=0, unproven=0, replayed=0, renamed=False, tools=tools)


def _previewed(
    day: VerifiedDay,
    *,
    settings: AgentSettings,
    today: RuleSet,
    proposal: RuleSet,
    cache: VerdictCache,
    replays: ReplayCache,
) -> Iterator[_Previewed]:
    """Each run with what is known without a sandbox: its cached verdict, a violation, a cached replay, or nothing."""
    runs = runs_of_day(raw=day.raw, settings=settings, day=day.day)
    for logged, verdict in zip(runs, iter_verdicts(day.verified / VERDICTS_FILE), strict=True):
        if (cached := cache.find(run_digest(logged))) is not None:
            item = RunCheck(run=logged, renamed=False, violation=None, cached=cached)
            yield _Previewed(item=item, verdict=verdict, needs_replay=False, renamed=False)
            continue
        before, run = (apply_renames(logged, renames=rules.renames) for rules in (today, proposal))
        renamed = before.messages != run.messages
        text = check_text(run, rules=proposal)
        item = RunCheck(run=run, renamed=run is not logged, violation=text.violation, ungrounded=text.ungrounded)
        if item.violation is None and (proposal.sandbox is None or run.initial_state_ref is None):
            item.violation = not_replayable("no sandbox, or no recorded initial state")
        needs_replay = item.violation is None and replays.key(run, ungrounded=item.ungrounded) not in replays.passed
        item.replay_cached = item.violation is None and not needs_replay
        if needs_replay and not renamed and check_text(before, rules=today).ungrounded == item.ungrounded:
            item.violation = _known_violation(verdict)
            item.replay_cached = item.violation is None and _passed(verdict)
        yield _Previewed(item=item, verdict=verdict, needs_replay=needs_replay, renamed=renamed)


def _known_violation(verdict: Verdict) -> Violation | None:
    """The violation that a replay found by the verdict in force; a backend that failed may not fail again."""
    of_replay = verdict.rule is Rule.REPLAY or verdict.fault is Fault.UNREAD_VALUE
    if verdict.rule is None or verdict.fault is None or not of_replay or verdict.fault in BACKEND_FAILURES:
        return None
    return Violation(rule=verdict.rule, fault=verdict.fault, reason=verdict.reason or "")


def _passed(verdict: Verdict) -> bool:
    """Whether the run came past the replay: accepted, or rejected by the rule after it."""
    return verdict.accepted or verdict.rule is Rule.REDACTION


def _replay(items: list[RunCheck], proposal: RuleSet) -> int:
    """Make the replays that nothing tells; returns how many could not be made and are taken to pass."""
    waiting = [item for item in items if item.needs_replay]
    try:
        for _ in replay_all(iter(waiting), sandbox=proposal.sandbox, cwd=proposal.cwd):
            pass
    except SandboxError:
        return len(waiting)
    return 0


def _last_violation(item: RunCheck, proposal: RuleSet) -> Violation | None:
    """The violation that verification would find in the end, after what the settings accept and after redaction."""
    violation = item.violation
    if violation is not None and violation.fault in UNPROVEN and not proposal.limits.require_replay:
        violation = None
    if violation is None:
        _, _, violation = redact_run(item.run, redactor=proposal.redactor, tools=proposal.tools)
    return violation
