"""What the answer to a user turn must convey: the values that only results could give, and how the turn ended.

Invariant: derived from executed results and from what the gold answer states of them, never from the answer's wording
alone. A task may declare its expectations itself (`Task.answers`); what it declares is taken as it stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolft_pipeline.trajectories.grounding_text import decoded, is_identifier, is_number, phrase_in_text, words
from toolft_pipeline.trajectories.record import Message, Part, Role
from toolft_pipeline.trajectories.tool_failure import is_error
from toolft_pipeline.verification.answers.answer_text import plain
from toolft_pipeline.verification.answers.choices import Choices, rivals_of
from toolft_pipeline.verification.answers.expectation import Ending, ExpectedAnswer, Fact, Replaced
from toolft_pipeline.verification.answers.polarity import polarity
from toolft_pipeline.verification.answers.written_values import conveys, mentions

__all__ = ["Ending", "ExpectedAnswer", "Fact", "Replaced", "conveys", "expected_answers", "mentions", "value_text"]


@dataclass(kw_only=True)
class Made:
    """A call of a conversation with its result."""

    name: str
    arguments: dict[str, Any]
    result: str = ""

    @property
    def failed(self) -> bool:
        """Whether its result reports an error."""
        return is_error(Message(role=Role.TOOL, content=(Part(type="text", text=self.result),)))


@dataclass(kw_only=True)
class _Turn:
    """One user turn of a gold conversation."""

    user: str
    calls: dict[str, Made] = field(default_factory=dict)
    answer: str = ""

    @property
    def succeeded(self) -> list[Made]:
        """The calls that did not fail."""
        return [made for made in self.calls.values() if not made.failed]


def expected_answers(
    gold: Sequence[dict[str, Any]], *, reads: frozenset[str] = frozenset(), choices: Choices | None = None
) -> tuple[ExpectedAnswer, ...]:
    """Derive the expectation of each user turn from a gold conversation in OpenAI chat format.

    `reads` are names of tools that change nothing, `choices` those of the catalog. Turns without a final answer have no
    expectation.
    """
    return tuple(
        _expected(number, turn, reads=reads, choices=choices or {})
        for number, turn in enumerate(_turns(gold))
        if turn.answer.strip()
    )


def _turns(gold: Sequence[dict[str, Any]]) -> list[_Turn]:
    turns: list[_Turn] = []
    for message in gold:
        role, text = message["role"], message.get("content") or ""
        if role == "user" and (not turns or turns[-1].answer or turns[-1].calls):
            turns.append(_Turn(user=text))
        elif role == "user":
            turns[-1].user += f"\n{text}"
        elif role == "assistant" and turns:
            for call in message.get("tool_calls") or ():
                function = call["function"]
                given = decoded(function["arguments"])
                arguments = given if isinstance(given, dict) else {}
                turns[-1].calls[call["id"]] = Made(name=function["name"], arguments=arguments)
            turns[-1].answer = "" if message.get("tool_calls") else text
        elif role == "tool" and turns and message["tool_call_id"] in turns[-1].calls:
            turns[-1].calls[message["tool_call_id"]].result = text
    return turns


def _expected(number: int, turn: _Turn, *, reads: frozenset[str], choices: Choices) -> ExpectedAnswer:
    ending = _ending(turn, reads=reads)
    has_facts = ending in {Ending.DONE, Ending.INFORMED}
    return ExpectedAnswer(
        turn=number,
        ending=ending,
        facts=tuple(_facts(turn, ending, choices)) if has_facts else (),
        reason="\n".join(made.result for made in turn.calls.values() if made.failed),
        replaced=(*_replaced(turn), *_opposites(turn, reads=reads)) if has_facts else (),
        lists=tuple(_lists(turn.succeeded)) if has_facts else (),
    )


def _ending(turn: _Turn, *, reads: frozenset[str]) -> Ending:
    if not turn.calls:
        claims = polarity(turn.answer)
        if claims.asks and not _greets(turn.answer):
            return Ending.ASKED_BACK
        return Ending.REFUSED if claims.refused else Ending.NO_TOOL
    if list(turn.calls.values())[-1].failed:
        return Ending.REFUSED
    if not {made.name for made in turn.succeeded} <= reads:
        return Ending.DONE
    empty = all(_is_empty(decoded(made.result)) for made in turn.succeeded)
    return Ending.NOTHING_FOUND if empty else Ending.INFORMED


def _is_empty(value: Any) -> bool:
    """Whether a result is an empty list or object, or holds nothing but such."""
    return isinstance(value, dict | list) and not any(
        not _is_empty(inner) for inner in (value.values() if isinstance(value, dict) else value)
    )


def _greets(text: str) -> bool:
    return text.casefold().startswith(("hello", "hi", "welcome", "good ", "hey", "hallo", "bonjour", "hola", "ciao"))


def _facts(turn: _Turn, ending: Ending, choices: Choices) -> Iterator[Fact]:
    """Values of the results and calls; required are those that the answer states and that were not known before.

    Of a turn that changed something only new values are required (an id that it created): that it acted on others is
    judged by its calls. Numbers and ids that no result holds were computed and are required as well.
    """
    answer, known = plain(turn.answer), plain(turn.user)
    if ending is Ending.DONE:
        known += "\n" + "\n".join(
            str(value).casefold() for made in turn.calls.values() for _, value in _arguments(made)
        )
    spoken = frozenset(words(" ".join(made.result for made in turn.calls.values())))
    spoken |= {str(value).casefold() for made in turn.calls.values() for _, value in _arguments(made)}
    required: set[str] = set()
    for value, about, name in turn_values(turn.succeeded):
        is_new = conveys(answer, value) and not _is_known(value, known)
        required.update([value] if is_new else [])
        rivals = rivals_of(name, value, choices, but=spoken)
        is_read = ending is Ending.INFORMED and not _is_known(value, known)
        if is_new or is_read or rivals or (about and not _is_known(value, " ".join(about))):
            yield Fact(value=value, about=about, optional=not is_new, rivals=rivals)
    for word in dict.fromkeys(words(answer)):
        held = any(phrase_in_text(word, value.casefold()) for value in required) or phrase_in_text(word, known)
        if (is_number(word) or is_identifier(word)) and not held:
            yield Fact(value=word)


def turn_values(made: Sequence[Made]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Each scalar of calls' results and arguments with the entities that it belongs to and its field; each once.

    An entity is an argument in which the calls differ, a key that tells the numbers of a result apart, or the first
    text of a row where a result lists several rows.
    """
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for call in made:
        own = _entity(call, made)
        found = [*_results(decoded(call.result), ()), *((value, (), name) for name, value in _arguments(call))]
        for value, inner, name in found:
            shown, about = value_text(value), (*own, *inner)
            if shown is not None and (shown, about) not in seen and shown not in about:
                seen.add((shown, about))
                yield shown, about, name.rpartition(".")[2]


