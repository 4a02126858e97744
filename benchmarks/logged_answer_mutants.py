"""Mutations of what a logged run answers, or of the id that it acts on, with their labels.

Invariant: nothing of the rules is imported. A label follows from the log alone: which results begin with "Error:",
which words the run's own texts hold, and what was exchanged. A mutation that leaves the meaning as it was (the same
answer again, "Done." for "All set.") is neutral and labelled so.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.answer_texts import DONE, ELSEWHERE, SORRY

Row = dict[str, Any]

_ID = re.compile(r"\b[A-Z]{1,3}-\d{3,6}\b")
_NUMBER = re.compile(r"(?<![\w.-])\d+(?![\w.-]*\w)")
_EMPTY_WORDS = {"none", "here you are"}
_FOREIGN = re.compile(r"\|(?:de|es) w\d")
"""Of task keys whose users write another language than English: the words here would not negate their answers."""
_VERB = re.compile(r"\b(is|are|was|has|have|cost|costs|went)\b")

OPPOSITE = {
    "open": "closed", "closed": "open", "paid": "unpaid", "unpaid": "paid", "active": "blocked", "blocked": "active",
    "shipped": "cancelled", "delivered": "cancelled", "cancelled": "shipped", "approved": "rejected",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A spoilt run; `changes` is false where what it means is the same."""

    row: Row
    changes: bool = True


def answer_of(row: Row) -> str:
    """The last answer of a run."""
    last = row["messages"][-1]
    return (last.get("content") or "") if last["role"] == "assistant" else ""


def last_turn(row: Row) -> Sequence[Row]:
    """The messages since the last user turn."""
    start = max(place for place, message in enumerate(row["messages"]) if message["role"] == "user")
    messages: Sequence[Row] = row["messages"]
    return messages[start:]


def results_of(row: Row) -> list[str]:
    """The results of the last user turn."""
    return [message["content"] for message in last_turn(row) if message["role"] == "tool"]


def failed(row: Row) -> bool:
    """Whether the last user turn ends in a refusal of the backend."""
    return bool(results_of(row)) and results_of(row)[-1].startswith("Error:")


def wrote(row: Row) -> bool:
    """Whether the last user turn made a call that changes something."""
    calls = [call["function"]["name"] for message in last_turn(row) for call in message.get("tool_calls") or ()]
    return any(not name.startswith(("get_", "list_", "find_", "check_", "track_")) for name in calls)


def answered(row: Row, text: str) -> Row:
    """The run with another last answer."""
    mutant = copy.deepcopy(row)
    mutant["messages"][-1]["content"] = text
    return mutant


def _refusal_reported_done(row: Row, _rows: Sequence[Row], random: Random) -> Mutant | None:
    return Mutant(answered(row, random.choice(DONE))) if failed(row) else None


def _success_reported_sorry(row: Row, _rows: Sequence[Row], random: Random) -> Mutant | None:
    if not results_of(row) or any(text.startswith("Error:") for text in results_of(row)):
        return None
    return Mutant(answered(row, random.choice(SORRY)))


def _other_run(row: Row, rows: Sequence[Row], random: Random) -> Mutant | None:
    """The answer of another run: neutral where it says the same, or only what is as true here."""
    other = random.choice(rows)
    if not answer_of(other):
        return None
    return Mutant(answered(row, answer_of(other)), changes=not _says_the_same(row, other))


def _says_the_same(row: Row, other: Row) -> bool:
    """Whether another run's answer means here what this run's own answer means: equal words, or a plain claim of
    success in two turns that both changed something, or "here you are" in two that both succeeded."""
    one, two = (_plain(answer_of(each)) for each in (row, other))
    if one == two:
        return True
    if not results_of(row) and not results_of(other):
        return True  # two answers without a tool: no fact tells them apart
    if failed(row) or failed(other) or not results_of(row) or not results_of(other):
        return False
    if two == "here you are":
        return one not in {"done"}
    return two.startswith("done") and not _ID.search(answer_of(other)) and one.startswith("done")


def _plain(text: str) -> str:
    return text.casefold().strip(" .!")


def _elsewhere(row: Row, _rows: Sequence[Row], random: Random) -> Mutant | None:
    return Mutant(answered(row, random.choice(ELSEWHERE))) if results_of(row) else None


def _letter(row: Row, _rows: Sequence[Row], _random: Random) -> Mutant | None:
    return Mutant(answered(row, "x"))


