"""Derives numbers from known ones: sum, difference, product, quotient, count, share, percentage, rounding.

Invariant: sums run over a whole column, object or field, everything else takes two numbers, and no subset is searched;
so the work is bounded by the newest `_SCALARS` numbers. In a run with many known numbers some derivation hits any
number by chance. A hit therefore counts only if less than `_CHANCE` of all numbers of its size and precision would be
hit the same way (`_CHANCE_OF_TOTALS` for sums of whole lists, of which there are few), or if few numbers are known.
benchmarks/grounding measures how often a wrong number passes.
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
"""Known numbers up to which a derivation from a pair of them counts, whatever the chance."""
_FEW_IN_OBJECTS = 6
"""The same for numbers within one object or text."""
_CHANCE = Decimal("0.1")
_CHANCE_OF_TOTALS = Decimal("0.25")
_CHAINED = 120
"""Sums and products that are combined with one more number."""

_LARGEST, _FINEST = 14, 6
"""Most digits before and after the decimal point of a number that is derived."""

_EXACT = Context(prec=60)
_HUNDRED = Decimal(100)

Derivation = Callable[[], Iterable[Decimal]]
"""One way to derive numbers; yields all results."""


class Arithmetic:
    """The numbers that follow from those known at some point of a run."""

    def __init__(self) -> None:
        self._known = KnownNumbers()
        self._derived: dict[str, list[Decimal]] = {}
        self._rounded: dict[tuple[str, Decimal], set[Decimal]] = {}

    def add_text(self, text: str) -> None:
        """Add the text of a message or of a call's arguments."""
        self._known.add_text(text)
        self._derived.clear()
        self._rounded.clear()

    def derives(self, number: Decimal, *, percent: bool = False) -> bool:
        """Whether a number follows, rounded as it is written; `percent` if it is written as a percentage."""
        return any(self._derives(number, unit, percent=percent) for unit in _units(number))

    def _derives(self, number: Decimal, unit: Decimal, *, percent: bool) -> bool:
        for derivation, few, chance in self._derivations(percent=percent):
            hits = self._values(derivation, unit)
            if number in hits and (few or _chance(hits, number, unit) <= chance):
                return True
        return False

    def _derivations(self, *, percent: bool) -> Iterator[tuple[Derivation, bool, Decimal]]:
        """The derivations in order, each with whether too few numbers are known for chance hits, and the chance
        allowed."""
        few_in_objects = sum(map(len, self._known.objects)) <= _FEW_IN_OBJECTS
        yield self._scalars, True, _CHANCE
        yield self._totals, False, _CHANCE_OF_TOTALS
        yield self._within_objects, few_in_objects, _CHANCE
        yield self._pairs, len(self._known.scalars) <= _FEW, _CHANCE
        yield self._totals_and_more, False, _CHANCE
        yield self._products_and_more, False, _CHANCE
        yield self._quotients, False, _CHANCE
        if percent:
            yield self._shares, few_in_objects, _CHANCE_OF_TOTALS
            yield self._ratios, len(self._known.scalars) <= _FEW, _CHANCE

    def _values(self, derivation: Derivation, unit: Decimal) -> set[Decimal]:
        """The results of a derivation, rounded to a unit."""
        name = derivation.__name__
        if name not in self._derived:
            self._derived[name] = list(derivation())
        if (name, unit) not in self._rounded:
            self._rounded[name, unit] = {each for value in self._derived[name] for each in _rounded(value, unit)}
        return self._rounded[name, unit]

    def _scalars(self) -> Iterable[Decimal]:
        """Known numbers themselves, which an answer may round."""
        return self._known.scalars

    def _within_objects(self) -> Iterator[Decimal]:
        """Combinations of two numbers of one object or one text."""
        for numbers in self._known.objects:
            for one, other in combinations(numbers[:_FIELDS], 2):
                yield from self._combined(one, other)

    def _totals(self) -> Iterator[Decimal]:
        """Sums and means of lists, sums of objects, and counts of equal rows of a list."""
        for column in self._columns():
            yield column.total
            yield _EXACT.divide(column.total, Decimal(column.n))
        for numbers in self._known.objects:
            yield sum(numbers, Decimal(0))
        for part, _ in self._known.shares:
            yield Decimal(part)

    def _columns(self) -> Iterator[NumberColumn]:
        return chain(self._known.columns, self._known.fields())

    def _shares(self) -> Iterator[Decimal]:
        """Percentages within a list or an object: equal rows, values of a column's sum, one number of another."""
        for part, whole in self._known.shares:
            yield _percent(Decimal(part), Decimal(whole))
        for column in self._columns():
            if column.total:
                yield from (_percent(number, column.total) for number in column.first)
        for numbers in self._known.objects:
            for one, other in combinations(numbers[:_FIELDS], 2):
                yield from _percentages(one, other)

    def _newest(self) -> list[Decimal]:
        return list(self._known.scalars)[-_SCALARS:]

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
        """The sum of a whole list with one more number added or subtracted."""
        return self._chained(column.total for column in self._columns())

    def _products_and_more(self) -> Iterator[Decimal]:
        """The product of two numbers of one object with one more number added or subtracted."""
        pairs = (pair for numbers in self._known.objects for pair in combinations(numbers[:_FIELDS], 2))
        return self._chained(_EXACT.multiply(one, other) for one, other in pairs)

    def _chained(self, firsts: Iterable[Decimal]) -> Iterator[Decimal]:
        newest = self._newest()
        for first in dict.fromkeys(islice(firsts, _CHAINED)):
            for number in newest:
                yield first + number
                yield first - number
            yield from self._at_rates(first)

    def _combined(self, one: Decimal, other: Decimal) -> Iterator[Decimal]:
        """Sum, difference and product of two numbers, and the other number at a rate if one is a percentage."""
        yield one + other
        yield one - other
        yield _EXACT.multiply(one, other)
        if abs(one) in self._known.rates:
            yield from _at_rate(other, abs(one))
        if abs(other) in self._known.rates:
            yield from _at_rate(one, abs(other))

    def _at_rates(self, base: Decimal) -> Iterator[Decimal]:
        for rate in self._known.rates:
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


def _units(number: Decimal) -> Iterator[Decimal]:
    """The last digit's unit, and for a round number larger ones that leave two digits: 1,200 may mean 1,234."""
    exponent = int(number.as_tuple().exponent)
    if number.adjusted() > _LARGEST or exponent < -_FINEST:
        return
    yield Decimal((0, (1,), exponent))
    text = str(number) if exponent == 0 else ""
    zeros = len(text) - len(text.rstrip("0"))
    for places in range(1, min(zeros, len(text) - 2) + 1):
        yield Decimal((0, (1,), places))


def _rounded(value: Decimal, unit: Decimal) -> Iterator[Decimal]:
    for rounding in (ROUND_HALF_UP, ROUND_HALF_EVEN):
        try:
            yield abs(value).quantize(unit, rounding=rounding, context=_EXACT)
        except InvalidOperation:
            return


def _chance(hits: set[Decimal], number: Decimal, unit: Decimal) -> Decimal:
    """The share of numbers with as many digits as this one that are among the hits."""
    size = number.adjusted()
    same_size = sum(1 for value in hits if value and value.adjusted() == size)
    return Decimal(same_size) / max(Decimal(1), (9 * Decimal((0, (1,), size)) / unit))
