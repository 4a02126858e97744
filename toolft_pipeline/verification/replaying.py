"""Many runs replayed side by side, in the order in which they came.

Invariant: every run that comes in goes out, once and in order; only runs without a finding reach a sandbox, and no
sandbox starts where there is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from toolft_pipeline.sandbox.pool import map_on_sandboxes
from toolft_pipeline.sandbox.protocol import Sandbox
from toolft_pipeline.settings import SandboxSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.grounding import Schemas
from toolft_pipeline.verification.replay import not_replayable, replay, sandbox_failed
from toolft_pipeline.verification.verdict import Fault, Finding


@dataclass(kw_only=True)
class Judged:
    """A run on its way through the rules, with what it has met so far."""

    run: Trajectory
    renamed: bool
    finding: Finding | None
    replayed: bool = False
    redacted: bool = False


def replay_all(
    judged: Iterator[Judged], *, sandbox: SandboxSettings | None, cwd: Path, schemas: Schemas | None = None
) -> Iterator[Judged]:
    """Replay the runs that have no finding; `schemas` as in `replay`.

    Raises `SandboxError` where the sandbox does not start.
    """
    order: deque[Judged] = deque()

    def survivors() -> Iterator[Judged]:
        for item in judged:
            order.append(item)
            if item.finding is None:
                yield item

    waiting = survivors()
    first = next(waiting, None)
    if first is not None:
        for finding in _findings(chain([first], waiting), sandbox=sandbox, cwd=cwd, schemas=schemas):
            while order[0].finding is not None:
                yield order.popleft()
            item = order.popleft()
            item.finding = finding
            item.replayed = finding is None or finding.fault is not Fault.NOT_REPLAYABLE
            yield item
    yield from order


def _findings(
    items: Iterator[Judged], *, sandbox: SandboxSettings | None, cwd: Path, schemas: Schemas | None
) -> Iterator[Finding | None]:
    """What replay says of each item, in order."""
    if sandbox is None:
        for _ in items:
            yield not_replayable("the agent file names no sandbox")
        return

    def work(backend: Sandbox, item: Judged) -> Finding | None:
        return replay(backend, item.run, volatile=sandbox.volatile, schemas=schemas)

    yield from map_on_sandboxes(items, work, settings=sandbox, cwd=cwd, failed=lambda _, error: sandbox_failed(error))
