"""Known numbers of a run, grouped: one object or text, one column of a list, one group of rows.

Invariant: each text is read once, and the numbers kept of it are bounded, however long it is. Ids (fields named so, and
numbers of more than `_LONGEST` digits) are no quantities.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import combinations, islice
from typing import Any, NamedTuple

from toolft_pipeline.trajectories.grounding_text import amount, percentages, raw_words

_LONGEST = 15
_ROWS = 10_000
"""Most items of a list; a longer one is left out, because a sum over a part of it would be wrong."""
_SAMPLE = 40
"""Numbers of a column that are kept with its sum."""
_NAMES = 1_000
"""Most fields that are summed over the whole run."""
_FIELDS = 8
"""Numeric fields of a list's rows that are read, and fields that may group them."""
_GROUPS = 12
"""Most values of a field that groups a list's rows."""
_OBJECTS = 60
_COLUMNS = 400

_ID_FIELD = re.compile(r"(?:^|_|-)(?:id|ids|uuid|phone|zip|postcode|year)$|(?-i:[a-z]Ids?)$", re.IGNORECASE)
_RATE_FIELD = re.compile(r"percent|pct|rate|discount|tax|vat|fee|share|commission|margin", re.IGNORECASE)
_CURRENCY = re.compile(r"^[^\w\s.,-]\s?|\s?[^\w\s.,]$|^[A-Z]{3}\s|\s[A-Z]{3}$")


class NumberColumn(NamedTuple):
    """Numbers of one column: their sum, their count, and the first of them."""

    total: Decimal
    n: int
    first: tuple[Decimal, ...]


Row = list[tuple[str, Decimal]]
"""The quantities of one object, by field."""


class KnownNumbers:
    """The numbers known so far, newest last; the oldest are dropped above the limits."""

    def __init__(self) -> None:
        self.scalars: dict[Decimal, None] = {}
        """Each distinct number without its sign, and the length of each list."""
        self.objects: list[list[Decimal]] = []
        """Numbers of one object or one text."""
        self.columns: list[NumberColumn] = []
        """Numbers of one field over a list, over its rows with one value of another field, and products row by row."""
        self.rates: set[Decimal] = set()
        """Numbers that are percentages, by their field or by the sign after them."""
        self.shares: list[tuple[int, int]] = []
        """How many rows of a list have one value of a field, and how many rows it has."""
        self._fields: dict[str, NumberColumn] = {}

    def add_text(self, text: str) -> None:
        """Add the text of a message or call: JSON by its lists and objects, anything else as one text."""
        try:
            value = json.loads(text, parse_float=Decimal, parse_constant=str)
        except (ValueError, RecursionError, InvalidOperation):
            value = None
        if isinstance(value, dict | list):
            self._hear_json(value)
        else:
            self._text(text)
        del self.objects[:-_OBJECTS], self.columns[:-_COLUMNS], self.shares[:-_COLUMNS]

    def fields(self) -> Iterator[NumberColumn]:
        """The numbers of each field over all texts, from lists and single objects."""
        return (column for column in self._fields.values() if column.n > 1)

    def _text(self, text: str) -> None:
        self.rates.update(filter(None, (_quantity_or_none(amount(word)) for word in percentages(text))))
        self._object([("", number) for number in _amounts(text)])

    def _hear_json(self, value: Any) -> None:
        waiting = [value]
        while waiting:
            inner = waiting.pop()
            if isinstance(inner, dict):
                self._object(list(islice(_quantities(inner), _ROWS)))
                waiting += [each for each in inner.values() if isinstance(each, dict | list)]
            elif isinstance(inner, list):
                self._list(inner)
                waiting += [each for each in inner if isinstance(each, dict | list)]

    def _object(self, row: Row) -> None:
        for field, number in row:
            self._add(number)
            if _RATE_FIELD.search(field):
                self.rates.add(abs(number))
            if field and (field in self._fields or len(self._fields) < _NAMES):
                before = self._fields.get(field, NumberColumn(Decimal(0), 0, ()))
                first = before.first if len(before.first) == _SAMPLE else (*before.first, number)
                self._fields[field] = NumberColumn(before.total + number, before.n + 1, first)
        if len(row) > 1:
            self.objects.append([number for _, number in row])

    def _add(self, number: Decimal) -> None:
        number = abs(number)
        self.scalars.pop(number, None)
        self.scalars[number] = None

    def _list(self, items: list[Any]) -> None:
        if len(items) > 1:
            self._add(Decimal(len(items)))
        if len(items) > _ROWS:
            return
        plain = [number for number in map(_quantity, items) if number is not None]
        self._column(plain)
        for number in plain:
            self._add(number)
        rows = [item for item in items if isinstance(item, dict)]
        if len(rows) < 2:
            return
        quantities = [dict(_quantities(row)) for row in rows]
        names = list(dict.fromkeys(name for row in quantities for name in row))[:_FIELDS]
        self._columns_of(quantities, names)
        for group in _groups(rows):
            self.shares.append((len(group), len(rows)))
            self._columns_of([quantities[place] for place in group], names)

    def _columns_of(self, rows: list[dict[str, Decimal]], names: list[str]) -> None:
        for name in names:
            self._column([row[name] for row in rows if name in row])
        for one, other in combinations(names, 2):
            self._column([row[one] * row[other] for row in rows if one in row and other in row])

    def _column(self, numbers: list[Decimal]) -> None:
        if len(numbers) > 1:
            self.columns.append(NumberColumn(sum(numbers, Decimal(0)), len(numbers), tuple(numbers[:_SAMPLE])))


def _groups(rows: list[dict[str, Any]]) -> Iterator[list[int]]:
    """Indices of the rows that share a value of a field with few values."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    grouping = [name for name in names if all(isinstance(row.get(name), str | bool | None) for row in rows)]
    for name in grouping[:_FIELDS]:
        places: defaultdict[Any, list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            places[row.get(name)].append(place)
        if 1 < len(places) <= _GROUPS:
            yield from places.values()


def _quantities(row: dict[str, Any]) -> Iterator[tuple[str, Decimal]]:
    for name, value in row.items():
        if not _ID_FIELD.search(name):
            number = _quantity(value)
            if number is not None:
                yield name, number
            elif isinstance(value, str) and " " in value:
                yield from (("", each) for each in _amounts(value))


def _quantity(value: Any) -> Decimal | None:
    """The number of a JSON value: a number, or text that holds nothing but one and perhaps its currency."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return _quantity_or_none(Decimal(value))
    if isinstance(value, str) and len(value) <= 2 * _LONGEST:
        text = value.strip()
        number = _quantity_or_none(amount(_CURRENCY.sub("", text.lstrip("-+"))))
        return -number if number is not None and text.startswith("-") else number
    return None


def _amounts(text: str) -> Iterable[Decimal]:
    found = (_quantity_or_none(amount(word)) for word in islice(raw_words(text), _ROWS))
    return [number for number in found if number is not None]


def _quantity_or_none(number: Decimal | None) -> Decimal | None:
    """The number as a quantity; None for zero, which derives nothing, and for one too long to be other than an id or a
    rounding error."""
    if number is None or not number.is_finite() or not number:
        return None
    _, digits, exponent = number.as_tuple()
    short = len(digits) <= _LONGEST and number.adjusted() < _LONGEST
    return number if short and isinstance(exponent, int) and exponent >= -_LONGEST else None
