"""Gold runs with a call that nobody asked for: a write that the desk refuses or carries out, a read again.

Invariant: nothing of the pipeline is imported here. What a call does is seen in the desk's own database.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from helpdesk.desk import Desk
from helpdesk.registry import TOOLS

Row = dict[str, Any]
"""A conversation: `initial_state` names the desk's state, `messages` are OpenAI's."""

ID = re.compile(r"\b[COTIRS]-\d{4}\b")
"""Ids of the desk."""


def unrequested_write(*, fails: bool) -> Callable[[Row, Desk, Random], Row | None]:
    """A kind of mutant: one more write, which the desk refuses or carries out."""

    def make(row: Row, desk: Desk, random: Random) -> Row | None:
        found = [call for call, refused in _some(_writes(row, desk), 24) if refused == fails]
        return _beside(row, random.choice(found)) if found else None

    return make


def read_again(times: int) -> Callable[[Row, Desk, Random], Row | None]:
    """A kind of mutant: a read of the run so many times more."""

    def make(row: Row, desk: Desk, _random: Random) -> Row | None:
        """A read of the run that the desk answers in the state that the run leaves."""
        _leave(row, desk)
        calls = [call["function"] for message in row["messages"] for call in message.get("tool_calls") or ()]
        for call in calls:
            name, arguments = call["name"], json.loads(call["arguments"])
            if TOOLS[name].reads and not desk.call(name, arguments).is_error:
                return _beside(row, *[(name, arguments)] * times)
        return None

    return make


def _beside(row: Row, *calls: tuple[str, Row]) -> Row:
    """The row with a turn of more calls before its last answer."""
    row = copy.deepcopy(row)
    asked = [
        {"id": f"more_{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for n, (name, arguments) in enumerate(calls)
    ]
    row["messages"].insert(-1, {"role": "assistant", "content": None, "tool_calls": asked})
    for call in asked:
        place = len(row["messages"]) - 1
        name = call["function"]["name"]  # type: ignore[index]
        answer = {"role": "tool", "tool_call_id": call["id"], "name": name, "content": ""}
        row["messages"].insert(place, answer)
    return row


def _writes(row: Row, desk: Desk) -> Iterator[tuple[tuple[str, Row], bool]]:
    """Writes that nobody asked for, each with whether the desk refuses it in the state that the run leaves."""
    candidates: list[tuple[str, Row]] = []
    _leave(row, desk)
    dump = "\n".join(desk.database.iterdump())
    for id_ in sorted(set(ID.findall(dump))):
        candidates += {
            "C": [("unblock_customer", {"customer": id_}), ("set_tier", {"customer": id_, "tier": "silver"})],
            "O": [("hold_order", {"order": id_}), ("release_order", {"order": id_})],
            "T": [
                ("add_note", {"ticket": id_, "text": "called back"}),
                ("close_ticket", {"ticket": id_, "resolution": "rejected"}),
            ],
            "I": [("void_invoice", {"invoice": id_}), ("refund_invoice", {"invoice": id_})],
        }.get(id_[0], [])  # fmt: skip
    made = json.dumps(row["messages"])
    for name, arguments in candidates:
        if json.dumps(json.dumps(arguments))[1:-1] in made:
            continue
        written = desk.database.total_changes
        answer = desk.call(name, arguments)
        touched = desk.database.total_changes != written
        changed = touched and "\n".join(desk.database.iterdump()) != dump  # a row may be set to what it was
        if touched:
            _leave(row, desk)
        if answer.is_error or changed:
            yield (name, arguments), answer.is_error


def _leave(row: Row, desk: Desk) -> None:
    """Bring the desk into the state that the run leaves."""
    desk.reset(row["initial_state"])
    for message in row["messages"]:
        for call in message.get("tool_calls") or ():
            desk.call(call["function"]["name"], json.loads(call["function"]["arguments"]))


def _some(found: Iterator[tuple[tuple[str, Row], bool]], count: int) -> Iterator[tuple[tuple[str, Row], bool]]:
    for _, each in zip(range(count), found, strict=False):
        yield each
