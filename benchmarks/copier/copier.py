"""The copier: at every step the nearest logged turn that did the same so far, with our values in its places.

Invariant: it sees what an agent sees, the messages so far, and the catalog's enumerations. It asks nothing of the
backend but the calls that it makes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.copier.entities import kind_in, tokens, values
from benchmarks.copier.nearest import NearestTexts
from benchmarks.copier.places import Side, has_place, resolve
from benchmarks.copier.runs import Call, Run, Turn, shape_of

CANDIDATES = 60
"""Turns whose wording is nearest, among which what happened so far decides."""

SAME_RESULTS, SAME_CONTEXT = 0.35, 0.25
"""What equal states in the last results, and equal tools in earlier turns, add to the cosine of the wording."""

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

    def side(self, steps: int) -> Side:
        """What that run knew after some steps of the turn."""
        calls = [call for turn in self.run.turns[: self.number] for step in turn.steps for call in step]
        calls += [call for step in self.turn.steps[:steps] for call in step]
        return Side(said=[turn.said for turn in self.run.turns[: self.number + 1]], calls=calls)


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
        self._texts = NearestTexts([each.turn.said for each in self._turns])
        self._choices = choices
        self._tools = {call.name for each in self._turns for step in each.turn.steps for call in step}

    def next_turn(self, history: Sequence[Turn]) -> NextTurn:
        """Go on after the last turn's steps so far."""
        now = history[-1]
        near = self._nearest(history)
        if near is None:
            return NextTurn(answer="I cannot do that.")
        done = len(now.steps)
        calls = [call for turn in history for step in turn.steps for call in step]
        theirs, ours = near.side(done), Side(said=[turn.said for turn in history], calls=calls)
        if done < len(near.turn.steps):
            made = self._adapted(near.turn.steps[done], theirs, ours)
            return NextTurn(calls=tuple(made), copied=near)
        return NextTurn(answer=self._answer(near.turn.answer, theirs, ours), copied=near)

    def _nearest(self, history: Sequence[Turn]) -> Logged | None:
        """The nearest turn with the same tools and refusals so far; one that only begins alike if none goes on."""
        now = history[-1]
        scores = self._texts.scores(now.said)
        order = np.argsort(-scores, kind="stable")
        earlier = Counter(call.name for turn in history[:-1] for step in turn.steps for call in step)
        best: tuple[float, Logged] | None = None
        seen = 0
        for place in order.tolist():
            each = self._turns[place]
            if each.turn.shape[: len(now.steps)] != now.shape:
                continue
            score = float(scores[place]) + SAME_CONTEXT * self._context(each, history, earlier)
            score += SAME_RESULTS * _alike(now.steps, each.turn.steps[: len(now.steps)])
            if best is None or score > best[0]:
                best = score, each
            seen += 1
            if seen >= CANDIDATES:
                break
        return None if best is None else best[1]

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
            varying = _varying(alike, theirs, ours)
            if varying is not None:
                name, found = varying
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
            return _list(value, theirs, ours) or [self._value(tool, name, inner, theirs, ours) for inner in value]
        choices = self._choices.get((tool, name), ())
        found = resolve(value, theirs, ours)
        if choices and (found not in choices or not has_place(value, theirs)):
            return _chosen(choices, ours.said) or value
        return found

    def _answer(self, answer: str, theirs: Side, ours: Side) -> str:
        """The logged answer with our values in the places of theirs."""
        pieces, at = [], 0
        for token in tokens(answer):
            if token.start < at or not (token.is_value or has_place(token.text, theirs)):
                continue
            found = resolve(token.text, theirs, ours)
            inner = answer[token.start : token.end]
            pieces += [answer[at : token.start], inner.replace(token.text, str(found), 1)]
            at = token.end
        return "".join([*pieces, answer[at:]])


def _varying(calls: Sequence[Call], theirs: Side, ours: Side) -> tuple[str, list[Any]] | None:
    """The one argument in which parallel calls differ, and our values for it, where the user lists such values."""
    if not all(call.arguments.keys() == calls[0].arguments.keys() for call in calls):
        return None
    names = [name for name in calls[0].arguments if len({str(call.arguments[name]) for call in calls}) == len(calls)]
    listed = [name for name in names if isinstance(calls[0].arguments[name], str)]
    for name in listed:
        mine = _list([call.arguments[name] for call in calls], theirs, ours)
        others = [each for each in names if each != name]
        if mine is not None and (len(calls) > 1 or len(mine) > 1) and (len(calls) == 1 or not others):
            return name, mine
    return None


def _list(theirs_values: Sequence[Any], theirs: Side, ours: Side) -> list[Any] | None:
    """Our values of the kind that a list has all of: from the user's last words, else from a field of the results."""
    kinds = {kind_in(str(value), theirs.said[-1]) for value in theirs_values}
    if len(kinds) == 1 and (kind := kinds.pop()) is not None:
        listed = [value.casefold() for value in values(theirs.said[-1], kind)]
        if listed == [str(value).casefold() for value in theirs_values]:
            return list(values(ours.said[-1], kind)) or None
    for call in reversed(theirs.calls):
        for field, found in _columns(call.result):
            if len(found) > 1 and [str(v) for v in found] == [str(v) for v in theirs_values]:
                other = next((c for c in reversed(ours.calls) if c.name == call.name), None)
                return dict(_columns(other.result)).get(field) if other is not None else None
    return None


def _columns(result: Any, at: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], list[Any]]]:
    """The fields of lists of records, each with its values."""
    if isinstance(result, dict):
        return [column for key, inner in result.items() for column in _columns(inner, (*at, key))]
    if isinstance(result, list) and result and all(isinstance(each, dict) for each in result):
        return [((*at, name), [each.get(name) for each in result]) for name in result[0]]
    return [(at, list(result))] if isinstance(result, list) and result else []


def _chosen(choices: Sequence[str], said: Sequence[str]) -> str | None:
    """The one allowed value that the user names, in the last words first."""
    for text in reversed(said):
        words = " ".join(token.text.casefold() for token in tokens(text))
        named = [each for each in choices if str(each).casefold().replace("_", " ") in words]
        if named:
            return max(named, key=len)
    return None


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
        return [("", " ".join(token.kind for token in tokens(result)))]
    if isinstance(result, bool) or (isinstance(result, str) and result.replace("_", "").isalpha() and result.islower()):
        return [(key, str(result))]
    return []


__all__ = ["Choices", "Copier", "Logged", "NextTurn", "shape_of"]
