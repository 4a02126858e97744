"""Required reads: values that a planned call takes from an earlier result, and whether it was read in time.

Invariant: a value is required only if the gold run itself took it from a result: the user had not said it, and an
earlier result contained it. A call that carries such a value before any result did is a lucky guess, even if it leaves
the right state; a gold run never guesses. Numbers are left out: results contain them by chance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from toolft_pipeline.evaluation.judge.calls import CanonicalCall, calls_of_message
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, Transcript
from toolft_pipeline.trajectories.grounding_text import GroundingText, leaves
from toolft_pipeline.trajectories.record import Role


def values_used_before_read(task: Task, transcript: Transcript) -> list[tuple[CanonicalCall, str]]:
    """Calls of the gold run made before a result contained one of their values, each with that value."""
    taken = dict(reversed(list(_values_from_results(task))))  # of repeated calls the first counts: its result echoes it
    return [
        (made.as_call, value)
        for turn, known in turns_with_known_values(task, transcript)
        for made in turn.calls
        for value in taken.get(made.as_call, ())
        if not _has(known, value)
    ]


def turns_with_known_values(task: Task, transcript: Transcript) -> Iterator[tuple[AssistantTurn, GroundingText]]:
    """Each assistant turn with the text that system prompt, user and results had given the model before it."""
    known, turns_added = GroundingText(), 0
    known.add_text(task.system or "")
    for turn in transcript.turns:
        for text in task.user_turns[turns_added : turn.user_turn + 1]:
            known.add_text(text)
        turns_added = turn.user_turn + 1
        yield turn, known
        for made in turn.calls:
            known.add_text(made.result, result=True)


def _values_from_results(task: Task) -> Iterator[tuple[CanonicalCall, Sequence[str]]]:
    """Each call of the gold run with the values that it took from results."""
    from_user, known = GroundingText(), GroundingText()
    for message in task.gold:
        text = message.get("content") or ""
        if message["role"] == Role.ASSISTANT:
            for call in calls_of_message(message):
                texts = [value for _, value, _ in leaves(json.loads(call.arguments), {}) if isinstance(value, str)]
                yield call, [text for text in texts if _has(known, text) and not _has(from_user, text)]
            continue
        known.add_text(text, result=message["role"] == Role.TOOL)
        if message["role"] != Role.TOOL:
            from_user.add_text(text)


def _has(known: GroundingText, value: str) -> bool:
    return known.in_run(value.casefold())
