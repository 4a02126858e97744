"""The scripted agent: works a task on a backend and keeps the conversation.

Invariant: every result in a conversation came from the backend in this run, and the state at the end is the
backend's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from helpdesk.answers import Speaker
from helpdesk.client import Backend
from helpdesk.draw import Draw, NothingFitsError
from helpdesk.families import FAMILIES
from helpdesk.family import Call, Family, Result, Say
from helpdesk.personas import worded
from helpdesk.rules import House, house_of
from helpdesk.texts import SHARES, said_value, wordings_of
from helpdesk.world import build_world, pool_of
from toolft_pipeline.sandbox.state import state_digest
from toolft_pipeline.trajectories.category import Category

Message = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One task before anybody works on it: a family in a world, worded."""

    family: str
    category: Category
    wording: int
    state_ref: str
    slots: dict[str, Any]
    user_turns: tuple[str, ...]
    language: str
    house: House
    bare: str
    """The user turns without greeting and thanks: equal for runs that curation would call near-duplicates."""

    @property
    def key(self) -> str:
        """Family, wording and entities: what makes it this task and no other."""
        entities = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(self.slots.items()))
        return f"{self.family}|{self.language} w{self.wording}|{self.state_ref}|{entities}"


@dataclass(frozen=True, kw_only=True)
class MadeCall:
    """A call as it was made: in which user turn and which assistant turn, and whether it failed."""

    id: str
    name: str
    arguments: dict[str, Any]
    user_turn: int
    step: int
    is_error: bool


@dataclass(frozen=True, kw_only=True)
class Run:
    """What an agent did with an assignment."""

    assignment: Assignment
    messages: tuple[Message, ...]
    calls: tuple[MadeCall, ...]
    final_state: str
    endings: tuple[str | None, ...]
    """How each user turn ended where no call decides it."""


def assign(family: Family, *, kind: str, random: Random, held: bool, taken: set[str]) -> Assignment:
    """Draw a task of a family in a world that has what it takes; `kind` is log, gold or eval.

    No wording with the same values is drawn twice: `taken` remembers them. Raises `NothingFitsError`.
    """
    for _ in range(400):
        state_ref = f"desk-{kind}-{random.randrange(10000):04d}"
        database = build_world(state_ref)
        language = random.choices(list(SHARES), list(SHARES.values()))[0]
        try:
            draw = Draw(database=database, pool=pool_of(state_ref), random=random, language=language)
            slots = family.pick(draw)
        except NothingFitsError:
            continue
        finally:
            database.close()
        wordings = wordings_of(family, language, held=held)
        wording = random.randrange(len(wordings))
        said = {name: said_value(language, value) for name, value in slots.items()}
        bare = " // ".join(turn.format_map(said) for turn in wordings[wording])
        if bare in taken:
            continue
        taken.add(bare)
        return Assignment(
            family=family.name,
            category=family.category,
            wording=wording,
            state_ref=state_ref,
            slots=slots,
            user_turns=worded(wordings[wording], slots, language=language, random=random, held=held),
            language=language,
            house=house_of(family, random=random, held=held),
            bare=bare,
        )
    raise NothingFitsError(f"no world has what family {family.name} needs; widen its pick or the seed of worlds")


