"""Check that a cut history is one that an agent could have sent, from the record alone.

Invariant: this module does not know how rows are cut. It checks that a choice of messages is the system prompt, perhaps
the request before a step, and then a stretch of the run without gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile

from toolft_pipeline.trajectories.record import Message, Role


def check_cut_history(messages: Sequence[Message], *, kept: Sequence[int], trained: Sequence[int]) -> str | None:
    """Why the messages `kept`, with loss on those of `trained` (both indices), are no history; None where they are."""
    prompts = [index for index, _ in takewhile(lambda pair: pair[1].role is Role.SYSTEM, enumerate(messages))]
    if list(kept) != sorted(set(kept)) or not trained or not set(trained) <= set(kept) - set(prompts):
        return f"the kept messages {list(kept)} are not in order, or lack a trained one of {list(trained)}"
    if kept[-1] != trained[-1]:
        return f"the row ends with message {kept[-1]}, its last trained turn is message {trained[-1]}"
    if list(kept[: len(prompts)]) != prompts:
        return "the system prompt was cut off"
    rest = kept[len(prompts) :]
    if _is_reply(messages[rest[0]]) or (rest[0] > len(prompts) and not _is_reply(messages[rest[0] - 1])):
        return f"the kept history begins with message {rest[0]}, where no request begins"
    return _check_gap(messages, rest)


def _check_gap(messages: Sequence[Message], rest: Sequence[int]) -> str | None:
    """Only earlier steps may be missing, between the request that they answered and a later step."""
    gaps = [(before, after) for before, after in pairwise(rest) if after != before + 1]
    for chat_message, step in gaps:
        opening = [index for index in rest if index <= chat_message]
        removed = messages[chat_message + 1 : step]
        if any(_is_reply(messages[index]) for index in opening) or not all(map(_is_reply, removed)):
            return f"messages {chat_message + 1} to {step - 1} are missing inside the history"
        if not messages[step].tool_calls or removed[-1].role is not Role.TOOL:
            return f"message {step} follows a gap, but no step begins there"
    return None


def _is_reply(message: Message) -> bool:
    return message.role in (Role.ASSISTANT, Role.TOOL)
