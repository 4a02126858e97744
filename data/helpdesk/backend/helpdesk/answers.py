"""How the desk's agent answers: it says what was read or done, in the user's language, with the values.

Invariant: an answer follows from the calls of its user turn and their results alone; which of several phrasings is
drawn by the run's own seed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from helpdesk.family import Call, Result, Say
from helpdesk.texts import LANGUAGES, said_value, sayings

MAKES = {
    "add_customer": "customer",
    "place_order": "order",
    "open_return": "return",
    "open_ticket": "ticket",
    "reserve_stock": "reservation",
    "create_invoice": "invoice",
    "plan_callback": "callback",
}
"""Tools that make something, and where its number stands in the result."""

STATES = {
    "find_customer": ("customer",),
    "get_customer": ("name", "tier", "status"),
    "get_order": ("status", "total"),
    "list_orders": ("order",),
    "track_order": ("place", "day"),
    "get_return": ("status",),
    "get_ticket": ("status",),
    "list_tickets": ("ticket",),
    "check_stock": ("north", "south", "east", "west"),
    "get_invoice": ("amount", "status"),
    "list_invoices": ("invoice",),
    "get_product": ("price",),
}
"""What every answer states of what a tool read."""


class Speaker:
    """The agent's voice in one run: a language, a seed, and whether the shortest phrasing is wanted."""

    def __init__(self, *, language: str, random: Random, brief: bool) -> None:
        self._language, self._random, self._brief = language, random, brief

    def say(self, saying: Say) -> str:
        """A text that the way names."""
        values = {name: self._worded(value) for name, value in saying.values.items()}
        return self._phrased(saying.name, values)

    def answer(self, made: Sequence[tuple[Call, Result]], last: Sequence[tuple[Call, Result]]) -> str:
        """An answer to a user turn: what the last calls gave, after what was refused before them."""
        if any(result.is_error for _, result in last):
            reason = next(self.reason(result) for _, result in last if result.is_error)
            return self._phrased("refused", {"reason": reason})
        texts = [self._answer(call, result.data) for call, result in last]
        refused = [self.reason(result) for _, result in made if result.is_error]
        return " ".join([*(f"{reason[0].upper()}{reason[1:]}." for reason in refused), *dict.fromkeys(texts)])

    def reason(self, result: Result) -> str:
        """What the desk refused, in the user's language."""
        text = result.text.partition(";")[0]
        refusals: Sequence[tuple[str, str]] = LANGUAGES[self._language].REFUSALS
        for pattern, wording in refusals:
            if (match := re.fullmatch(pattern, text)) is not None:
                return wording.format(*(said_value(self._language, group) for group in match.groups()))
        return text

    def _answer(self, call: Call, data: Mapping[str, Any]) -> str:
        values = {**_flat(call.arguments), **_flat(data)}
        if any(value == [] for value in data.values()):
            return self._phrased(f"{call.name} none", {name: self._worded(value) for name, value in values.items()})
        worded = {name: self._worded(value, name) for name, value in values.items()}
        many = isinstance(data.get("customers"), list)
        return self._phrased(f"{call.name} many" if many else call.name, worded)

    def _phrased(self, name: str, values: Mapping[str, Any]) -> str:
        texts = sayings(self._language, name)
        text = texts[0] if self._brief else self._random.choice(texts)
        return text.format_map({"agent": sayings(self._language, "nobody")[0], **values})

    def _worded(self, value: Any, name: str = "") -> Any:
        if isinstance(value, list):
            return ", ".join(self._row(each) for each in value)
        if isinstance(value, dict):
            return ", ".join(f"{key} {inner}" for key, inner in value.items())
        return said_value(self._language, value) if name in ("day", "") else value

    def _row(self, value: Any) -> str:
        """A row of a list: its id, and one or two fields in brackets; an item: how many of what."""
        if not isinstance(value, dict):
            return str(value)
        if "qty" in value:
            return f"{value['qty']} {value['sku']}"
        first, *others = value.items()
        shown = [inner for name, inner in others if name in ("status", "total", "amount", "city", "subject")]
        return f"{first[1]} ({', '.join(map(str, shown[:2]))})" if shown else str(first[1])


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record, those of nested arguments beside their holders'."""
    flat = dict(record)
    for name, value in record.items():
        if isinstance(value, dict) and name not in ("stock",):
            flat.update(value)
    return flat
