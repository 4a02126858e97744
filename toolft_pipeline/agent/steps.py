"""What an agent did, step by step, and where the time went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from toolft_pipeline.errors import FixableError


class Fault(Struct, frozen=True, kw_only=True):
    """Why a turn is no message that an agent may act on: the server's finish_reason, its reason, the model's text."""

    kind: str
    detail: str
    text: str = ""


class FaultyTurnError(FixableError, RuntimeError):
    """A turn cannot be used, the retries included."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(
            f"the model's turn cannot be used ({fault.kind}): {fault.detail}; try again, or see the server's log"
        )


class TurnLimitError(FixableError, RuntimeError):
    """The task took more assistant turns than it may."""


class ModelStep(Struct, frozen=True, kw_only=True, tag="model"):
    """One answer of the model: a sound turn, or a faulty one, which was asked again (`retried`) or ended the task."""

    text: str
    calls: tuple[tuple[str, dict[str, Any]], ...]
    """Name and arguments."""
    prompt_tokens: int
    completion_tokens: int
    ms: float
    fault: Fault | None = None
    retried: bool = False
    completion_id: str = ""
    """The server's name of the completion."""


class ToolStep(Struct, frozen=True, kw_only=True, tag="tool"):
    """One executed call."""

    name: str
    arguments: dict[str, Any]
    result: str
    is_error: bool
    ms: float


Step = ModelStep | ToolStep


@dataclass(kw_only=True)
class StepLog:
    """The steps of one task, handed to `on_step` as they happen."""

    on_step: Callable[[Step], None] = lambda _step: None
    steps: list[Step] = field(default_factory=list)

    def add(self, step: Step) -> None:
        """Append one step."""
        self.steps.append(step)
        self.on_step(step)

    @property
    def turns(self) -> list[ModelStep]:
        """The model's answers, faulty ones too."""
        return [step for step in self.steps if isinstance(step, ModelStep)]


class Times(Struct, frozen=True, kw_only=True):
    """Milliseconds of a task: all of it, and how it splits. `framework_ms` is what neither model nor tools took."""

    total_ms: float
    model_ms: float
    tools_ms: float

    @property
    def framework_ms(self) -> float:
        """LangGraph, LangChain and the loop itself."""
        return max(0.0, self.total_ms - self.model_ms - self.tools_ms)


class AgentRun(Struct, frozen=True, kw_only=True):
    """One task, done or not."""

    conversation_id: str
    """Its name at our server, for feedback."""
    answer: str | None
    """The last answer; None if there is none."""
    steps: tuple[Step, ...]
    times: Times
    failure: str | None = None
    """Why the task ended without an answer."""
    state_before: str | None = None
    """Canonical JSON of the backend's state, where it can return it."""
    state_after: str | None = None

    @property
    def turns(self) -> list[ModelStep]:
        """The model's answers, faulty ones too."""
        return [step for step in self.steps if isinstance(step, ModelStep)]

    @property
    def n_retries(self) -> int:
        """Faulty turns that were asked again."""
        return sum(step.retried for step in self.turns)

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens of all prompts and of all answers."""
        return sum(step.prompt_tokens for step in self.turns), sum(step.completion_tokens for step in self.turns)