def _emptied(row: Row, _rows: Sequence[Row], _random: Random) -> Mutant | None:
    return Mutant(answered(row, ""))


def _negated(row: Row, _rows: Sequence[Row], _random: Random) -> Mutant | None:
    """The opposite of the answer: "Not done.", "It is not shipped.", "C-1 is blocked." of a customer who is not."""
    text = answer_of(row)
    spoken = results_of(row) and _plain(text) not in _EMPTY_WORDS and not _FOREIGN.search(row.get("task_key") or "")
    declines = text.startswith(("Sorry, ", "I cannot ")) and not failed(row)  # a rule of the house forbids it
    if not spoken or declines:
        return None
    if failed(row):
        positive = re.sub(r"^Sorry, |\bnot |^no ", "", re.sub(r"^Sorry, no ", "Sorry, there is a ", text))
        return Mutant(answered(row, positive)) if " not " in text or text.startswith("Sorry, no ") else None
    if any(result.startswith("Error:") for result in results_of(row)):
        return None  # the answer may speak of the call that failed at first
    if row.get("pairs"):
        return Mutant(answered(row, f"It is not true that {text}"))
    if _VERB.search(text.partition(";")[0]) and not wrote(row) and ":" not in text:
        return Mutant(answered(row, _VERB.sub(lambda verb: f"{verb[0]} not", text, count=1)))
    return Mutant(answered(row, f"It is not true that {text}" if " " in text else f"Not {text}"))


def _denied_write(row: Row, _rows: Sequence[Row], _random: Random) -> Mutant | None:
    """What was done is denied by one word: "C-1 is not blocked." of a customer who is now."""
    text = answer_of(row)
    if not wrote(row) or failed(row) or _FOREIGN.search(row.get("task_key") or "") or row.get("pairs"):
        return None
    first, mark, rest = text.partition(";")
    if any(result.startswith("Error:") for result in results_of(row)) or not _VERB.search(first):
        return None
    return Mutant(answered(row, _VERB.sub(lambda verb: f"{verb[0]} not", first, count=1) + mark + rest))


def _made_up_id(row: Row, _rows: Sequence[Row], random: Random) -> Mutant | None:
    text = answer_of(row)
    if (found := _ID.search(text)) is None:
        return None
    digits = f"{random.randrange(1000, 9999)}"
    made = re.sub(r"\d+", digits, found[0])
    whole = json.dumps(row["messages"])
    return Mutant(answered(row, text.replace(found[0], made))) if made not in whole else None


def _status_contradicted(row: Row, _rows: Sequence[Row], _random: Random) -> Mutant | None:
    """A status word of the answer becomes its opposite."""
    text = answer_of(row)
    given = {value for result in results_of(row) for value in _scalars(result)}
    stated = [word for word in OPPOSITE if re.search(rf"\b{word}\b", text) and word in given]
    if not stated or OPPOSITE[stated[0]] in given:
        return None
    return Mutant(answered(row, re.sub(rf"\b{stated[0]}\b", OPPOSITE[stated[0]], text)))


def _swapped(row: Row, _rows: Sequence[Row], random: Random) -> Mutant | None:
    """Two values of one field that the answer gives to two entities change places; runs from `enumerated` alone, and
    only values that the user did not name and that one of the two results alone holds."""
    said = " ".join(message["content"] for message in row["messages"] if message["role"] == "user")
    stated = list(zip(row.get("pairs", ()), results_of(row), strict=False))
    stated = [(pair, result) for pair, result in stated if pair[1] not in said]
    if len(stated) < 2:
        return None
    ((_, one), first), ((_, two), second) = random.sample(stated, 2)
    if one in two or two in one or two in _scalars(first) or one in _scalars(second):
        return None  # equal, or true of the other one as well
    text = answer_of(row)
    swapped = re.sub(rf"\b({re.escape(one)}|{re.escape(two)})\b", lambda match: two if match[0] == one else one, text)
    return Mutant(answered(row, swapped))


