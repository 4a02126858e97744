"""What only a result could tell: the values that a planned call takes from a read, and whether they were told in time.

Invariant: a value is asked for only where the gold run itself took it from a result: the user had not said it, and a
result before the call had. A call that carries such a value before anything told it is a lucky guess, even where it
leaves the right state; and a gold run never guesses. Numbers are left out: results hold them by chance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from toolft_pipeline.evaluation.scoring.calls import Call, calls_of_message
from toolft_pipeline.evaluation.scoring.task import Task
from toolft_pipeline.evaluation.scoring.transcript import AssistantTurn, Transcript
from toolft_pipeline.trajectories.grounding_text import GroundingText, leaves
from toolft_pipeline.trajectories.record import Role


def untold(task: Task, transcript: Transcript) -> list[tuple[Call, str]]:
    """Calls of the gold run that were made before a result had told what they carry, each with the value."""
    taken = dict(reversed(list(_taken(task))))  # of a call made twice, the first time counts: its result echoes it
    return [
        (made.as_call, value)
        for turn, told in heard(task, transcript)
        for made in turn.calls
        for value in taken.get(made.as_call, ())
        if not _has(told, value)
    ]


def heard(task: Task, transcript: Transcript) -> Iterator[tuple[AssistantTurn, GroundingText]]:
    """Each assistant turn with what system, user and results had told the model before it."""
    told, turns_heard = GroundingText(), 0
    told.add_text(task.system or "")
    for turn in transcript.turns:
        for text in task.user_turns[turns_heard : turn.user_turn + 1]:
            told.add_text(text)
        turns_heard = turn.user_turn + 1
        yield turn, told
        for made in turn.calls:
            told.add_text(made.result, result=True)


def _taken(task: Task) -> Iterator[tuple[Call, Sequence[str]]]:
    """Each call of the gold run with the values that it took from results."""
    said, told = GroundingText(), GroundingText()
    for message in task.gold:
        text = message.get("content") or ""
        if message["role"] == Role.ASSISTANT:
            for call in calls_of_message(message):
                texts = [value for _, value, _ in leaves(json.loads(call.arguments), {}) if isinstance(value, str)]
                yield call, [text for text in texts if _has(told, text) and not _has(said, text)]
            continue
        told.add_text(text, result=message["role"] == Role.TOOL)
        if message["role"] != Role.TOOL:
            said.add_text(text)


def _has(told: GroundingText, value: str) -> bool:
    return told.in_run(value.casefold())
