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

from helpdesk.answers import answer_to
from helpdesk.client import Backend
from helpdesk.draw import Draw, NothingFitsError
from helpdesk.families import FAMILIES
from helpdesk.family import Call, Family, Result
from helpdesk.world import build_world, pool_of
from toolft_pipeline.sandbox.state import state_digest
from toolft_pipeline.trajectories.category import Category

_LOG_MANNERS = (
    *("{}",) * 10, "Hi, {}", "Hello, {}", "Please: {}", "Quick one: {}", "{} Thanks.", "{} Thank you.", "Next: {}",
    "{} It is urgent.", "Good morning. {}", "Ok, {}", "{} Cheers.", "Sorry to bother you. {}", "Hi there! {}",
    "Good day. {}", "Morning! {}", "Another thing: {}", "And this: {}", "Then: {}", "{} Many thanks.", "{} See you.",
    "{} That is all.", "{} I am in a hurry.", "{} Have a nice day.", "I need help. {}", "A small request: {}",
    "Dear desk, {}", "So, {}", "{} Please.", "{} Best regards.", "Good afternoon. {}",
)  # fmt: skip
_HELD_MANNERS = ("{}", "{}", "Hey, {}", "Good evening. {}", "{} Much appreciated.", "One more: {}", "{} Bye.")

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
    bare: str
    """The user turns without greeting and thanks: equal for runs that curation would call near-duplicates."""

    @property
    def key(self) -> str:
        """Family, wording and entities: what makes it this task and no other."""
        entities = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(self.slots.items()))
        return f"{self.family}|w{self.wording}|{self.state_ref}|{entities}"


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


def assign(family: Family, *, kind: str, random: Random, held: bool, taken: set[str]) -> Assignment:
    """Draw a task of a family in a world that has what it takes; `kind` is log, gold or eval.

    No wording with the same values is drawn twice: `taken` remembers them. Raises `NothingFitsError`.
    """
    for _ in range(200):
        state_ref = f"desk-{kind}-{random.randrange(10000):04d}"
        database = build_world(state_ref)
        try:
            slots = family.pick(Draw(database=database, pool=pool_of(state_ref), random=random))
        except NothingFitsError:
            continue
        finally:
            database.close()
        wordings = family.held if held else family.log
        wording = random.randrange(len(wordings))
        bare = " // ".join(turn.format_map(slots) for turn in wordings[wording])
        if bare in taken:
            continue
        taken.add(bare)
        return Assignment(
            family=family.name,
            category=family.category,
            wording=wording,
            state_ref=state_ref,
            slots=slots,
            user_turns=_worded(wordings[wording], slots, random.choice(_HELD_MANNERS if held else _LOG_MANNERS)),
            bare=bare,
        )
    raise NothingFitsError(f"no world has what family {family.name} needs; widen its pick or the seed of worlds")


class Conversation:
    """A conversation in the making, on a backend that was reset for it."""

    def __init__(self, backend: Backend, assignment: Assignment) -> None:
        self._backend, self._assignment = backend, assignment
        self._turns = list(assignment.user_turns)
        self._user_turn = 0
        self.messages: list[Message] = [{"role": "user", "content": self._turns[0]}]
        self.calls: list[MadeCall] = []
        self._step = 0
        self._last: tuple[Sequence[Call], list[Result]] = ((), [])
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
        self._last = (calls, results)
        return results

    def say(self, text: str | None = None) -> None:
        """Answer, with what the last calls gave unless a text is given; then comes the next user turn, if any."""
        self.messages.append({"role": "assistant", "content": text or answer_to(*self._last)})
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
        )


def work(backend: Backend, assignment: Assignment) -> Run:
    """Go the right way of the family to its end. Raises `ValueError` where the way breaks its own promise."""
    conversation = Conversation(backend, assignment)
    family = FAMILIES[assignment.family]
    way = family.way(assignment.slots)
    turn = next(way)
    try:
        while True:
            if turn is None or isinstance(turn, str):
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


def _worded(wording: Sequence[str], slots: dict[str, Any], manner: str) -> tuple[str, ...]:
    first, *others = (turn.format_map(slots) for turn in wording)
    if manner.endswith((", {}", ": {}")) and first[:2].isalpha() and not first.startswith("I "):
        first = first[0].lower() + first[1:]
    return (_capital(manner.format(first), wording[0]), *others)


def _capital(text: str, wording: str) -> str:
    """A sentence starts with a capital; an id, a name or an address stays as it is."""
    return text if wording.startswith("{") else text[0].upper() + text[1:]
