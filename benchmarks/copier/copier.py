"""The copier: at every step the nearest logged turn that did the same so far, with our values in its places.

Invariant: it sees what an agent sees, the messages so far, and the catalog's enumerations. It asks nothing of the
backend but the calls that it makes.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.copier.entities import Lexer
from benchmarks.copier.lists import chosen, listed_values, varying
from benchmarks.copier.lookups import Lookups
from benchmarks.copier.nearest import NearestTexts
from benchmarks.copier.places import Side, has_place, resolve
from benchmarks.copier.runs import Call, Run, Turn

CANDIDATES = 60
"""Turns whose wording is nearest, among which what happened so far decides."""

SAME_RESULTS, SAME_CONTEXT = 0.35, 0.25
"""What equal states in the last results, and equal tools in earlier turns, add to the cosine of the wording."""

MISSING, MADE_BEFORE = 0.4, 1.0
"""What a step with a value that has no place in our run takes off, once more if all have none, and one whose calls
were made already."""

VOTERS, SHARPNESS = 7, 0.08
"""The nearest turns that vote for the next step, and the difference of scores that is worth a factor of e."""

EDITED = 0.1
"""By how much a turn with a lookup before it must fit better than one without."""

NAMED, STEM = 0.25, 5
"""What the words of a tool's name in the request add, at most; words are compared by their first letters."""

Choices = Mapping[tuple[str, str], Sequence[str]]
"""The values that a schema allows, by tool and argument."""


@dataclass(frozen=True, kw_only=True)
class Logged:
    """A user's turn of a logged run, with the turns before it."""

    run: Run
    number: int

    @property
    def turn(self) -> Turn:
        """The turn itself."""
        return self.run.turns[self.number]

    def side(self, steps: int, lexer: Lexer) -> Side:
        """What that run knew after some steps of the turn."""
        calls = [call for turn in self.run.turns[: self.number] for step in turn.steps for call in step]
        calls += [call for step in self.turn.steps[:steps] for call in step]
        return Side(said=[turn.said for turn in self.run.turns[: self.number + 1]], calls=calls, lexer=lexer)


@dataclass(frozen=True, kw_only=True)
class NextTurn:
    """What the copier does next: calls, or an answer."""

    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    answer: str = ""
    copied: Logged | None = None


