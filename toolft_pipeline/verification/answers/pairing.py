"""Which entity a text states a value of: "west 17, north 4" or "17 in west and 4 in north".

Invariant: a text is read in one order from beginning to end, the one under which most values stand at their own
entity. Where each clause names one entity, it is the owner of what the clause states. A value whose mention no reading
gives to an entity is not misplaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise

from toolft_pipeline.verification.answers.written_values import mentions

Span = tuple[int, int]
Owner = Callable[[Span], str | None]

_FINE_CLAUSES = re.compile(r"[.!?,](?=\s|$)|[;\n]|\s(?:and|while|whereas|und|et|y|e|en)\s")
_JOINED = re.compile(r"\s*(?:,|and|und|et|y|e|en|&|/|or)?\s*(?:the\s|die\s|la\s|le\s)?")


def misplaced(stated: Mapping[tuple[str, str], bool], text: str) -> list[tuple[str, str, str]]:
    """(value, its entity, the entity that the text gives it to) for values that a text gives to another entity.

    `stated` has the (entity, value) pairs that are true; a value of several entities may stand at any of them.
    """
    pairs = list(stated)
    places = {entity: list(mentions(text, entity)) for entity, _ in pairs}
    named = {entity: spans for entity, spans in places.items() if spans}
    if len(places) < 2 or not named:
        return []
    spans = {value: _outside(mentions(text, value), named) for _, value in pairs}
    spans = {value: found for value, found in spans.items() if found}
    return min((_wrong(pairs, spans, named, owner) for owner in _readings(text, named, spans)), key=len)


def _wrong(
    pairs: list[tuple[str, str]], spans: Mapping[str, list[Span]], named: Mapping[str, list[Span]], owner: Owner
) -> list[tuple[str, str, str]]:
    """Values that no mention gives to an entity of theirs, and some mention gives to another one."""
    owned: dict[str, set[str]] = {
        value: {at for span in found if (at := owner(span))} for value, found in spans.items()
    }
    wrong = []
    for entity, value in pairs:
        mine = {each for each, other in pairs if other == value}
        given = owned.get(value, set())
        if entity not in named and all(any(v in owned and e in owned[v] for e, v in pairs if e == g) for g in given):
            continue  # its entity goes by another name, "the other one", and each named one has values of its own
        if value in owned and not given & mine and (given or entity in named):
            wrong.append((value, entity, min(given, default="nothing")))
    return wrong


def _readings(text: str, named: Mapping[str, list[Span]], spans: Mapping[str, list[Span]]) -> Iterator[Owner]:
    entities = sorted((span, entity) for entity, found in named.items() for span in found)
    values = sorted({span for found in spans.values() for span in found})
    joined = all(_JOINED.fullmatch(text, a[1], b[0]) for (a, _), (b, _) in pairwise(entities))
    first = len(entities) > 1 and bool(values) and entities[-1][0][1] <= values[0][0]
    if joined and first and len(values) % len(entities) == 0:
        order = {span: entities[number % len(entities)][1] for number, span in enumerate(values)}
        yield order.get
        return
    by_clause = _by_clause(text, entities, values)
    if by_clause is not None:
        yield by_clause.get
        return
    yield lambda span: next((entity for at, entity in reversed(entities) if at[1] <= span[0]), None)
    yield lambda span: next((entity for at, entity in entities if at[0] >= span[1]), None)


def _by_clause(text: str, entities: list[tuple[Span, str]], values: list[Span]) -> dict[Span, str] | None:
    """The owner of each value where every clause that states one names one entity; None where that is not so.

    A clause that names none belongs to the entity of the clause before it.
    """
    owners: dict[Span, str] = {}
    last: str | None = None
    for start, end in _clauses(text):
        here = {entity for at, entity in entities if start <= at[0] < end}
        if len(here) > 1:
            return None
        last = next(iter(here), last)
        for span in values:
            if start <= span[0] < end:
                if last is None:
                    return None
                owners[span] = last
    alone = [at for start, end in _clauses(text) for at, _ in entities if start <= at[0] < end
             and not any(start <= span[0] < end for span in values)]  # fmt: skip
    return None if alone and len(alone) < len(entities) and _starts_with_list(text, alone) else owners


def _starts_with_list(text: str, alone: Iterable[Span]) -> bool:
    """Whether an entity without a value is joined to the next words by a bare "and" or a comma."""
    return any(re.match(r"\s*(?:,|and\b|und\b|et\b|y\b|e\b|en\b)", text[end:]) for _, end in alone)


def _clauses(text: str) -> Iterator[Span]:
    start = 0
    for mark in _FINE_CLAUSES.finditer(text):
        yield start, mark.start()
        start = mark.end()
    yield start, len(text)


def _outside(found: Iterable[Span], named: Mapping[str, list[Span]]) -> list[Span]:
    """Mentions of a value that are no part of an entity's name."""
    taken = [span for spans in named.values() for span in spans]
    return [span for span in found if not any(a <= span[0] and span[1] <= b for a, b in taken)]
