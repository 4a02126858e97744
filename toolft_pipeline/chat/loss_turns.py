"""Which assistant turns of a run carry no loss: those that the log marks, and failed calls that the run corrects.

Invariant: a turn carries loss as a whole or not at all. A turn with parallel calls of which some succeeded keeps its
loss: the calls that worked are its lesson, and a turn with half of its tokens masked could not be compared with the
record. A turn without loss stays in the context of later turns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from toolft_pipeline.settings import LossOnFailedCalls
from toolft_pipeline.trajectories.accepted_table import AcceptedRun
from toolft_pipeline.trajectories.record import Message, Role


class NoLoss(StrEnum):
    """Why a turn carries no loss."""

    MARKED = "marked"
    """The log marks it as context: `weight: 0`, `train: false`, or a copied step of ATIF."""
    CORRECTED = "corrected"
    """Its calls failed, and later calls of the same tools succeeded before the agent answered."""


TurnsWithoutLoss = Mapping[int, NoLoss]
"""The turns without loss, numbered among the assistant turns of a run."""


def turns_without_loss(run: AcceptedRun, *, rule: LossOnFailedCalls) -> TurnsWithoutLoss:
    """The turns of an accepted run that carry no loss, each with the reason; a mark in the log comes first."""
    messages = run.run.messages
    masked = rule is LossOnFailedCalls.MENDED_MASKED
    corrected = corrected_turns(messages, run.failed_results) if masked else frozenset()
    without_loss = {}
    assistant = [message for message in messages if message.role is Role.ASSISTANT]
    for number, message in enumerate(assistant):
        if not message.train:
            without_loss[number] = NoLoss.MARKED
        elif number in corrected:
            without_loss[number] = NoLoss.CORRECTED
    return without_loss


def messages_without_loss(run: AcceptedRun, *, rule: LossOnFailedCalls) -> dict[int, NoLoss]:
    """The same turns by the index of their message."""
    indices = [index for index, message in enumerate(run.run.messages) if message.role is Role.ASSISTANT]
    return {indices[number]: reason for number, reason in turns_without_loss(run, rule=rule).items()}


def corrected_turns(messages: Sequence[Message], failed_results: Collection[int]) -> frozenset[int]:
    """The assistant turns whose calls all failed and were corrected, numbered among the assistant turns.

    A failed call is corrected by a later call of the same tool that succeeds before the next user turn and before the
    next answer in words alone: a failure that was explained to the user was handled, and stays a lesson.
    `failed_results` are numbered among the results.
    """
    corrected = set()
    for attempt in _attempts(messages, frozenset(failed_results)):
        for place, turn in enumerate(attempt):
            later = {name for other in attempt[place + 1 :] for name in other.succeeded}
            if not turn.succeeded and not turn.unanswered and turn.failed <= later:
                corrected.add(turn.number)
    return frozenset(corrected)


@dataclass(kw_only=True)
class _CallingTurn:
    """An assistant turn with calls, and the names of its tools by what became of the calls."""

    number: int
    unanswered: dict[str, str]
    """Names by call id."""
    failed: set[str]
    succeeded: set[str]


def _attempts(messages: Sequence[Message], failed_results: frozenset[int]) -> Iterator[list[_CallingTurn]]:
    """Stretches of calling turns without a user turn or an answer between them."""
    attempt: list[_CallingTurn] = []
    n_turns = n_results = 0
    for message in messages:
        if message.role is Role.TOOL:
            name = attempt[-1].unanswered.pop(message.tool_call_id or "", None) if attempt else None
            if name is not None:
                (attempt[-1].failed if n_results in failed_results else attempt[-1].succeeded).add(name)
            n_results += 1
        elif message.tool_calls:
            names = {call.id: call.name for call in message.tool_calls}
            attempt.append(_CallingTurn(number=n_turns, unanswered=names, failed=set(), succeeded=set()))
        else:
            yield attempt
            attempt = []
        n_turns += message.role is Role.ASSISTANT
    yield attempt