def _lists(made: Sequence[Made]) -> Iterator[tuple[str, ...]]:
    """The texts that a result lists, and the entities of the calls, where there are several."""
    waiting = [decoded(call.result) for call in made]
    while waiting:
        value = waiting.pop()
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if isinstance(value, list) and len(value) > 1 and all(isinstance(each, str) for each in value):
            yield tuple(dict.fromkeys(value))
    entities = tuple(dict.fromkeys(entity for call in made for entity in _entity(call, made)))
    if len(entities) > 1:
        yield entities


def _entity(call: Made, made: Sequence[Made]) -> tuple[str, ...]:
    """The argument by which a call differs from the others of its turn: an id if one does."""
    others = {str(value).casefold() for other in made if other is not call for _, value in _arguments(other)}
    own = [value for _, value in _arguments(call) if isinstance(value, str) and value.casefold() not in others]
    if sum(each.name == call.name for each in made) < 2 or not own:
        return ()
    entity = next((value for value in own if is_identifier(value)), own[0])
    shared = {word for other in others for word in other.split()}
    return (" ".join(word for word in entity.split() if word.casefold() not in shared) or entity,)


def _results(value: Any, about: tuple[str, ...], name: str = "") -> Iterator[tuple[Any, tuple[str, ...], str]]:
    """The scalars of a result, each with its entities within the result and its field."""
    if isinstance(value, dict):
        alike = len(value) > 1 and all(
            isinstance(each, int | float) and not isinstance(each, bool) for each in value.values()
        )
        for key, inner in value.items():
            yield from _results(inner, (*about, key) if alike else about, key)
    elif isinstance(value, list):
        rows = [row for row in value if isinstance(row, dict)]
        for inner in value:
            label = next((each for each in inner.values() if isinstance(each, str)), None) if inner in rows else None
            yield from _results(inner, (*about, label) if label and len(rows) > 1 else about, name)
    else:
        yield value, about, name