class Copier:
    """Finds and adapts; `choices` are the enumerations of the catalog."""

    def __init__(self, runs: Sequence[Run], *, choices: Choices) -> None:
        self._turns = [Logged(run=run, number=at) for run in runs for at in range(len(run.turns))]
        self._lexer = Lexer(runs)
        self._texts = NearestTexts([each.turn.said for each in self._turns], self._lexer)
        self._choices = choices
        self._lookups = Lookups(runs, self._lexer)

    def next_turn(self, history: Sequence[Turn]) -> NextTurn:
        """Go on after the last turn's steps so far."""
        done = len(history[-1].steps)
        calls = [call for turn in history for step in turn.steps for call in step]
        ours = Side(said=[turn.said for turn in history], calls=calls, lexer=self._lexer)
        nearest = self._nearest(history, ours)
        edited = self._with_lookup(history, ours, than=-1.0 if nearest is None else nearest[0])
        if edited is not None and edited.calls:
            return edited
        if edited is not None and edited.copied is not None:
            near, done = edited.copied, done - 1
        elif nearest is not None:
            near = nearest[1]
        else:
            return NextTurn(answer="I cannot do that.")
        theirs = near.side(done, self._lexer)
        if done < len(near.turn.steps):
            made = self._adapted(near.turn.steps[done], theirs, ours)
            return NextTurn(calls=tuple(made), copied=near)
        return NextTurn(answer=self._answer(near.turn.answer, theirs, ours), copied=near)

    def _with_lookup(self, history: Sequence[Turn], ours: Side, *, than: float) -> NextTurn | None:
        """A turn that fits better with a lookup before it: the call of the lookup, or after it the turn to go on with.

        The user gives a mail address where the logged user gave an id, say, and some logged call finds one by the
        other.
        """
        now = history[-1]
        if not now.steps:
            lenient = self._nearest(history, ours, lenient=True)
            if lenient is None or lenient[0] - EDITED <= than or not lenient[1].turn.steps:
                return None
            theirs = lenient[1].side(0, self._lexer)
            step = lenient[1].turn.steps[0]
            missing = [
                value for call in step for name, value in call.arguments.items()
                if isinstance(value, str) and self._is_missing(call.name, name, value, theirs, ours)
            ]  # fmt: skip
            found = next((each for value in missing if (each := self._lookups.call_for(value, now.said))), None)
            return None if found is None else NextTurn(calls=(found,), copied=lenient[1])
        first = now.steps[0]
        if len(first) != 1 or first[0].is_error or not self._lookups.has(first[0].name):
            return None
        rest = Turn(said=now.said, steps=now.steps[1:])
        later = self._nearest([*history[:-1], rest], ours, looked_up=True)
        return None if later is None or later[0] - EDITED <= than else NextTurn(copied=later[1])

    def _nearest(
        self, history: Sequence[Turn], ours: Side, *, lenient: bool = False, looked_up: bool = False
    ) -> tuple[float, Logged] | None:
        """The nearest turn with the same tools and refusals so far, and its score.

        `lenient` allows values that a lookup would find; after one (`looked_up`) a turn must go on with a call or have
        made one.
        """
        now = history[-1]
        scores = self._texts.scores(now.said)
        order = np.argsort(-scores, kind="stable")
        earlier = Counter(call.name for turn in history[:-1] for step in turn.steps for call in step)
        ranked: list[tuple[float, Logged]] = []
        for place in order.tolist():
            each = self._turns[place]
            if each.turn.shape[: len(now.steps)] != now.shape:
                continue
            score = float(scores[place]) + SAME_CONTEXT * self._context(each, history, earlier)
            score += SAME_RESULTS * _alike(now.steps, each.turn.steps[: len(now.steps)])
            score += self._named(each, len(now.steps), now.said)
            if looked_up and not each.turn.steps:
                continue
            if not lenient:
                score -= self._misfit(each, len(now.steps), ours)
            ranked.append((score, each))
            if len(ranked) >= CANDIDATES:
                break
        return _voted(sorted(ranked, key=lambda entry: -entry[0])[:VOTERS], done=len(now.steps))

    def _named(self, each: Logged, done: int, said: str) -> float:
        """What speaks for a turn's next step: the user says the words of its tool's name."""
        if done >= len(each.turn.steps):
            return 0.0
        stems = {token.kind[:STEM] for token in self._lexer.tokens(said)}
        words = [word[:STEM] for word in each.turn.steps[done][0].name.casefold().replace("-", "_").split("_")]
        return NAMED * sum(word in stems for word in words) / len(words)

    def _misfit(self, each: Logged, done: int, ours: Side) -> float:
        """What speaks against a turn's next step: values that have no place in our run, calls that were made before."""
        theirs = each.side(done, self._lexer)
        if done >= len(each.turn.steps):
            ids = (token for token in self._lexer.tokens(each.turn.answer) if token.kind.startswith("<id"))
            return MISSING * any(not has_place(token.text, theirs) for token in ids)
        step = each.turn.steps[done]
        wanted = [
            (call.name, name, value) for call in step for name, value in call.arguments.items()
            if not isinstance(value, dict | list)
        ]  # fmt: skip
        missing = 0
        for tool, name, value in wanted:
            missing += self._is_missing(tool, name, value, theirs, ours)
        again = any(
            (call.name, made.arguments) == (made.name, dict(self._arguments(call, theirs, ours)))
            for call in step
            for made in ours.calls
        )
        return MISSING * (missing > 0) + MISSING * missing / max(1, len(wanted)) + MADE_BEFORE * again

    def _is_missing(self, tool: str, name: str, value: Any, theirs: Side, ours: Side) -> bool:
        """Whether their run says where a value comes from and ours does not."""
        found = resolve(value, theirs, ours)
        choices = self._choices.get((tool, name), ())
        if not choices:
            return found.is_missing
        named = theirs.lexer.mentions(theirs.everything, str(value))
        return named and found.value not in choices and chosen(choices, ours) is None

    def _context(self, each: Logged, history: Sequence[Turn], earlier: Counter[str]) -> float:
        """How alike the turns before are: as many of them, and the same tools."""
        theirs = Counter(call.name for turn in each.run.turns[: each.number] for step in turn.steps for call in step)
        same = (earlier & theirs).total() / max(1, (earlier | theirs).total()) if earlier or theirs else 1.0
        return (same + (each.number == len(history) - 1)) / 2

    def _adapted(self, step: Sequence[Call], theirs: Side, ours: Side) -> list[tuple[str, dict[str, Any]]]:
        """A step's calls with our values; calls that differ in one listed value become as many as we have values."""
        made: list[tuple[str, dict[str, Any]]] = []
        done: set[str] = set()
        for call in step:
            if call.name in done:
                continue
            alike = [each for each in step if each.name == call.name]
            differing = varying(alike, theirs, ours)
            if differing is not None:
                name, found = differing
                done.add(call.name)
                made += [(call.name, self._arguments(call, theirs, ours) | {name: value}) for value in found]
            else:
                made.append((call.name, self._arguments(call, theirs, ours)))
        return list({f"{name} {arguments}": (name, arguments) for name, arguments in made}.values())

    def _arguments(self, call: Call, theirs: Side, ours: Side) -> dict[str, Any]:
        return {name: self._value(call.name, name, value, theirs, ours) for name, value in call.arguments.items()}

    def _value(self, tool: str, name: str, value: Any, theirs: Side, ours: Side) -> Any:
        if isinstance(value, dict):
            return {key: self._value(tool, key, inner, theirs, ours) for key, inner in value.items()}
        if isinstance(value, list):
            return listed_values(value, theirs, ours) or [
                self._value(tool, name, inner, theirs, ours) for inner in value
            ]
        choices = self._choices.get((tool, name), ())
        found = resolve(value, theirs, ours).value
        if choices and (found not in choices or not has_place(value, theirs)):
            return chosen(choices, ours) or value
        return found

    def _answer(self, answer: str, theirs: Side, ours: Side) -> str:
        """The logged answer with our values in the places of theirs."""
        pieces, at = [], 0
        for token in self._lexer.tokens(answer):
            if token.start < at or not (token.is_value or has_place(token.text, theirs)):
                continue
            found = resolve(token.text, theirs, ours).value
            inner = answer[token.start : token.end]
            pieces += [answer[at : token.start], inner.replace(token.text, str(found), 1)]
            at = token.end
        return "".join([*pieces, answer[at:]])


