"""Short notation for hand-written runs: a text is said by the user and the agent in turn, a call stands with its
result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from toolft_pipeline.trajectories.record import Message, Role, text_message
from toolft_pipeline_tests.conversations import calls, result


@dataclass(frozen=True)
class Call:
    """A call with the text of its result."""

    name: str
    arguments: dict[str, Any]
    result: str


Turns = list[str | Call | tuple[Call, ...]]


def call(name: str, arguments: dict[str, Any], result: Any) -> Call:
    """A call whose result is a value, shown as JSON, or a text."""
    return Call(name, arguments, result if isinstance(result, str) else json.dumps(result))


def failed(reason: str) -> str:
    """The result of a failed call."""
    return f"Error: {reason}"


def together(*calls: Call) -> tuple[Call, ...]:
    """Calls of one assistant turn."""
    return calls


def messages(turns: Turns) -> tuple[Message, ...]:
    """The messages of a run that the user opens."""
    made: list[Message] = []
    for turn in turns:
        if isinstance(turn, str):
            spoke = made[-1] if made else None
            answered = spoke is None or (spoke.role is Role.ASSISTANT and not spoke.tool_calls)
            made.append(text_message(Role.USER if answered else Role.ASSISTANT, turn))
        else:
            made += _called(turn if isinstance(turn, tuple) else (turn,), first=len(made))
    return tuple(made)


def _called(made: tuple[Call, ...], *, first: int) -> list[Message]:
    named = {f"call_{first}_{number}": each for number, each in enumerate(made)}
    asked = calls(*((id_, each.name, each.arguments) for id_, each in named.items()))
    return [asked, *(result(id_, each.name, each.result) for id_, each in named.items())]
