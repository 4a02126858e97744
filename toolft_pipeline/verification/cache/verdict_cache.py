"""Verdicts that still hold, taken from the previous version of a day.

Invariant: a cached verdict, its redacted row and its replay are what checking the run again would give. They are taken
only if the whole logged run, everything of the catalog that entered the verdict, and the context (settings, control
strings, backend, surrogate key, code) are the same. A backend that changes unseen makes the cache false. Verdicts on
runs on which the backend itself failed are never taken: it may not fail again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.surrogate_key import key_digest
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.table import BATCH_ROWS, read_trajectories
from toolft_pipeline.verification.cache.catalog_index import CatalogIndex
from toolft_pipeline.verification.rules.rule_set import RuleSet
from toolft_pipeline.verification.rules.verdict import Fault, Verdict, iter_verdicts
from toolft_pipeline.warehouse.code_digest import code_digest
from toolft_pipeline.warehouse.digest import Json, digest_of

ACCEPTED_FILE = "accepted.parquet"
VERDICTS_FILE = "verdicts.parquet"
KEYS_FILE = "verdict_keys.parquet"
"""What each verdict depends on, row by row beside the verdicts."""

DISPLAY_SETTINGS = frozenset({"min_accepted", "max_acceptance_drop", "min_runs_per_tool"})
"""`verification` settings of checks and figures: read when a version is shown, and no verdict depends on them."""

BACKEND_FAILURES = frozenset({Fault.SANDBOX_CRASHED, Fault.SANDBOX_TIMEOUT})

_RULES = "toolft_pipeline.verification.check_runs:verify_runs"
"""The function whose code decides on verdicts and rows."""


class VerdictKey(Struct, frozen=True, kw_only=True):
    """What one verdict depends on beside the day's context, and counts that its summary needs."""

    run: bytes
    """Digest of the run as logged, with its turns put together."""
    catalog_lookups: tuple[int, ...]
    catalog_digest: str
    renamed: bool
    redacted_counts: tuple[int, ...] = ()
    """How many values of each kind in `Verdict.redacted` were replaced."""


KEY_SCHEMA = pa.schema(
    [
        pa.field("run", pa.binary(16), nullable=False),
        pa.field("catalog_lookups", pa.list_(pa.uint64()), nullable=False),
        pa.field("catalog_digest", pa.string(), nullable=False),
        pa.field("renamed", pa.bool_(), nullable=False),
        pa.field("redacted_counts", pa.list_(pa.int64()), nullable=False),
    ]
)


@dataclass(frozen=True, kw_only=True)
class CachedVerdict:
    """A stored verdict with its row; `accepted` is the redacted run, None for a rejected one."""

    verdict: Verdict
    key: VerdictKey
    accepted: Trajectory | None

    @property
    def redacted(self) -> Counter[str]:
        """How many values of each kind were replaced."""
        return Counter(dict(zip(self.verdict.redacted, self.key.redacted_counts, strict=True)))


def run_digest(run: Trajectory) -> bytes:
    """16 bytes that identify the whole content of a run, its place in the logs included."""
    return sha256(msgspec.json.encode(run)).digest()[:16]


def context_digest(rules: RuleSet, *, backend: Json) -> str:
    """Everything that enters every verdict beside the run and the catalog: settings, control strings, how the sandbox
    is used and which backend it runs, the surrogate key, the code."""
    sandbox = rules.sandbox
    return digest_of(
        {
            "answers": [list(rules.context.forms.done), list(rules.context.forms.refused)],
            "verification": rules.limits.model_dump(mode="json", exclude=set(DISPLAY_SETTINGS)),
            "control_strings": list(rules.context.control_strings),
            "sandbox": None
            if sandbox is None
            else [sandbox.reset_tool, sandbox.snapshot_tool, sorted(sandbox.volatile)],
            "backend": backend,
            "surrogate_key": key_digest(rules.key),
            "code": code_digest(_RULES),
        }
    )


class VerdictCache:
    """The stored verdicts of one folder, asked for in the order of the day's runs; empty without a folder."""

    def __init__(self, folder: Path | None, *, index: CatalogIndex) -> None:
        self._index = index
        self._positions: dict[bytes, int] = {}
        self._stored: Iterator[CachedVerdict] = iter(())
        self._next = 0
        if folder is not None:
            column = pq.read_table(folder / KEYS_FILE, columns=["run"]).column(0)
            self._positions = {run: position for position, run in enumerate(column.to_pylist())}
            self._stored = _stored(folder)

    def find(self, run: bytes) -> CachedVerdict | None:
        """The verdict on a run with this digest, if it still holds. Runs keep their order between versions; one that
        comes earlier than before is not found."""
        position = self._positions.get(run)
        if position is None or position < self._next:
            return None
        cached = next(islice(self._stored, position - self._next, None))
        self._next = position + 1
        if cached.verdict.fault in BACKEND_FAILURES:
            return None
        return cached if self._index.digest(cached.key.catalog_lookups) == cached.key.catalog_digest else None


def _stored(folder: Path) -> Iterator[CachedVerdict]:
    accepted = read_trajectories(folder / ACCEPTED_FILE)
    for verdict, key in zip(iter_verdicts(folder / VERDICTS_FILE), _keys(folder / KEYS_FILE), strict=True):
        yield CachedVerdict(verdict=verdict, key=key, accepted=next(accepted) if verdict.accepted else None)


def _keys(path: Path) -> Iterator[VerdictKey]:
    with pq.ParquetFile(path, pre_buffer=False) as parquet:
        for batch in parquet.iter_batches(batch_size=BATCH_ROWS):
            yield from (VerdictKey(**row) for row in batch.to_pylist())
