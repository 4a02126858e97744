"""The criteria of the verdict "fine-tune or keep prompting": figures compared with thresholds.

Invariant: a figure that no log contains neither meets nor misses its threshold. A criterion that depends on it is
unknown and says what to log; a verdict is given only if the known figures decide it.
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
    """A figure and its threshold; without logs `value` and `met` are None, and the sentence says what to log."""

    value: float | None
    wanted: float
    met: bool | None
    sentence: str


class Criterion(Struct, frozen=True, kw_only=True):
    """One condition of the verdict with its figures; `holds` is None if they do not decide it."""

    name: str
    holds: bool | None
    readings: tuple[Measurement, ...]

    @property
    def sentence(self) -> str:
        """The figures in words."""
        return "; ".join(measurement.sentence for measurement in self.readings)


def measurement(*, value: float | None, wanted: float, what: str, to_know: str, form: str = ".1%") -> Measurement:
    """A figure and its threshold: `what` describes it, `to_know` says what to log if it is unknown."""
    description = f"{what}: not known ({to_know})" if value is None else f"{what}: {value:{form}}"
    return Measurement(
        value=value,
        wanted=wanted,
        met=None if value is None else value >= wanted,
        sentence=f"{description}, wanted {wanted:{form}}",
    )


def all_of(name: str, *readings: Measurement) -> Criterion:
    """A criterion that holds if every figure reaches its threshold."""
    return Criterion(name=name, holds=all_hold(each.met for each in readings), readings=readings)


def any_of(name: str, *readings: Measurement) -> Criterion:
    """A criterion that holds if any figure reaches its threshold."""
    missed = all_hold(None if each.met is None else not each.met for each in readings)
    return Criterion(name=name, holds=None if missed is None else not missed, readings=readings)


def all_hold(answers: Iterable[bool | None]) -> bool | None:
    """Three-valued and: False if any is False, else None if any is None, else True."""
    given = list(answers)
    return False if False in given else None if None in given else True


def verdict_of(criteria: Sequence[Criterion]) -> ReadinessVerdict:
    """Fine-tune if every criterion holds, keep prompting if one does not, else not known."""
    holds = all_hold(criterion.holds for criterion in criteria)
    return (
        ReadinessVerdict.NOT_KNOWN
        if holds is None
        else ReadinessVerdict.FINE_TUNE
        if holds
        else ReadinessVerdict.KEEP_PROMPTING
    )
