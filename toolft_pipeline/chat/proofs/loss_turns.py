"""Which assistant turns must carry loss, from the record alone.

Invariant: this module does not know how rows are masked. It reads a run backwards: a turn carries no loss where its log
marks it or, under `mended_masked`, where each of its calls failed and the tool succeeds later in the same attempt.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import takewhile

from toolft_pipeline.trajectories.record import Message, Role


def turns_with_loss(messages: Sequence[Message], *, failed_results: Collection[int], mended_masked: bool) -> list[int]:
    """Message indices of the assistant turns that must carry loss. `failed_results` are numbered among the results."""
    failed = _failed_indices(messages, failed_results)
    with_loss: list[int] = []
    works_later: set[str] = set()
    for index in reversed(range(len(messages))):
        message = messages[index]
        if message.role is Role.TOOL:
            continue
        if not message.tool_calls:
            works_later = set()
        results = _result_indices(messages, index)
        mended = bool(message.tool_calls) and all(
            call.name in works_later and results.get(call.id) in failed for call in message.tool_calls
        )
        if message.role is Role.ASSISTANT and message.train and not (mended_masked and mended):
            with_loss.insert(0, index)
        works_later |= {call.name for call in message.tool_calls if results.get(call.id, index) not in {index, *failed}}
    return with_loss


def _failed_indices(messages: Sequence[Message], failed_results: Collection[int]) -> set[int]:
    """Message indices of the results that report a failure."""
    results = [index for index, message in enumerate(messages) if message.role is Role.TOOL]
    return {results[number] for number in failed_results if number < len(results)}


def _result_indices(messages: Sequence[Message], index: int) -> dict[str, int]:
    """Message indices of the results directly after a turn, by the id of their call."""
    after = takewhile(lambda place: messages[place].role is Role.TOOL, range(index + 1, len(messages)))
    return {messages[place].tool_call_id or "": place for place in after}
