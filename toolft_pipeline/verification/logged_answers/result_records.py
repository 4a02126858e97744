"""Values that an answer gives to an entity, compared with the records of the results.

Invariant: an answer is wrong about a value only if no way to read it is right: the entity before the value, after it,
the nearest one, or entities and values each in a list of their own ("A and B cost 5 and 7"). A value that the entity
has in any field, a count, and what the user said are never held against an answer.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from toolft_pipeline.trajectories.grounding_text import amounts, is_identifier, phrase_in_text, words
from toolft_pipeline.verification.logged_answers.claims import opens_done
from toolft_pipeline.verification.logged_answers.logged_turns import LoggedTurn, scalar_texts

_LABEL_FIELD = re.compile(
    r"(?:^|_)(?:id|ids|name|title|sku|code|number|key|email|slug|ref|label|city|user(?:name)?)$|(?-i:[a-z]Id)$",
    re.IGNORECASE,
)
_KEYED_NUMBER = re.compile(r"\":\s?-?\d")
_SHORTEST = 8
"""Fewest characters of an answer that names an entity and a value."""
_DENIED = re.compile(r"(?:\bnot|n['\u2019]t|\bnicht|\bpas|\bkein\w*|\bno|\bnon|\bniet)(?: [^\W\d]+)?\W$")
_LONGEST_DONE = 20
"""An answer of fewer characters that opens with "Done" has room for one value alone."""
_MOST_RECORDS = 60
_LONGEST = 60
"""Most characters of a value that an answer is expected to repeat word by word."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One object of a result: what names it, and its other scalars by field."""

    labels: frozenset[str]
    fields: dict[str, str]
    keyed: bool = False
    """Nothing in the object names it: the label is a key ({"east": 4, "north": 5}) or what the call asked for. Such
    an answer is wrong only if it names the value's owner too."""

    @property
    def values(self) -> set[str]:
        """All scalars."""
        return {*self.labels, *self.fields.values()}


Mention = tuple[int, int, int]
"""Begin, end, and the number of a record."""

ValueMention = tuple[int, int, str, bool]
"""Begin, end, the value, and whether it is held against the answer: not a count, and not what the user said."""


def misplaced_value(turn: LoggedTurn, text: str) -> str | None:
    """A sentence on the first value that an answer in lower case states about an entity that has another, if any."""
    if len(text) < _SHORTEST or (len(text) < _LONGEST_DONE and opens_done(text)):
        return None
    if len(turn.successes) < 2 and not any(_holds_several(call.result) for call in turn.successes):
        return None
    records = list(_records(turn))[:_MOST_RECORDS]
    if len(records) < 2:
        return None
    labels = _label_mentions(records, text)
    if not labels:
        return None
    by_field: defaultdict[tuple[str, bool], list[int]] = defaultdict(list)
    for number, record in enumerate(records):
        for name in record.fields:
            by_field[name, record.keyed].append(number)
    for (name, _), numbers in by_field.items():
        problem = _misplaced(name, records, numbers, labels, text, user=turn.user.casefold())
        if problem is not None:
            return problem
    return None


def _holds_several(result: str) -> bool:
    """Whether a result may hold several records: more than one object, or more than one number by key."""
    return result.startswith(("{", "[")) and (result.count("{") > 1 or len(_KEYED_NUMBER.findall(result)) > 1)


def _misplaced(
    name: str, records: Sequence[Record], numbers: Sequence[int], labels: Sequence[Mention], text: str, *, user: str
) -> str | None:
    if len({records[number].fields[name] for number in numbers}) < 2:
        return None
    named = [each for each in labels if each[2] in numbers]
    values = list(_value_mentions(name, records, numbers, named, text, user=user))
    if not any(checked for *_, checked in values) or not named:
        return None
    wrong: list[tuple[str, int]] = []

    def _own(number: int) -> str:
        return records[number].fields.get(name, "")

    for reading in _readings(named, values):
        errors = [
            (value, at)
            for (_, _, value, checked), at in zip(values, reading, strict=True)
            if checked and (at is None or value not in records[at].values)
        ]
        if not errors:
            return None
        stated = {(at, value) for (_, _, value, _), at in zip(values, reading, strict=True) if at is not None}
        wrong = wrong or [(value, at) for value, at in errors if at is not None and (at, _own(at)) not in stated]
    if not wrong:
        return None
    value, number = wrong[0]
    record = records[number]
    return f"it states {value!r} about {min(record.labels)!r}, but the result says {record.fields[name]!r}"


def mentions(text: str, value: str) -> Iterator[tuple[int, int]]:
    """Where an answer in lower case states a value, as a phrase or as the same number in other digits."""
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        if not (at and text[at - 1].isalnum()) and not text[end : end + 1].isalnum():
            yield at, end
        at = text.find(value, at + 1)
    if value[:1].isdigit() and (wanted := amounts(value)):
        for start, word in _numbers(text):
            if word != value and not amounts(word).isdisjoint(wanted):
                yield start, start + len(word)


@lru_cache(maxsize=64)
def _numbers(text: str) -> list[tuple[int, str]]:
    found, at = [], 0
    for word in words(text):
        at = text.find(word, at)
        if word[:1].isdigit():
            found.append((at, word))
        at += len(word)
    return found


