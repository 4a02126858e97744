"""Replays many runs side by side and keeps their order.

Invariant: every run that comes in goes out, once and in order, with a bounded number of them held. Only runs without
a violation and without a cached result reach a sandbox, and no sandbox starts where there is no such run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from toolft_pipeline.sandbox.pool import map_on_sandboxes
from toolft_pipeline.sandbox.protocol import Sandbox, SandboxError
from toolft_pipeline.settings import SandboxSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.cache.verdict_cache import CachedVerdict, VerdictKey
from toolft_pipeline.verification.replay.replay import not_replayable, replay, sandbox_failed
from toolft_pipeline.verification.rules.state_grounding import UngroundedValue
from toolft_pipeline.verification.rules.verdict import Fault, Violation


@dataclass(kw_only=True)
class RunCheck:
    """A run on its way through the rules, with their results so far."""

    run: Trajectory
    renamed: bool
    violation: Violation | None
    ungrounded: tuple[UngroundedValue, ...] = ()
    answer_unread: bool = False
    """Whether an answer only half convinces."""
    key: VerdictKey | None = None
    """What the verdict depends on; None where no verdict is stored (a preview)."""
    cached: CachedVerdict | None = None
    """The whole verdict of an earlier version of the day, where it still holds."""
    replay_key: str | None = None
    replay_cached: bool = False
    """Whether a replay of this run passed before."""
    replayed: bool = False
    redacted: Counter[str] = field(default_factory=Counter)

    @property
    def passed(self) -> bool:
        """Whether a replay agreed, now or before."""
        return self.violation is None and (self.replay_cached or self.replayed)

    @property
    def needs_replay(self) -> bool:
        """Whether nothing but a replay can decide on the run."""
        return self.cached is None and self.violation is None and not self.replay_cached


def replay_all(items: Iterator[RunCheck], *, sandbox: SandboxSettings | None, cwd: Path) -> Iterator[RunCheck]:
    """Replay the runs that need it. Raises `SandboxError` where the sandbox does not start."""
    for item in items:
        if item.needs_replay:
            yield from _replayed(chain([item], items), sandbox=sandbox, cwd=cwd)
        else:
            yield item


def _replayed(items: Iterator[RunCheck], *, sandbox: SandboxSettings | None, cwd: Path) -> Iterator[RunCheck]:
    """All items from the first that needs a replay on; the others keep their place in the order."""
    if sandbox is None:
        for item in items:
            item.violation = not_replayable("the agent file names no sandbox") if item.needs_replay else item.violation
            yield item
        return

    def settle(item: RunCheck, violation: Violation | None) -> RunCheck:
        item.violation = violation
        item.replayed = violation is None or violation.fault is not Fault.NOT_REPLAYABLE
        return item

    def work(backend: Sandbox, item: RunCheck) -> RunCheck:
        if not item.needs_replay:
            return item
        return settle(item, replay(backend, item.run, volatile=sandbox.volatile, ungrounded=item.ungrounded))

    def failed(item: RunCheck, error: SandboxError) -> RunCheck:
        return settle(item, sandbox_failed(error))

    yield from map_on_sandboxes(items, work, settings=sandbox, cwd=cwd, failed=failed)
