"""Checks runs one after another and writes accepted rows, verdicts and what each verdict depends on.

Invariant: runs in = verdicts out, in the same order, and no more than a bounded number of runs is held. A run whose
cached verdict holds is written as it was; every other run meets the rules in their order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from msgspec import structs

from toolft_pipeline.catalog.renames import apply_renames
from toolft_pipeline.trajectories.accepted_table import AcceptedRun, write_accepted_rows
from toolft_pipeline.trajectories.category import categorize, tools_used
from toolft_pipeline.trajectories.record import SERVED, Trajectory
from toolft_pipeline.trajectories.row_writer import RowWriter
from toolft_pipeline.trajectories.tool_failure import failed_results
from toolft_pipeline.verification.cache.catalog_index import CatalogIndex, rename_lookups
from toolft_pipeline.verification.cache.day_record import DayTally
from toolft_pipeline.verification.cache.replay_cache import ReplayCache
from toolft_pipeline.verification.cache.verdict_cache import (
    ACCEPTED_FILE,
    KEY_SCHEMA,
    KEYS_FILE,
    VERDICTS_FILE,
    VerdictCache,
    VerdictKey,
    run_digest,
)
from toolft_pipeline.verification.replay.replay_pool import RunCheck, replay_all
from toolft_pipeline.verification.rules.rule_set import RuleSet, check_text, redact_run
from toolft_pipeline.verification.rules.verdict import VERDICT_SCHEMA, Fault, ReplayExtent, Verdict, format_reason

_REPORT_EVERY_S = 10.0

UNPROVEN = frozenset({Fault.NOT_REPLAYABLE, Fault.NO_FINAL_STATE})
"""Faults that `verification.require_replay: false` accepts: nothing disagrees, but the replay proves too little."""

Progress = Callable[[str], None]


def verify_runs(
    runs: Iterable[Trajectory],
    *,
    rules: RuleSet,
    index: CatalogIndex,
    cache: VerdictCache,
    replays: ReplayCache,
    out: Path,
    progress: Progress,
) -> DayTally:
    """Check runs and write accepted rows, verdicts and what they depend on; returns the counts."""
    tally, reported = DayTally(), time.monotonic()
    items = _checked(runs, rules=rules, index=index, cache=cache, replays=replays)

    def accepted() -> Iterator[AcceptedRun]:
        nonlocal reported
        for item in replay_all(items, sandbox=rules.sandbox, cwd=rules.cwd):
            golden, served = item.run.golden, item.run.origin in SERVED
            verdict, key, row = _decided(item, rules)
            verdicts.add(verdict)
            keys.add(key)
            tally.add(verdict, key, golden=golden, served=served)
            tally.replayed += item.replayed
            tally.cached_replays += item.replay_cached
            tally.cached_verdicts += item.cached is not None
            if row is not None:
                yield AcceptedRun(
                    run=row,
                    category=verdict.category,
                    tools=tuple(verdict.tools),
                    failed_results=failed_results(row.messages, rules.limits.error_forms),
                )
            if time.monotonic() - reported > _REPORT_EVERY_S:
                reported = time.monotonic()
                progress(f"{tally.trajectories} runs checked, {tally.accepted} accepted")

    with RowWriter(out / VERDICTS_FILE, VERDICT_SCHEMA) as verdicts, RowWriter(out / KEYS_FILE, KEY_SCHEMA) as keys:
        write_accepted_rows(accepted(), out / ACCEPTED_FILE)
    return tally


def _checked(
    runs: Iterable[Trajectory], *, rules: RuleSet, index: CatalogIndex, cache: VerdictCache, replays: ReplayCache
) -> Iterator[RunCheck]:
    """Each run with its cached verdict, or with the results of the rules that need no sandbox."""
    for logged in runs:
        digest = run_digest(logged)
        if (cached := cache.find(digest)) is not None:
            yield RunCheck(run=logged, renamed=cached.key.renamed, violation=None, key=cached.key, cached=cached)
            continue
        run = apply_renames(logged, renames=rules.renames) if rules.renames else logged
        text = check_text(run, rules=rules)
        lookups = index.ids(text.catalog_lookups | rename_lookups(logged))
        key = VerdictKey(
            run=digest, catalog_lookups=lookups, catalog_digest=index.digest(lookups), renamed=run is not logged
        )
        item = RunCheck(
            run=run,
            renamed=key.renamed,
            violation=text.violation,
            ungrounded=text.ungrounded,
            key=key,
            answer_unread=text.answer_unread,
        )
        if item.violation is None and rules.sandbox is not None:
            item.replay_key = replays.key(run, ungrounded=text.ungrounded)
            item.replay_cached = item.replay_key in replays.passed
        yield item


def _decided(item: RunCheck, rules: RuleSet) -> tuple[Verdict, VerdictKey, Trajectory | None]:
    """The verdict on a run that came past replay, with its key and its row."""
    if item.cached is not None:
        return item.cached.verdict, item.cached.key, item.cached.accepted
    item.replay_key = item.replay_key if item.passed else None  # a run accepted below without proof is not cached
    extent = _replay_extent(item)
    if item.violation is not None and item.violation.fault in UNPROVEN and not rules.limits.require_replay:
        item.violation = None
    if item.violation is None:
        item.run, item.redacted, item.violation = redact_run(item.run, redactor=rules.redactor, tools=rules.tools)
    verdict = _verdict(item, rules, replay=extent)
    assert item.key is not None, "a run whose verdict is stored has a key"
    key = structs.replace(item.key, redacted_counts=tuple(item.redacted[kind] for kind in verdict.redacted))
    return verdict, key, item.run if item.violation is None else None


def _replay_extent(item: RunCheck) -> ReplayExtent | None:
    """How far a run was replayed; None for one that broke a rule before the replay, or was rejected by it."""
    fault = None if item.violation is None else item.violation.fault
    if fault is Fault.NOT_REPLAYABLE:
        return ReplayExtent.NOT_POSSIBLE
    if fault is Fault.NO_FINAL_STATE:
        return ReplayExtent.RESULTS_ONLY
    if fault is Fault.UNREAD_VALUE:  # checked only after every recorded result and state agreed
        return ReplayExtent.RESULTS_ONLY if item.run.final_state_ref is None else ReplayExtent.WHOLE
    return ReplayExtent.WHOLE if item.passed else None


def _verdict(item: RunCheck, rules: RuleSet, *, replay: ReplayExtent | None) -> Verdict:
    id_, reason, tools = item.run.trajectory_id, None, tools_used(item.run.messages)
    if item.violation is not None:
        texts = (id_, item.violation.reason, *tools, *item.violation.quoted)
        id_, reason, *others = texts if item.redacted else rules.redactor.redact_texts(item.run, *texts)
        tools, quoted = others[: len(tools)], others[len(tools) :]
        reason = format_reason(reason, quoted)
    return Verdict(
        trajectory_id=id_,
        accepted=item.violation is None,
        rule=item.violation.rule if item.violation else None,
        fault=item.violation.fault if item.violation else None,
        reason=reason,
        category=categorize(item.run.messages, error_forms=rules.limits.error_forms),
        tools=tools,
        redacted=sorted(item.redacted),
        replay_key=item.replay_key,
        replay=replay,
        answer_unread=item.answer_unread,
    )