def _half_of_a_list(row: Row, _rows: Sequence[Row], _random: Random) -> Mutant | None:
    """The second half of the listed ids is left out."""
    ids = _ID.findall(answer_of(row))
    listed = [set(_ID.findall(part)) for result in results_of(row) for part in re.findall(r"\[[^\[\]{}]*\]", result)]
    if len(ids) < 2 or set(ids) not in listed:
        return None
    kept = ids[: len(ids) // 2]
    text = answer_of(row)
    return Mutant(answered(row, f"{text[: text.index(ids[0])]}{', '.join(kept)}."))


def _another_target(row: Row, _rows: Sequence[Row], random: Random) -> Mutant | None:
    """A call takes another id than the one that the user named, and nothing but the call and its result says so."""
    said = {id_ for message in row["messages"] if message["role"] == "user" for id_ in _ID.findall(message["content"])}
    mutant = copy.deepcopy(row)
    for message in mutant["messages"]:
        for call in message.get("tool_calls") or ():
            for id_ in _ID.findall(call["function"]["arguments"]):
                if id_ not in said:
                    continue
                made = re.sub(r"\d+", f"{random.randrange(1000, 9999)}", id_)
                if made in json.dumps(row["messages"]):
                    return None
                for other in mutant["messages"]:
                    if other["role"] != "user":
                        for each in other.get("tool_calls") or ():
                            each["function"]["arguments"] = each["function"]["arguments"].replace(id_, made)
                        other["content"] = other["content"] and other["content"].replace(id_, made)
                return Mutant(mutant)
    return None


KINDS: dict[str, Callable[[Row, Sequence[Row], Random], Mutant | None]] = {
    "refusal_reported_done": _refusal_reported_done,
    "success_reported_sorry": _success_reported_sorry,
    "other_run": _other_run,
    "elsewhere": _elsewhere,
    "letter": _letter,
    "emptied": _emptied,
    "negated": _negated,
    "denied_write": _denied_write,
    "made_up_id": _made_up_id,
    "status_contradicted": _status_contradicted,
    "swapped": _swapped,
    "half_of_a_list": _half_of_a_list,
    "another_target": _another_target,
}


def enumerated(rows: Sequence[Row]) -> Iterator[Row]:
    """Honest runs whose answer enumerates what two or more calls gave, in ten ways of saying it."""
    for number, row in enumerate(rows):
        turn = last_turn(row)
        made = [[call["function"] for call in message.get("tool_calls") or ()] for message in turn]
        together = [functions for functions in made if functions]
        if len(together) != 1 or len({function["name"] for function in together[0]}) != 1:
            continue
        arguments = [json.loads(function["arguments"]) for function in together[0]]
        names = [next((str(each) for each in asked.values() if isinstance(each, str)), "") for asked in arguments]
        values = [_first_value(each, but=name) for each, name in zip(results_of(row), names, strict=False)]
        distinct = len(set(names)) == len(names) > 1 and all(names) and None not in values
        if not distinct or len(names) != len(values):
            continue
        pairs = [(name, str(value)) for name, value in zip(names, values, strict=True)]
        yield {**answered(row, WAYS[number % len(WAYS)](pairs)), "pairs": pairs}


def _each(form: str, between: str, opening: str = "") -> Callable[[Sequence[tuple[str, str]]], str]:
    return lambda pairs: opening + between.join(form.format(name=name, value=value) for name, value in pairs) + "."


WAYS = (
    _each("{name}: {value}", ", "),
    _each("{name} has {value}", " and ", "I checked: "),
    _each("{value} for {name}", "; "),
    _each("- {name}: {value}", "\n", "Here is what I found:\n"),
    _each("| {name} | {value} |", "\n", "| item | value |\n|---|---|\n"),
    _each("{name} is at {value}", ", while "),
    _each("**{name}**\n  value: {value}", "\n\n"),
    _each("F\u00fcr {name} ist es {value}", ", "),
    _each("pour {name} c'est {value}", ", "),
    lambda pairs: f"{' and '.join(n for n, _ in pairs)}: {' and '.join(v for _, v in pairs)} respectively.",
)


def _first_value(result: str, *, but: str) -> str | None:
    """The first value of a record, or of one in it, that is neither an id nor what the record is about."""
    try:
        value = json.loads(result)
    except ValueError:
        return None
    found = [value] if isinstance(value, dict) else []
    for record in found:
        found += [inner for inner in record.values() if isinstance(inner, dict)]
    texts = [str(each) for record in found for each in record.values() if type(each) in (str, int)]
    return next((each for each in texts if each != but and (each.isdigit() or each.isalpha())), None)


def _scalars(result: str) -> set[str]:
    return set(re.findall(r"[\w-]+", result))
