"""The criteria of the verdict "fine-tune or keep prompting": figures held against thresholds.

Invariant: a figure that no log speaks of meets nothing and fails nothing. What hangs on it is not known, and says
what to log to know it; a verdict is only given where known figures suffice for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct


class ReadinessVerdict(StrEnum):
    """What the report recommends."""

    FINE_TUNE = "fine-tune"
    KEEP_PROMPTING = "keep prompting"
    NOT_KNOWN = "not known yet"


class Measurement(Struct, frozen=True, kw_only=True):
    """One figure that must reach `wanted`; `value` and `met` are None where no log says it, and the sentence then
    says what to log."""

    value: float | None
    wanted: float
    met: bool | None
    sentence: str


class Criterion(Struct, frozen=True, kw_only=True):
    """One condition of the verdict, with the figures that it rests on. `holds` is None where they do not decide it."""

    name: str
    holds: bool | None
    readings: tuple[Measurement, ...]

    @property
    def sentence(self) -> str:
        """What the figures say, for a person."""
        return "; ".join(measurement.sentence for measurement in self.readings)


def measurement(*, value: float | None, wanted: float, what: str, to_know: str, form: str = ".1%") -> Measurement:
    """A figure and its threshold: `what` says of what it is, `to_know` what to log where it is not known."""
    said = f"{what}: not known ({to_know})" if value is None else f"{what}: {value:{form}}"
    return Measurement(
        value=value,
        wanted=wanted,
        met=None if value is None else value >= wanted,
        sentence=f"{said}, wanted {wanted:{form}}",
    )


def all_of(name: str, *readings: Measurement) -> Criterion:
    """A criterion that holds where each figure reaches its threshold; one that is missed decides it."""
    return Criterion(name=name, holds=all_hold(each.met for each in readings), readings=readings)


def any_of(name: str, *readings: Measurement) -> Criterion:
    """A criterion for which one figure is reason enough."""
    missed = all_hold(None if each.met is None else not each.met for each in readings)
    return Criterion(name=name, holds=None if missed is None else not missed, readings=readings)


def all_hold(answers: Iterable[bool | None]) -> bool | None:
    """Whether all hold, where some are not known: one that does not settles it."""
    given = list(answers)
    return False if False in given else None if None in given else True


def verdict_of(criteria: Sequence[Criterion]) -> ReadinessVerdict:
    """Fine-tune where every criterion holds, keep prompting where one does not, else nobody can say."""
    holds = all_hold(criterion.holds for criterion in criteria)
    return (
        ReadinessVerdict.NOT_KNOWN
        if holds is None
        else ReadinessVerdict.FINE_TUNE
        if holds
        else ReadinessVerdict.KEEP_PROMPTING
    )
