"""Replays that passed: a run that must be checked again reaches the sandbox only if its replay may differ.

Invariant: a cached replay would pass again. Its key covers everything that replay reads: the run's messages and
states, the schemas of the tools that it calls (or that there is none), the values to look for in the backend's state,
the settings, the backend, and the code of replay; nothing else, so a run that moved in its file still has its replay.
Only replays that passed are cached here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from toolft_pipeline.trajectories.category import tools_used
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.cache.verdict_cache import VERDICTS_FILE
from toolft_pipeline.verification.rules.rule_set import RuleSet
from toolft_pipeline.verification.rules.state_grounding import UngroundedValue, ungrounded_values
from toolft_pipeline.verification.rules.verdict import REPLAY_KEY
from toolft_pipeline.warehouse.code_digest import code_digest
from toolft_pipeline.warehouse.digest import Json, digest_of

_REPLAY = "toolft_pipeline.verification.replay.replay_pool:replay_all"
"""The function whose code decides on a replay; replay itself imports this folder."""


@dataclass(frozen=True, kw_only=True)
class ReplayCache:
    """The keys of replays that passed, and what every key is made of beside the run."""

    context: str
    """Digest of settings, backend and code."""
    tool_digests: Mapping[str, str]
    passed: frozenset[str] = frozenset()

    def key(self, run: Trajectory, *, ungrounded: Sequence[UngroundedValue] = ()) -> str:
        """What a replay of a run with today's names depends on, as 64 hex digits."""
        read = msgspec.json.encode([run.messages, run.initial_state_ref, run.final_state_ref])
        tools: Json = {name: self.tool_digests.get(name) for name in tools_used(run.messages)}
        depends: dict[str, Json] = {"context": self.context, "run": sha256(read).hexdigest(), "tools": tools}
        if ungrounded:
            depends["ungrounded"] = sha256(msgspec.json.encode(ungrounded)).hexdigest()
        return digest_of(depends)


def load_replay_cache(rules: RuleSet, *, backend: Json, folder: Path | None) -> ReplayCache:
    """The replays that passed in a version of the day; none without `folder`.

    `backend` identifies the backend's code and data: a backend that changes unseen makes the cache false.
    """
    sandbox = rules.sandbox
    context: Json = {
        "backend": backend,
        "tools": None if sandbox is None else [sandbox.reset_tool, sandbox.snapshot_tool],
        "volatile": None if sandbox is None else sorted(sandbox.volatile),
        "backend_values": rules.checks_backend_values,
        "code": code_digest(_REPLAY, ungrounded_values),
    }
    passed = frozenset[str]() if folder is None else _keys(folder / VERDICTS_FILE)
    return ReplayCache(context=digest_of(context), tool_digests=rules.catalog.digests, passed=passed)


def _keys(verdicts: Path) -> frozenset[str]:
    """Keys of a file of verdicts; none in one that was written before there were any."""
    if REPLAY_KEY not in pq.read_schema(verdicts).names:
        return frozenset()
    column = pq.read_table(verdicts, columns=[REPLAY_KEY]).column(0)
    return frozenset(key for key in column.to_pylist() if key is not None)
