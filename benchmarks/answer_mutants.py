"""Gold runs whose answer says something else, and the table of all kinds: made from the desk alone.

Invariant: nothing of the pipeline is imported here. Values come from the desk's own results in the task's state, and
a mutant is made only where it means something else: the swapped values differ, the made-up id is in no table.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from helpdesk.desk import Desk
from helpdesk.registry import TOOLS

from benchmarks.extra_call_mutants import ID, Row, read_again, unrequested_write

_STATES = (
    ("open", "closed"), ("new", "paid", "packed", "shipped", "delivered", "cancelled"),
    ("paid", "unpaid", "void", "refunded"), ("requested", "received", "approved"), ("active", "blocked"),
    ("basic", "silver", "gold"), ("intact", "used", "broken"),
)  # fmt: skip
_WORDS = re.compile(r"[a-z]+")
_REFUSALS = (
    "Sorry", "I cannot", "Das geht leider nicht", "Leider nicht", "Tut mir leid", "Das kann ich leider nicht",
    "Dabei kann ich leider nicht", "Lo siento", "No se puede", "No puedo",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Made:
    """A call of the last calling turn, with the desk's result; `text` is a record in words."""

    name: str
    arguments: Row
    result: Row

    @property
    def subject(self) -> str:
        """What the call was about: its first argument."""
        return str(next(iter(self.arguments.values())))

    @property
    def key(self) -> str:
        """The name of the first argument, under which records name what they are about."""
        return next(iter(self.arguments))

    @property
    def text(self) -> str:
        """The result in words."""
        stated = {name: value for name, value in self.result.items() if name != self.key}
        return ", ".join(f"{name} {in_words(value)}" for name, value in stated.items()) or "none"


def in_words(value: Any) -> str:
    """A value of a record in words."""
    if isinstance(value, list):
        return " and ".join(in_words(each) for each in value) or "none"
    if isinstance(value, dict):
        return " ".join(f"{name} {each}" if isinstance(each, int) else str(each) for name, each in value.items())
    return str(value)


def last_reads(row: Row, desk: Desk) -> list[Made]:
    """The calls of the last calling turn with the desk's results, if all of them read and none fails."""
    desk.reset(row["initial_state"])
    made: list[Made] = []
    paged = False
    for message in row["messages"]:
        calls = message.get("tool_calls") or ()
        results = []
        for call in calls:
            arguments = json.loads(call["function"]["arguments"])
            paged = "cursor" in arguments  # the answer tells all pages, and this is the last
            answer = desk.call(call["function"]["name"], arguments)
            results.append((call["function"]["name"], arguments, answer))
        if calls:
            ok = not paged and all(TOOLS[name].reads and not answer.is_error for name, _, answer in results)
            made = [Made(name=n, arguments=a, result=json.loads(r.text)) for n, a, r in results] if ok else []
    return made


def spelled_out(made: list[Made]) -> str:
    """An honest answer that tells everything that was read."""
    return ". ".join(f"{each.subject}: {each.text}" for each in made) + "."


def answered(row: Row, answer: str) -> Row:
    """The row with another last answer."""
    row = copy.deepcopy(row)
    row["messages"][-1]["content"] = answer
    return row


def _gold_answer(row: Row) -> str:
    answer: str = row["messages"][-1]["content"]
    return answer


def _honest(row: Row, desk: Desk, _random: Random) -> Row | None:
    """Everything that was read, unless the gold run refuses what the record shows to be forbidden."""
    made = last_reads(row, desk)
    refused = _gold_answer(row).startswith(_REFUSALS) or "kann ich leider nicht" in _gold_answer(row)
    return answered(row, spelled_out(made)) if made and not refused else None


def _replaced(row: Row, _desk: Desk, _random: Random) -> Row | None:
    return answered(row, "x")


def _emptied(row: Row, _desk: Desk, _random: Random) -> Row | None:
    return answered(row, "")


def _negated(row: Row, _desk: Desk, random: Random) -> Row | None:
    """A refusal reported as a success, anything else as a failure."""
    answer = _gold_answer(row)
    if answer.startswith(_REFUSALS) or "kann ich leider nicht" in answer:
        return answered(row, random.choice(("Done, it worked.", "Done.", "I have taken care of it.", "All set!")))
    failures = ("Sorry, that did not work.", "That could not be done.", "I was unable to do that.", "It failed.")
    return answered(row, random.choice(failures))


def _swapped(row: Row, desk: Desk, random: Random) -> Row | None:
    """Two entities, or two keys of one record, have each other's values."""
    made = last_reads(row, desk)
    if len(made) == 2 and made[0].name == made[1].name and made[0].result != made[1].result:
        one, two = made
        both = set(one.result) & set(two.result)
        if any(one.result[key] != two.result[key] for key in both - {one.key}):
            return answered(row, f"{one.subject}: {two.text}. {two.subject}: {one.text}.")
    if len(made) == 1:
        numbers = made[0].result.get("stock", {})
        pairs = [(a, b) for a in numbers for b in numbers if a < b and numbers[a] != numbers[b]]
        if pairs:
            a, b = random.choice(pairs)
            swapped = numbers | {a: numbers[b], b: numbers[a]}
            return answered(row, ", ".join(f"{key} {value}" for key, value in swapped.items()) + ".")
    return None


