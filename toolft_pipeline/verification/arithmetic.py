"""Whether a number follows from told ones: sum, difference, product, quotient, count, share, percentage, rounding.

Invariant: sums run over a whole column, object or field, everything else takes two numbers, and no subset is searched;
so the work is bounded by the newest `_SCALARS` numbers. What follows from one list or one object is believed. Two
numbers from anywhere are combined too, but where a run told many, some pair hits any number by chance: such a hit
counts only where less than `_CHANCE` of all numbers of its size and precision would be hit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from itertools import chain, combinations, islice

from toolft_pipeline.verification.told_numbers import ToldNumbers

_SCALARS = 40
_FIELDS = 8
"""Numbers of one object that are combined in pairs."""
_FEW = 4
"""Told numbers up to which a pair of them is believed whatever the chance."""
_CHANCE = Decimal("0.05")
_CHAINED = 120
"""Sums and products that are taken on with one more number."""

_EXACT = Context(prec=60)
_HUNDRED = Decimal(100)

Way = Callable[[], Iterable[Decimal]]
"""One way to derive numbers: all that it gives."""


class Arithmetic:
    """What follows from the numbers that a run told so far."""

    def __init__(self) -> None:
        self._told = ToldNumbers()
        self._given: dict[str, list[Decimal]] = {}
        self._rounded: dict[tuple[str, Decimal], set[Decimal]] = {}

    def hear(self, text: str) -> None:
        """Add a text of a user, a call, a result or an answer."""
        self._told.hear(text)
        self._given.clear()
        self._rounded.clear()

    def gives(self, asked: Decimal, *, percent: bool = False) -> bool:
        """Whether a number follows, rounded as it is written; `percent` says that it is written as a share."""
        return any(self._gives(asked, unit, percent=percent) for unit in _units(asked))

    def _gives(self, asked: Decimal, unit: Decimal, *, percent: bool) -> bool:
        certain: list[Way] = [self._certain, *([self._shares] if percent else [])]
        if any(asked in self._values(way, unit) for way in certain):
            return True
        by_chance: list[Way] = [self._pairs, self._quotients, self._chains, *([self._ratios] if percent else [])]
        for way in by_chance:
            hits = self._values(way, unit)
            if asked in hits and (len(self._told.scalars) <= _FEW or _chance(hits, asked, unit) <= _CHANCE):
                return True
        return False

    def _values(self, way: Way, unit: Decimal) -> set[Decimal]:
        """What a way gives, rounded to a unit."""
        name = way.__name__
        if name not in self._given:
            self._given[name] = list(way())
        if (name, unit) not in self._rounded:
            self._rounded[name, unit] = {each for value in self._given[name] for each in _rounded(value, unit)}
        return self._rounded[name, unit]

    def _certain(self) -> Iterator[Decimal]:
        """Told numbers themselves, sums and means of columns and objects, pairs within an object, counts."""
        yield from self._told.scalars
        yield from self._totals()
        for numbers in self._told.objects:
            for one, other in combinations(numbers[:_FIELDS], 2):
                yield from _combined(one, other)

    def _totals(self) -> Iterator[Decimal]:
        for numbers in chain(self._told.columns, self._told.fields(), self._told.objects):
            total = sum(numbers, Decimal(0))
            yield total
            yield _EXACT.divide(total, Decimal(len(numbers)))
        for part, _ in self._told.shares:
            yield Decimal(part)

    def _shares(self) -> Iterator[Decimal]:
        """Percentages within a list or an object: rows that agree, values of a column's sum, one number of another."""
        for part, whole in self._told.shares:
            yield _percent(Decimal(part), Decimal(whole))
        for numbers in self._told.columns:
            total = sum(numbers, Decimal(0))
            yield from (_percent(number, total) for number in islice(numbers, _SCALARS) if total)
        for numbers in self._told.objects:
            for one, other in combinations(numbers[:_FIELDS], 2):
                yield from _percentages(one, other)

    def _newest(self) -> list[Decimal]:
        return list(self._told.scalars)[-_SCALARS:]

    def _pairs(self) -> Iterator[Decimal]:
        for one, other in combinations(self._newest(), 2):
            yield from _combined(one, other)

    def _quotients(self) -> Iterator[Decimal]:
        for one, other in combinations(self._newest(), 2):
            yield _EXACT.divide(one, other)
            yield _EXACT.divide(other, one)

    def _ratios(self) -> Iterator[Decimal]:
        for one, other in combinations(self._newest(), 2):
            yield from _percentages(one, other)

    def _chains(self) -> Iterator[Decimal]:
        """A total, or a product of two numbers of one object, with one more number added or taken off."""
        products = (
            _EXACT.multiply(one, other)
            for numbers in self._told.objects
            for one, other in combinations(numbers[:_FIELDS], 2)
        )
        newest = self._newest()
        for first in islice(chain(self._totals(), products), _CHAINED):
            for number in newest:
                yield from _combined(first, number)


def _combined(one: Decimal, other: Decimal) -> Iterator[Decimal]:
    """Sum, difference and product of two numbers, and one less or more so many per cent of itself."""
    yield one + other
    yield abs(one - other)
    product = _EXACT.multiply(one, other)
    yield product
    of_each = product / _HUNDRED
    yield of_each
    for base, rate in ((one, other), (other, one)):
        if rate <= _HUNDRED:
            yield base + of_each
            yield base - of_each


def _percentages(one: Decimal, other: Decimal) -> Iterator[Decimal]:
    """What part one is of the other, and by how much they differ."""
    for part, whole in ((one, other), (other, one)):
        yield _percent(part, whole)
        yield abs(_percent(part, whole) - _HUNDRED)


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return _EXACT.divide(_EXACT.multiply(part, _HUNDRED), whole)


def _units(asked: Decimal) -> Iterator[Decimal]:
    """The last digit's unit, and for a round number larger ones that leave two digits: 1,200 may stand for 1,234."""
    digits = asked.as_tuple()
    exponent = int(digits.exponent)
    if asked.adjusted() > 14 or exponent < -6:
        return
    yield Decimal((0, (1,), exponent))
    zeros = len(digits.digits) - len(str(digits.digits).rstrip("0")) if exponent == 0 else 0
    text = str(asked) if exponent == 0 else ""
    zeros = len(text) - len(text.rstrip("0"))
    for places in range(1, min(zeros, len(text) - 2) + 1):
        yield Decimal((0, (1,), places))


def _rounded(value: Decimal, unit: Decimal) -> Iterator[Decimal]:
    for rounding in (ROUND_HALF_UP, ROUND_HALF_EVEN):
        try:
            yield value.quantize(unit, rounding=rounding, context=_EXACT)
        except InvalidOperation:
            return


def _chance(hits: set[Decimal], asked: Decimal, unit: Decimal) -> Decimal:
    """Which part of the numbers with as many digits as the asked one is among the hits."""
    size = asked.adjusted()
    alike = sum(1 for value in hits if value and value.adjusted() == size)
    return Decimal(alike) / max(Decimal(1), (9 * Decimal((0, (1,), size)) / unit))