def _replaced(turn: _Turn) -> Iterator[Replaced]:
    """The arguments, and the verbs of tools, that a failed call had and the next successful one has not."""
    made = list(turn.calls.values())
    for place, failed in enumerate(made):
        then = next((later for later in made[place + 1 :] if not later.failed), None)
        if not failed.failed or then is None:
            continue
        if failed.name == then.name:
            before, after = dict(_arguments(failed)), dict(_arguments(then))
            changed = [key for key in before if key in after and before[key] != after[key]]
            pairs = [(value_text(before[key]), value_text(after[key])) for key in changed]
            yield from (Replaced(tried=tried, by=by) for tried, by in pairs if tried and by and _differ(tried, by))
        elif (verb := _words_of(failed.name)[0]) not in _words_of(then.name):
            yield Replaced(tried=verb, by=" ".join(_words_of(then.name)))


def _differ(tried: str, by: str) -> bool:
    """Whether two values differ in more than their notation, as 81 x 3 and 81 * 3 do."""
    left = set(words(tried)) - set(words(by))
    return any(len(word) > 1 or is_number(word) for word in left)


def _opposites(turn: _Turn, *, reads: frozenset[str]) -> Iterator[Replaced]:
    """The opposites of what was done, by the verbs of the tools: who says "unblocked" must not have blocked."""
    verbs = dict.fromkeys(_words_of(made.name)[0] for made in turn.succeeded if made.name not in reads)
    for verb in verbs:
        for opposite in (f"un{verb}", verb.removeprefix("un"), *_OPPOSITES.get(verb, ())):
            if opposite not in verbs:
                yield Replaced(tried=opposite, by=verb)


_PAIRS = (
    ("open", "close"), ("add", "remove"), ("hold", "release"), ("approve", "reject"), ("activate", "deactivate"),
    ("enable", "disable"), ("accept", "decline"), ("start", "stop"), ("grant", "revoke"), ("increase", "decrease"),
    ("archive", "restore"), ("raise", "lower"), ("attach", "detach"), ("connect", "disconnect"),
)  # fmt: skip
_OPPOSITES = {one: (other,) for pair in _PAIRS for one, other in (pair, pair[::-1])}
"""Verbs of tools that undo each other, besides those with un-."""


def _words_of(tool: str) -> list[str]:
    """The words of a tool's name: cancel and order of cancel_order or cancelOrder."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in tool).replace("_", " ").replace("-", " ").split()


def _arguments(made: Made) -> Iterator[tuple[str, Any]]:
    """The scalars of a call's arguments, each with its path."""
    waiting: list[tuple[str, Any]] = list(made.arguments.items())
    while waiting:
        path, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting[:0] = [(f"{path}.{key}", inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting[:0] = [(f"{path}.{number}", inner) for number, inner in enumerate(value)]
        else:
            yield path, value


_CURRENCIES = frozenset({"EUR", "USD", "GBP", "CHF", "JPY", "CNY", "INR", "SEK", "NOK", "DKK", "PLN", "CAD", "AUD"})


def _is_known(value: str, known: str) -> bool:
    """Whether a value was said before, word by word, or is a currency, which a sign can say."""
    if value in _CURRENCIES:
        return True
    if is_identifier(value) or is_number(value.casefold()):
        return conveys(known, value)
    parts = words(value)
    return bool(parts) and all(conveys(known, part) for part in parts)


def value_text(value: Any) -> str | None:
    """A scalar of a result as an answer would state it; None for what no answer must state."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return value if value.strip() and len(value) <= 80 else None
    return json.dumps(value)
