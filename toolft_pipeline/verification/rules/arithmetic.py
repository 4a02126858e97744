"""Whether a number follows from told ones: sum, difference, product, quotient, count, share, percentage, rounding.

Invariant: sums run over a whole column, object or field, everything else takes two numbers, and no subset is searched;
so the work is bounded by the newest `_SCALARS` numbers. Where a run told many numbers, something hits any number by
chance: a hit counts only where less than `_CHANCE` of all numbers of its size and precision would be hit the same way
(`_CHANCE_OF_TOTALS` for sums of whole lists, of which there are few), or where next to nothing was told. How often a
wrong number passes is measured in benchmarks/grounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from itertools import chain, combinations, islice

from toolft_pipeline.verification.rules.grounding_numbers import KnownNumbers, NumberColumn

_SCALARS = 40
_FIELDS = 8
"""Numbers of one object that are combined in pairs."""
_FEW = 3
"""Told numbers up to which a pair of them is believed whatever the chance."""
_FEW_IN_OBJECTS = 6
"""The same for numbers that stand in objects or texts with others."""
_CHANCE = Decimal("0.1")
_CHANCE_OF_TOTALS = Decimal("0.25")
_CHAINED = 120
"""Sums and products that are taken on with one more number."""

_LARGEST, _FINEST = 14, 6
"""Digits before and behind the point of a number that is looked for."""

_EXACT = Context(prec=60)
_HUNDRED = Decimal(100)

Way = Callable[[], Iterable[Decimal]]
"""One way to derive numbers: all that it gives."""


class Arithmetic:
    """What follows from the numbers that a run told so far."""

    def __init__(self) -> None:
        self._told = KnownNumbers()
        self._given: dict[str, list[Decimal]] = {}
        self._rounded: dict[tuple[str, Decimal], set[Decimal]] = {}

    def add_text(self, text: str) -> None:
        """Add a text of a user, a call, a result or an answer."""
        self._told.add_text(text)
        self._given.clear()
        self._rounded.clear()

    def gives(self, asked: Decimal, *, percent: bool = False) -> bool:
        """Whether a number follows, rounded as it is written; `percent` says that it is written as a share."""
        return any(self._gives(asked, unit, percent=percent) for unit in _units(asked))

    def _gives(self, asked: Decimal, unit: Decimal, *, percent: bool) -> bool:
        for way, few, chance in self._ways(percent=percent):
            hits = self._values(way, unit)
            if asked in hits and (few or _chance(hits, asked, unit) <= chance):
                return True
        return False

    def _ways(self, *, percent: bool) -> Iterator[tuple[Way, bool, Decimal]]:
        """The ways in order, each with whether too little was told to reckon with chance, and the chance allowed."""
        few_in_objects = sum(map(len, self._told.objects)) <= _FEW_IN_OBJECTS
        yield self._told_ones, True, _CHANCE
        yield self._totals, False, _CHANCE_OF_TOTALS
        yield self._within_objects, few_in_objects, _CHANCE
        yield self._pairs, len(self._told.scalars) <= _FEW, _CHANCE
        yield self._totals_and_more, False, _CHANCE
        yield self._products_and_more, False, _CHANCE
        yield self._quotients, False, _CHANCE
        if percent:
            yield self._shares, few_in_objects, _CHANCE_OF_TOTALS
            yield self._ratios, len(self._told.scalars) <= _FEW, _CHANCE

    def _values(self, way: Way, unit: Decimal) -> set[Decimal]:
        """What a way gives, rounded to a unit."""
        name = way.__name__
        if name not in self._given:
            self._given[name] = list(way())
        if (name, unit) not in self._rounded:
            self._rounded[name, unit] = {each for value in self._given[name] for each in _rounded(value, unit)}
        return self._rounded[name, unit]

    def _told_ones(self) -> Iterable[Decimal]:
        """Told numbers themselves, which may be rounded."""
        return self._told.scalars

    def _within_objects(self) -> Iterator[Decimal]:
        """Two numbers of one object or one text."""
        for numbers in self._told.objects:
            for one, other in combinations(numbers[:_FIELDS], 2):
                yield from self._combined(one, other)

    def _totals(self) -> Iterator[Decimal]:
        """Sums and means of lists, sums of objects, and how many rows of a list agree."""
        for column in self._columns():
            yield column.total
            yield _EXACT.divide(column.total, Decimal(column.n))
        for numbers in self._told.objects:
            yield sum(numbers, Decimal(0))
        for part, _ in self._told.shares:
            yield Decimal(part)

    def _columns(self) -> Iterator[NumberColumn]:
        return chain(self._told.columns, self._told.fields())

    def _shares(self) -> Iterator[Decimal]:
        """Percentages within a list or an object: rows that agree, values of a column's sum, one number of another."""
        for part, whole in self._told.shares:
            yield _percent(Decimal(part), Decimal(whole))
        for column in self._columns():
            if column.total:
                yield from (_percent(number, column.total) for number in column.first)
        for numbers in self._told.objects:
            for one, other in combinations(numbers[:_FIELDS], 2):
                yield from _percentages(one, other)

    def _newest(self) -> list[Decimal]:
        return list(self._told.scalars)[-_SCALARS:]

    def _pairs(self) -> Iterator[Decimal]:
        for one, other in combinations(self._newest(), 2):
            yield from self._combined(one, other)

    def _quotients(self) -> Iterator[Decimal]:
        for one, other in combinations(self._newest(), 2):
            yield _EXACT.divide(one, other)
            yield _EXACT.divide(other, one)

    def _ratios(self) -> Iterator[Decimal]:
        for one, other in combinations(self._newest(), 2):
            yield from _percentages(one, other)

    def _totals_and_more(self) -> Iterator[Decimal]:
        """The sum of a whole list with one more number added or taken off."""
        return self._taken_on(column.total for column in self._columns())

    def _products_and_more(self) -> Iterator[Decimal]:
        """The product of two numbers of one object with one more number added or taken off."""
        pairs = (pair for numbers in self._told.objects for pair in combinations(numbers[:_FIELDS], 2))
        return self._taken_on(_EXACT.multiply(one, other) for one, other in pairs)

    def _taken_on(self, firsts: Iterable[Decimal]) -> Iterator[Decimal]:
        newest = self._newest()
        for first in dict.fromkeys(islice(firsts, _CHAINED)):
            for number in newest:
                yield first + number
                yield first - number
            yield from self._at_rates(first)

    def _combined(self, one: Decimal, other: Decimal) -> Iterator[Decimal]:
        """Sum, difference and product of two numbers, and what a percentage among them takes of the other."""
        yield one + other
        yield one - other
        yield _EXACT.multiply(one, other)
        if abs(one) in self._told.rates:
            yield from _at_rate(other, abs(one))
        if abs(other) in self._told.rates:
            yield from _at_rate(one, abs(other))

    def _at_rates(self, base: Decimal) -> Iterator[Decimal]:
        for rate in self._told.rates:
            yield from _at_rate(base, rate)


