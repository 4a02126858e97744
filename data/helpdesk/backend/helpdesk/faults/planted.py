"""Faults as values: one kind each, with who should catch it and how it is made.

Invariant: a planted fault is really there. Calls that a fault makes were made on the backend and failed or succeeded
there; only what a log writer, not an agent, breaks (bytes, forged text, states) is broken in the row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from helpdesk.agent import Run
from helpdesk.client import Backend
from helpdesk.logs import Stamp, row_of
from helpdesk.registry import TOOLS

Row = dict[str, Any]


class Stage(StrEnum):
    """Where the pipeline is expected to catch a fault."""

    READER = "reader"
    STRUCTURE = "structure"
    CATALOG = "catalog"
    CONTROL_TOKENS = "control_tokens"
    DEAD_ENDS = "dead_ends"
    OUTCOME = "outcome"
    REPLAY = "replay"
    NEAR_DUPLICATE = "near_duplicate"
    REDACTION = "redaction"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a fault is made from: a backend, a run that went right, its place in the log, and chance."""

    backend: Backend
    run: Run
    stamp: Stamp
    random: Random

    def row(self, run: Run | None = None, status: str = "success", evidence: str | None = None) -> Row:
        """The row of a run, the right one unless another is given."""
        return row_of(run or self.run, stamp=self.stamp, status=status, evidence=evidence)


@dataclass(frozen=True, kw_only=True)
class PlantedFault:
    """One kind of fault: who should catch it, how common it is, which runs can show it, and how it is made."""

    name: str
    stage: Stage
    share: int
    fits: Callable[[Run], bool]
    plant: Callable[[Scene], bytes]


FAULTS: dict[str, PlantedFault] = {}
"""Every kind of fault by name, in the order of definition."""


Planting = Callable[[Scene], bytes]


def always(_: Run) -> bool:
    return True


def calls(run: Run) -> bool:
    return bool(run.calls)


def changes(run: Run) -> bool:
    return any(not TOOLS[made.name].reads and not made.is_error for made in run.calls)


def one_turn(run: Run) -> bool:
    return len(run.assignment.user_turns) == 1 and bool(run.calls)


def fault(stage: Stage, *, share: int, fits: Callable[[Run], bool] = calls) -> Callable[[Planting], Planting]:
    """Register a fault under the name of its function."""

    def register(plant: Planting) -> Planting:
        name = plant.__name__
        FAULTS[name] = PlantedFault(name=name, stage=stage, share=share, fits=fits, plant=plant)
        return plant

    return register