def _other_entity(row: Row, desk: Desk, random: Random) -> Row | None:
    """The values of another record of the same kind."""
    made = last_reads(row, desk)
    if not made and (said := ID.findall(_gold_answer(row))):
        known = sorted(set(ID.findall("\n".join(desk.database.iterdump()))) - {said[0]})
        same_kind = [id_ for id_ in known if id_[0] == said[0][0]]
        return answered(row, _gold_answer(row).replace(said[0], random.choice(same_kind))) if same_kind else None
    if len(made) != 1 or _gold_answer(row) == "Here you are.":
        return None
    name, arguments = made[0].name, made[0].arguments
    key, own = next(iter(arguments.items()))
    ids = sorted(set(ID.findall("\n".join(desk.database.iterdump()))))
    others = [id_ for id_ in ids if id_[0] == str(own)[0] and id_ != own]
    random.shuffle(others)
    for other in others[:20]:
        answer = desk.call(name, arguments | {key: other})
        text = None if answer.is_error else _flat(json.loads(answer.text))
        if text and text != _flat(made[0].result) and not set(_parts(_gold_answer(row))) <= set(_parts(text)):
            return answered(row, f"{text}.")
    return None


def _flat(record: Row) -> str:
    parts = []
    for name, value in record.items():
        if isinstance(value, list):
            parts += [each for each in value if isinstance(each, str)] or ([] if value else ["none"])
        else:
            parts.append(f"{name} {value}" if isinstance(value, int) else str(value))
    return ", ".join(parts)


def _parts(answer: str) -> list[str]:
    return [part.strip(" .") for part in answer.split(",")]


def _half_list(row: Row, desk: Desk, _random: Random) -> Row | None:
    """Half of a list, where one was read."""
    made = last_reads(row, desk)
    lists = [value for each in made for value in each.result.values() if isinstance(value, list) and len(value) > 1]
    texts = _listed(lists)
    subjects = _subjects_written(row)
    if len(subjects) > 1:
        return answered(row, f"Done for {' and '.join(subjects[: len(subjects) // 2])}.")
    if not texts:
        return None
    return answered(row, ". ".join(", ".join(value[: len(value) // 2]) for value in texts) + ".")


def _listed(lists: list[list[Any]]) -> list[list[str]]:
    """The ids of rows, or plain texts; the items of an order are no list that anybody asked for."""
    rows = [[next(iter(row.values())) if isinstance(row, dict) else row for row in value] for value in lists]
    return [[str(each) for each in value] for value in rows if all(ID.fullmatch(str(each)) for each in value)]


def _subjects_written(row: Row) -> list[str]:
    """The first arguments of the writes that the last calling turn makes side by side."""
    turns = [message["tool_calls"] for message in row["messages"] if message.get("tool_calls")]
    last = [call["function"] for call in turns[-1]] if turns else []
    same = len({call["name"] for call in last}) == 1
    writes = [json.loads(call["arguments"]) for call in last if same and not TOOLS[call["name"]].reads]
    return list(dict.fromkeys(str(next(iter(arguments.values()))) for arguments in writes))


def _made_up_id(row: Row, desk: Desk, random: Random) -> Row | None:
    """An id that no table has: in place of the answer's own, or beside the answer."""
    desk.reset(row["initial_state"])
    known = "\n".join(desk.database.iterdump()) + json.dumps(row["messages"])
    while (made_up := f"{random.choice('COTI')}-{random.randrange(1000, 9999)}") in known:
        continue
    answer = _gold_answer(row)
    ids = ID.findall(answer)
    said = [id_ for id_ in ids if id_[0] == made_up[0]]
    changed = answer.replace(said[0], made_up) if said else f"{answer} See {made_up}."
    return answered(row, changed)


def _state(row: Row, desk: Desk, random: Random) -> Row | None:
    """Another state than the one that was read."""
    answer = _gold_answer(row)
    made = last_reads(row, desk)
    if not made or answer.startswith(_REFUSALS):
        return None
    of_invoices = "invoice" in made[-1].name  # orders and invoices both can be paid
    for word in _WORDS.findall(answer):
        group = next((each for each in (reversed(_STATES) if of_invoices else _STATES) if word in each), ())
        if group:
            other = random.choice([each for each in group if each != word])
            return answered(row, re.sub(rf"\b{word}\b", other, answer))
    return None


CHANGING: dict[str, Callable[[Row, Desk, Random], Row | None]] = {
    "replaced": _replaced,
    "emptied": _emptied,
    "negated": _negated,
    "swapped": _swapped,
    "other_entity": _other_entity,
    "half_list": _half_list,
    "made_up_id": _made_up_id,
    "state": _state,
    "write_that_fails": unrequested_write(fails=True),
    "write_that_succeeds": unrequested_write(fails=False),
    "read_twenty_times": read_again(20),
}
"""Kinds that mean something else; every one of them must fail."""

NEUTRAL: dict[str, Callable[[Row, Desk, Random], Row | None]] = {
    "spelled_out": _honest,
    "read_once_more": read_again(1),
}
"""Kinds that mean the same; none of them may fail."""


def answer_mutants(rows: list[Row], *, kind: str, seed: int = 0) -> Iterator[tuple[int, Row]]:
    """The rows that have a place for a kind, each with its number, spoilt."""
    random, desk = Random(f"{kind} {seed}"), Desk()
    for number, row in enumerate(rows):
        mutant = (CHANGING | NEUTRAL)[kind](row, desk, random)
        if mutant is not None:
            yield number, mutant
