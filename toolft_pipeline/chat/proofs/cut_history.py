"""Whether a cut history is one that an agent could have sent: said a second time, from the record alone.

Invariant: this module does not know how rows are cut. It asks of any choice of messages whether it is the system
prompt, then perhaps the one request that stands before a step, then an unbroken stretch of the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile

from toolft_pipeline.trajectories.record import Message, Role


def check_cut_history(messages: Sequence[Message], *, kept: Sequence[int], trained: Sequence[int]) -> str | None:
    """Why the messages at the places `kept`, with loss on those of `trained`, are no history; None where they are."""
    prompts = [place for place, _ in takewhile(lambda one: one[1].role is Role.SYSTEM, enumerate(messages))]
    if list(kept) != sorted(set(kept)) or not trained or not set(trained) <= set(kept) - set(prompts):
        return f"the kept messages {list(kept)} are not in order, or lack a trained one of {list(trained)}"
    if kept[-1] != trained[-1]:
        return f"the row ends with message {kept[-1]}, its last trained turn is message {trained[-1]}"
    if list(kept[: len(prompts)]) != prompts:
        return "the system prompt was cut off"
    said = kept[len(prompts) :]
    if _replies(messages[said[0]]) or (said[0] > len(prompts) and not _replies(messages[said[0] - 1])):
        return f"message {said[0]}, which the kept history begins with, is not where a request begins"
    return _check_gap(messages, said)


def _check_gap(messages: Sequence[Message], said: Sequence[int]) -> str | None:
    """At most one stretch may be missing: earlier steps, between the request that they answered and a later step."""
    gaps = [(before, behind) for before, behind in pairwise(said) if behind != before + 1]
    for chat_message, step in gaps:
        begun = [place for place in said if place <= chat_message]
        steps = messages[chat_message + 1 : step]
        if any(_replies(messages[place]) for place in begun) or not all(map(_replies, steps)):
            return f"messages {chat_message + 1} to {step - 1} are missing in the midst of the history"
        if not messages[step].tool_calls or steps[-1].role is not Role.TOOL:
            return f"message {step} is not where a step begins"
    return None


def _replies(message: Message) -> bool:
    return message.role in (Role.ASSISTANT, Role.TOOL)
