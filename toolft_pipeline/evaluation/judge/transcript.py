"""The transcript of a rollout, as judged and as shown in the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from toolft_pipeline.chat.rendering.parsing import ParsedCall
from toolft_pipeline.evaluation.judge.calls import CanonicalCall, canonical_call
from toolft_pipeline.evaluation.models.generation import Generation


class StopReason(StrEnum):
    """Why a rollout ended."""

    ANSWERED = "answered"
    """The last user turn got its answer."""
    CALLED = "called"
    """The planned calls of the last user turn were made, and the gold run ends in their results."""
    LOST = "lost"
    """The task has already failed; going on would only cost time."""
    TURN_LIMIT = "turn_limit"
    LENGTH_LIMIT = "length_limit"
    """The prompt of the next turn would exceed the limit."""
    TOKEN_LIMIT = "token_limit"
    """The answers of the task together exceed the limit."""
    TIME_LIMIT = "time_limit"
    """The task used more machine time than the limit."""
    SANDBOX_FAILED = "sandbox_failed"
    """The backend crashed or hung twice on the model's calls."""


class ExecutedCall(Struct, frozen=True, kw_only=True):
    """A call that was executed and its result; `reason` is why the catalog rejects it, if it does.

    `reads` says that it only read: the catalog declares its tool so, or it succeeded and the state shows no change.
    None: nobody looked, because the plan has the call.
    """

    call: ParsedCall
    result: str
    is_error: bool
    reason: str | None = None
    reads: bool | None = None

    @property
    def as_call(self) -> CanonicalCall:
        """The call to compare with."""
        return canonical_call(self.call.name, json.loads(self.call.arguments_json))


class AssistantTurn(Struct, frozen=True, kw_only=True):
    """One assistant turn of a rollout. Without calls, malformed ones included, its text is an answer."""

    user_turn: int
    generation: Generation
    text: str
    calls: tuple[ExecutedCall, ...] = ()
    malformed: tuple[str, ...] = ()

    @property
    def is_answer(self) -> bool:
        """Whether the turn is for the user: it calls nothing, and all of it was parsed."""
        return not self.calls and not self.malformed


class Transcript(Struct, frozen=True, kw_only=True):
    """One rollout. `final_state` is the digest of the backend's state after its last call."""

    task_id: str
    turns: tuple[AssistantTurn, ...]
    stop: StopReason
    final_state: str

    def calls_made(self) -> Iterator[tuple[int, ExecutedCall]]:
        """Every call in order, with the number of its user turn."""
        for turn in self.turns:
            for call in turn.calls:
                yield turn.user_turn, call
