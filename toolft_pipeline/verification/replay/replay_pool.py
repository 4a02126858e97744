"""Many runs replayed side by side, in the order in which they came.

Invariant: every run that comes in goes out, once and in order, with a bounded number of them held; only runs without
a finding whose replay nobody remembers reach a sandbox, and no sandbox starts where there is none.
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
from toolft_pipeline.verification.replay.replay import not_replayable, replay, sandbox_failed
from toolft_pipeline.verification.rules.catalog_words import Schemas
from toolft_pipeline.verification.rules.verdict import Fault, Violation


@dataclass(kw_only=True)
class RunCheck:
    """A run on its way through the rules, with what it has met so far."""

    run: Trajectory
    renamed: bool
    violation: Violation | None
    replay_key: str | None = None
    remembered: bool = False
    """Whether a replay of this run passed before."""
    replayed: bool = False
    redacted: Counter[str] = field(default_factory=Counter)

    @property
    def passed(self) -> bool:
        """Whether a replay agreed, now or before."""
        return self.violation is None and (self.remembered or self.replayed)


def replay_all(
    judged: Iterator[RunCheck], *, sandbox: SandboxSettings | None, cwd: Path, schemas: Schemas | None = None
) -> Iterator[RunCheck]:
    """Replay the runs that have no finding and are not remembered; `schemas` as in `replay`.

    Raises `SandboxError` where the sandbox does not start.
    """
    for item in judged:
        if _waits(item):
            yield from _replayed(chain([item], judged), sandbox=sandbox, cwd=cwd, schemas=schemas)
        else:
            yield item


def _waits(item: RunCheck) -> bool:
    return item.violation is None and not item.remembered


def _replayed(
    items: Iterator[RunCheck], *, sandbox: SandboxSettings | None, cwd: Path, schemas: Schemas | None
) -> Iterator[RunCheck]:
    """All items from the first that waits on: those that do not wait keep their place in the order."""
    if sandbox is None:
        for item in items:
            item.violation = not_replayable("the agent file names no sandbox") if _waits(item) else item.violation
            yield item
        return

    def settle(item: RunCheck, violation: Violation | None) -> RunCheck:
        item.violation = violation
        item.replayed = violation is None or violation.fault is not Fault.NOT_REPLAYABLE
        return item

    def work(backend: Sandbox, item: RunCheck) -> RunCheck:
        if not _waits(item):
            return item
        return settle(item, replay(backend, item.run, volatile=sandbox.volatile, schemas=schemas))

    def failed(item: RunCheck, error: SandboxError) -> RunCheck:
        return settle(item, sandbox_failed(error))

    yield from map_on_sandboxes(items, work, settings=sandbox, cwd=cwd, failed=failed)
