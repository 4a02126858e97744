"""Runs written as scripts, and which of their turns carry no loss, worked out from the script alone.

A script is a list of steps: `"user"`, `"answer"`, or the calls of one turn as (tool, outcome), where an outcome is
`"ok"` or `"error"`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from toolft_pipeline.trajectories.record import Message, Role, Trajectory
from toolft_pipeline_tests.chat.conversations import assistant, tool, trajectory, user

Calls = Sequence[tuple[str, str]]
Step = str | Calls
Script = Sequence[Step]


def written(script: Script, *, marked: Sequence[int] = (), id_: str = "scripted") -> Trajectory:
    """The run of a script; the assistant turns with the numbers `marked` are marked as context in the log."""
    messages: list[Message] = []
    for number, step in enumerate(script):
        if step == "user":
            messages.append(user(f"Please do thing {number}."))
        elif step == "answer":
            messages.append(assistant(f"This is answer {number}."))
        else:
            messages.append(assistant("", *((name, {"step": number}) for name, _ in step)))
            for call, (name, outcome) in enumerate(step):
                text = f'{{"of": "{name}", "step": {number}}}' if outcome == "ok" else f"Error: {name} has no {number}"
                messages.append(tool(text, call))
    turns = [index for index, message in enumerate(messages) if message.role is Role.ASSISTANT]
    for turn in marked:
        messages[turns[turn]] = msgspec.structs.replace(messages[turns[turn]], train=False)
    return trajectory(id_, *messages)


def corrected(script: Script) -> set[int]:
    """Numbers of the assistant turns whose calls all failed, each with a later call that worked in the same stretch."""
    turns = [(place, step) for place, step in enumerate(script) if step != "user"]
    found = set()
    for number, (place, step) in enumerate(turns):
        if isinstance(step, str) or not all(outcome == "error" for _, outcome in step):
            continue
        stretch = list(script[place + 1 :])
        ends = [at for at, later in enumerate(stretch) if isinstance(later, str)]
        stretch = stretch[: ends[0]] if ends else stretch
        worked = [name for later in stretch for name, outcome in later if outcome == "ok"]
        if all(name in worked for name, _ in step):
            found.add(number)
    return found