def _readings(labels: Sequence[Mention], values: Sequence[ValueMention]) -> Iterator[list[int | None]]:
    """The record that each value is stated about, read in four ways."""
    yield [max((each for each in labels if each[1] <= start), default=(0, 0, None))[2] for start, *_ in values]
    yield [min((each for each in labels if each[0] >= end), default=(0, 0, None))[2] for _, end, *_ in values]
    yield [
        min(labels, key=lambda each, s=start, e=end: s - each[1] if each[1] <= s else each[0] - e)[2]  # type: ignore[misc]
        for start, end, *_ in values
    ]
    order = list(dict.fromkeys(number for _, _, number in sorted(labels)))
    if len(order) == len(values) > 1:
        yield list(order)


def _label_mentions(records: Sequence[Record], text: str) -> list[Mention]:
    """Where the answer names a record by a label that no other record has."""
    owners: defaultdict[str, list[int]] = defaultdict(list)
    for number, record in enumerate(records):
        for label in record.labels:
            owners[label].append(number)
    single = {label: numbers[0] for label, numbers in owners.items() if len(numbers) == 1}
    return sorted((start, end, number) for label, number in single.items() for start, end in mentions(text, label))


def _value_mentions(
    name: str, records: Sequence[Record], numbers: Sequence[int], labels: Sequence[Mention], text: str, *, user: str
) -> Iterator[ValueMention]:
    """Where the answer states a value of a field, in order."""
    found: list[ValueMention] = []
    named = {number for _, _, number in labels}
    for value in {records[number].fields[name] for number in numbers}:
        owners = {number for number in numbers if records[number].fields[name] == value}
        if records[numbers[0]].keyed and not owners & named:
            continue
        counts = value.isdigit() and 0 < int(value) <= len(records) and not records[numbers[0]].keyed
        checked = not counts and not phrase_in_text(value, user)
        for start, end in mentions(text, value):
            if not any(start < to and at < end for at, to, _ in labels) and not _DENIED.search(text[:start]):
                found.append((start, end, value, checked))
    yield from sorted(found)


def _records(turn: LoggedTurn) -> Iterator[Record]:
    """The records of a turn's results; a result's own scalars belong to what its call asked for."""
    asked = [set(scalar_texts(call.arguments)) for call in turn.successes]
    for number, call in enumerate(turn.successes):
        others = set().union(*asked[:number], *asked[number + 1 :])
        own = {text for text in asked[number] - others if not _is_plain_number(text)} if len(asked) > 1 else set()
        yield from _records_of(call.value, labels=own, asked=True)


def _records_of(value: Any, *, labels: set[str], asked: bool = False) -> Iterator[Record]:
    """The records below a value. `labels` name it; they are what the call `asked` for, or what the result says."""
    if isinstance(value, list):
        yield from _records_of_rows(value, labels=labels, asked=asked)
    if not isinstance(value, dict):
        return
    scalars = {name: text for name, inner in value.items() if (text := _text(inner)) is not None}
    kinds = {type(inner) for inner in value.values()}
    if len(scalars) == len(value) > 1 and kinds <= {int, float} and not labels:
        for name, text in scalars.items():
            yield Record(labels=frozenset({_spoken(name)}), fields={"": text}, keyed=True)
        return
    own = {text for name, text in scalars.items() if _LABEL_FIELD.search(name) or is_identifier(text)}
    fields = {name: text for name, text in scalars.items() if text not in own}
    parts = {name: inner for name, inner in value.items() if (own or fields) and labels and _is_plain(inner)}
    for inner in parts.values():
        fields |= {name: text for name, each in inner.items() if (text := _text(each)) is not None}
    if (own or labels) and (fields or own):
        named = own | labels
        yield Record(
            labels=frozenset(named),
            keyed=asked and not own,
            fields={**fields, **{n: t for n, t in scalars.items() if n not in fields}},
        )
    for name, inner in value.items():
        if isinstance(inner, dict | list) and name not in parts:
            if isinstance(inner, dict) and len(value) > 1 and not scalars:
                yield from _records_of(inner, labels={_spoken(name)})
            else:
                yield from _records_of(inner, labels=labels, asked=asked)


def _records_of_rows(rows: list[Any], *, labels: set[str], asked: bool) -> Iterator[Record]:
    if len(rows) == 1:
        yield from _records_of(rows[0], labels=labels, asked=asked)
        return
    naming = _naming_field(rows)
    for row in rows:
        own = {_text(row[naming]) or ""} if naming is not None and isinstance(row, dict) else set()
        yield from _records_of(row, labels=own)


def _is_plain(value: Any) -> bool:
    """Whether a value is an object of numbers, which belongs to the record that it stands in."""
    return isinstance(value, dict) and bool(value) and all(type(each) in (int, float) for each in value.values())


def _naming_field(rows: list[Any]) -> str | None:
    """The first field of text that tells rows apart which no id and no name tell apart."""
    objects = [row for row in rows if isinstance(row, dict)]
    if len(rows) < 2 or len(objects) < len(rows):
        return None
    first = objects[0]
    texts = {name: [_text(row.get(name)) for row in objects] for name in first if isinstance(first[name], str)}
    if any(
        _LABEL_FIELD.search(name) or all(is_identifier(each or "") for each in column) for name, column in texts.items()
    ):
        return None
    return next((name for name, column in texts.items() if None not in column and len(set(column)) == len(rows)), None)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value.casefold() if 0 < len(value.strip()) <= _LONGEST else None
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return None
    return json.dumps(value)


def _spoken(key: str) -> str:
    """A key as an answer would say it."""
    return key.replace("_", " ").casefold()


def _is_plain_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