class Conversation:
    """A conversation in the making, on a backend that was reset for it."""

    def __init__(self, backend: Backend, assignment: Assignment) -> None:
        self._backend, self._assignment = backend, assignment
        self._turns = list(assignment.user_turns)
        self._user_turn = 0
        house = assignment.house
        self._signs = house.signs
        self._speaker = Speaker(language=assignment.language, random=Random(assignment.key), brief=house.brief)
        self.messages: list[Message] = [{"role": "system", "content": house.text}] if house.text else []
        self.messages.append({"role": "user", "content": self._turns[0]})
        self.calls: list[MadeCall] = []
        self._step = 0
        self._last: list[tuple[Call, Result]] = []
        self._made: list[tuple[Call, Result]] = []
        self._endings: list[str | None] = []
        backend.reset(assignment.state_ref)

    def make(self, calls: Sequence[Call]) -> list[Result]:
        """Make the calls of one assistant turn; the results follow it in the same order."""
        ids = [f"call_{len(self.calls) + place + 1}" for place in range(len(calls))]
        asked = [
            {"id": id_, "type": "function", "function": {"name": c.name, "arguments": json.dumps(c.arguments)}}
            for id_, c in zip(ids, calls, strict=True)
        ]
        self.messages.append({"role": "assistant", "content": None, "tool_calls": asked})
        results = []
        for id_, c in zip(ids, calls, strict=True):
            answer = self._backend.call(c.name, c.arguments)
            text = f"Error: {answer.text}" if answer.is_error else answer.text
            self.messages.append({"role": "tool", "tool_call_id": id_, "name": c.name, "content": text})
            results.append(Result(text=answer.text, is_error=answer.is_error))
            self.calls.append(
                MadeCall(
                    id=id_,
                    name=c.name,
                    arguments=c.arguments,
                    user_turn=self._user_turn,
                    step=self._step,
                    is_error=answer.is_error,
                )
            )
        self._step += 1
        self._last = list(zip(calls, results, strict=True))
        self._made += self._last
        return results

    def say(self, saying: Say | None = None) -> None:
        """Answer, with what the last calls gave unless a text is named; then comes the next user turn, if any."""
        self._endings.append(saying.ending if saying else None)
        text = self._speaker.say(saying) if saying else self._speaker.answer(self._made, self._last)
        self.tell(f"{text} \u2013 Desk" if self._signs else text)

    def tell(self, text: str) -> None:
        """Answer in these words."""
        self._made.clear()
        self.messages.append({"role": "assistant", "content": text})
        self._user_turn += 1
        if self._user_turn < len(self._turns):
            self.messages.append({"role": "user", "content": self._turns[self._user_turn]})

    def end(self) -> Run:
        """The run as it stands, with the backend's state."""
        return Run(
            assignment=self._assignment,
            messages=tuple(self.messages),
            calls=tuple(self.calls),
            final_state=state_digest(self._backend.snapshot()),
            endings=tuple(self._endings),
        )


def work(backend: Backend, assignment: Assignment) -> Run:
    """Go the right way of the family to its end. Raises `ValueError` where the way breaks its own promise."""
    conversation = Conversation(backend, assignment)
    family = FAMILIES[assignment.family]
    way = family.way(assignment.slots)
    turn = next(way)
    try:
        while True:
            if turn is None or isinstance(turn, Say):
                conversation.say(turn)
                turn = next(way)
            else:
                turn = way.send(conversation.make(turn))
    except StopIteration:
        if conversation.messages[-1]["role"] != "assistant":
            conversation.say()
    run = conversation.end()
    if (shape := category_of(run)) is not family.category:
        raise ValueError(f"family {family.name} in {assignment.state_ref} came out as {shape}; fix its pick")
    answers = sum(message["role"] == "assistant" and message["content"] is not None for message in run.messages)
    if answers != len(assignment.user_turns):
        raise ValueError(f"family {family.name} answered {answers} of {len(assignment.user_turns)} user turns")
    return run


def category_of(run: Run) -> Category:
    """The shape of a run, read off its calls."""
    if any(c.is_error for c in run.calls):
        return Category.ERROR_THEN_EXPLAIN if run.calls[-1].is_error else Category.ERROR_THEN_RETRY
    if len({c.step for c in run.calls}) < len(run.calls):
        return Category.PARALLEL_CALLS
    return (Category.NO_TOOL, Category.SINGLE_CALL, Category.MULTI_STEP)[min(len(run.calls), 2)]


def reworded(assignment: Assignment, user_turns: Sequence[str]) -> Assignment:
    """The same task in other words."""
    return replace(assignment, user_turns=tuple(user_turns))