def _at_rate(base: Decimal, rate: Decimal) -> Iterator[Decimal]:
    """So many per cent of a number, and the number with them added or taken off."""
    part = _EXACT.divide(_EXACT.multiply(base, rate), _HUNDRED)
    yield part
    yield base + part
    yield base - part


def _percentages(one: Decimal, other: Decimal) -> Iterator[Decimal]:
    """What part one is of the other, and by how much they differ."""
    for part, whole in ((one, other), (other, one)):
        yield _percent(part, whole)
        yield abs(_percent(part, whole) - _HUNDRED)


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return _EXACT.divide(_EXACT.multiply(part, _HUNDRED), whole)


def _units(asked: Decimal) -> Iterator[Decimal]:
    """The last digit's unit, and for a round number larger ones that leave two digits: 1,200 may stand for 1,234."""
    exponent = int(asked.as_tuple().exponent)
    if asked.adjusted() > _LARGEST or exponent < -_FINEST:
        return
    yield Decimal((0, (1,), exponent))
    text = str(asked) if exponent == 0 else ""
    zeros = len(text) - len(text.rstrip("0"))
    for places in range(1, min(zeros, len(text) - 2) + 1):
        yield Decimal((0, (1,), places))


def _rounded(value: Decimal, unit: Decimal) -> Iterator[Decimal]:
    for rounding in (ROUND_HALF_UP, ROUND_HALF_EVEN):
        try:
            yield abs(value).quantize(unit, rounding=rounding, context=_EXACT)
        except InvalidOperation:
            return


def _chance(hits: set[Decimal], asked: Decimal, unit: Decimal) -> Decimal:
    """Which part of the numbers with as many digits as the asked one is among the hits."""
    size = asked.adjusted()
    alike = sum(1 for value in hits if value and value.adjusted() == size)
    return Decimal(alike) / max(Decimal(1), (9 * Decimal((0, (1,), size)) / unit))
