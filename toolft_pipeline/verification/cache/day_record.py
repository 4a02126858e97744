"""The record of a verified day: its counts, and everything of the catalog that its verdicts depend on.

Invariant: where the day's runs, the context and the digest of these lookups are the same under another catalog, every
verdict and every row is the same; the record says so without a row being read.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import Struct

from toolft_pipeline.verification.cache.catalog_index import CatalogIndex
from toolft_pipeline.verification.cache.verdict_cache import BACKEND_FAILURES, VerdictKey
from toolft_pipeline.verification.rules.verdict import Fault, ReplayExtent, Verdict

RECORD_FILE = "verification.json"


class VerificationSummary(Struct, frozen=True, kw_only=True):
    """Counts of one day. `faults` is keyed "rule/fault"; coverage counts accepted runs; `redacted` counts, by kind, the
    values replaced in them: a value once a run."""

    trajectories: int
    accepted: int
    golden: int
    """Runs that were checked as golden ones; the others were logged."""
    golden_accepted: int
    faults: dict[str, int]
    replayed: int
    """Runs replayed when this version was made."""
    cached_replays: int
    """Runs that every rule was applied to, but for a replay that passed before and would again."""
    cached_verdicts: int
    """Runs whose whole verdict was taken from the version before."""
    not_replayable: int
    no_final_state: int
    """Runs that were replayed with every result agreeing, but without a recorded final state to compare."""
    answers_unread: int
    """Runs with an answer that only half convinces, rejected or accepted as the settings say."""
    renamed: int
    redacted: dict[str, int]
    categories: dict[str, int]
    tools: dict[str, int]
    served: int = 0
    """Runs that our own server answered."""
    served_accepted: int = 0


class DayRecord(Struct, frozen=True, kw_only=True):
    """What a version of a day depends on, and its counts."""

    runs: str | None
    """Digest of what the day's runs were read from; None where that is not known."""
    context: str
    catalog_lookups: tuple[int, ...]
    """All lookups of all runs, accepted or not."""
    catalog_digest: str
    backend_failures: int
    """Runs on which the backend failed; they are checked again each time."""
    summary: VerificationSummary

    def holds(self, *, runs: str | None, context: str, index: CatalogIndex) -> bool:
        """Whether the day would come out the same."""
        same = runs is not None and (self.runs, self.context) == (runs, context) and not self.backend_failures
        return same and index.digest(self.catalog_lookups) == self.catalog_digest


@dataclass(kw_only=True)
class DayTally:
    """Counts and lookups of a day while its verdicts are written."""

    golden: int = 0
    golden_accepted: int = 0
    accepted: int = 0
    trajectories: int = 0
    replayed: int = 0
    cached_replays: int = 0
    cached_verdicts: int = 0
    not_replayable: int = 0
    no_final_state: int = 0
    answers_unread: int = 0
    renamed: int = 0
    backend_failures: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    redacted: Counter[str] = field(default_factory=Counter)
    lookups: set[int] = field(default_factory=set)
    served: int = 0
    served_accepted: int = 0

    def add(self, verdict: Verdict, key: VerdictKey, *, golden: bool, served: bool) -> None:
        """Count one verdict."""
        self.trajectories += 1
        self.golden += golden
        self.served += served
        self.renamed += key.renamed
        self.lookups.update(key.catalog_lookups)
        self.backend_failures += verdict.fault in BACKEND_FAILURES
        self.not_replayable += verdict.replay is ReplayExtent.NOT_POSSIBLE
        results_only = verdict.replay is ReplayExtent.RESULTS_ONLY
        self.no_final_state += results_only and verdict.fault is not Fault.UNREAD_VALUE
        self.answers_unread += verdict.answer_unread
        if not verdict.accepted:
            self.faults[f"{verdict.rule}/{verdict.fault}"] += 1
            return
        self.accepted += 1
        self.golden_accepted += golden
        self.served_accepted += served
        self.categories[verdict.category.value] += 1
        self.tools.update(verdict.tools)
        self.redacted.update(dict(zip(verdict.redacted, key.redacted_counts, strict=True)))

    def summary(self) -> VerificationSummary:
        """The counts."""
        return VerificationSummary(
            trajectories=self.trajectories,
            accepted=self.accepted,
            golden=self.golden,
            golden_accepted=self.golden_accepted,
            faults=dict(sorted(self.faults.items())),
            replayed=self.replayed,
            cached_replays=self.cached_replays,
            cached_verdicts=self.cached_verdicts,
            not_replayable=self.not_replayable,
            no_final_state=self.no_final_state,
            answers_unread=self.answers_unread,
            renamed=self.renamed,
            redacted=dict(sorted(self.redacted.items())),
            categories=dict(sorted(self.categories.items())),
            tools=dict(sorted(self.tools.items())),
            served=self.served,
            served_accepted=self.served_accepted,
        )


def read_record(folder: Path) -> DayRecord | None:
    """The record of a version's folder; None for one that was written before there were records."""
    path = folder / RECORD_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=DayRecord) if path.is_file() else None
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def write_record(record: DayRecord, folder: Path) -> None:
    """Write the record into a version's folder."""
    (folder / RECORD_FILE).write_bytes(msgspec.json.encode(record))