def _voted(ranked: Sequence[tuple[float, Logged]], *, done: int) -> tuple[float, Logged] | None:
    """The best of those that do what most of the nearest do next: a single odd run decides nothing."""
    votes: dict[frozenset[str], float] = defaultdict(float)
    for score, each in ranked:
        votes[_next_tools(each, done)] += math.exp((score - ranked[0][0]) / SHARPNESS)
    if not votes:
        return None
    wanted = max(votes, key=lambda tools: votes[tools])
    return next((score, each) for score, each in ranked if _next_tools(each, done) == wanted)


def _next_tools(each: Logged, done: int) -> frozenset[str]:
    """The tools of a turn's next step; none for an answer."""
    return frozenset(call.name for call in each.turn.steps[done]) if done < len(each.turn.steps) else frozenset()


def _alike(ours: Sequence[Sequence[Call]], theirs: Sequence[Sequence[Call]]) -> float:
    """How alike the states in the results so far are: fields whose values are words, equal or not."""
    mine, other = (
        {(call.name, *fact) for step in steps for call in step for fact in _facts(call.result)}
        for steps in (ours, theirs)
    )
    return len(mine & other) / len(mine | other) if mine or other else 1.0


def _facts(result: Any, key: str = "") -> list[tuple[str, str]]:
    if isinstance(result, dict):
        return [fact for name, inner in result.items() for fact in _facts(inner, name)]
    if isinstance(result, list):
        size = "none" if not result else "one" if len(result) == 1 else "many"
        return [(key, size), *(fact for inner in result for fact in _facts(inner, key))]
    if isinstance(result, str) and not key:
        return [("", word) for word in result.split() if word.isalpha()]
    if isinstance(result, bool) or (isinstance(result, str) and result.replace("_", "").isalpha() and result.islower()):
        return [(key, str(result))]
    return []
