"""A model that does what a written run does, and the help desk as a sandbox in this process.

Invariant: nothing of a run is taken over but what its agent wrote and called; every result comes from the desk.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from helpdesk.desk import Desk
from msgspec.structs import replace

from toolft_pipeline.chat.rendering.parsing import ParsedCall, ParsedTurn
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.sandbox.protocol import ToolResult
from toolft_pipeline.sandbox.state import canonical_state, state_digest

Row = dict[str, Any]


class Script:
    """Prompter and generator in one: turn by turn the agent's side of written runs.

    A prompt is its run's number and how many turns the agent has had; the number travels as the system prompt.
    """

    stops: tuple[str, ...] = ()

    def __init__(self, rows: Sequence[Row]) -> None:
        self._turns = [[m for m in row["messages"] if m["role"] == "assistant"] for row in rows]
        self._said: dict[str, ParsedTurn] = {}

    def asked(self, number: int, task: Task) -> Task:
        """The task as it is asked of the run of a number."""
        return replace(task, system=str(number))

    def prompt(self, messages: list[Row]) -> list[int]:
        """(run, turns so far), as the one token that a prompt counts as."""
        number, turn = int(messages[0]["content"]), sum(message["role"] == "assistant" for message in messages)
        return [number * 1000 + turn]

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        """The turn's place; `read` looks it up."""
        return [Generation(text=str(place), n_prompt_tokens=1, n_new_tokens=1, latency_ms=0.0) for (place,) in prompts]

    def read(self, generation: Generation) -> ParsedTurn:
        """The turn as the run has it."""
        number, turn = divmod(int(generation.text), 1000)
        message = self._turns[number][turn]
        calls = tuple(
            ParsedCall(name=call["function"]["name"], arguments_json=call["function"]["arguments"])
            for call in message.get("tool_calls") or ()
        )
        return ParsedTurn(text=message["content"] or "", calls=calls)


class DeskSandbox:
    """A `Sandbox` without a server: the same desk, a tenth of the time."""

    def __init__(self) -> None:
        self._desk = Desk()

    def reset(self, state_ref: str) -> None:
        """Rebuild the named state."""
        self._desk.reset(state_ref)

    def call(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        """Call one tool."""
        answer = self._desk.call(name, arguments)
        return ToolResult(text=f"Error: {answer.text}" if answer.is_error else answer.text, is_error=answer.is_error)

    def snapshot(self) -> str:
        """The whole state as canonical JSON text."""
        return canonical_state(self._desk.snapshot(), volatile=())

    def close(self) -> None:
        """Nothing to end."""

    def final_state(self, row: Row) -> str:
        """The digest of the state that all calls of a run leave."""
        self.reset(row["initial_state"])
        for message in row["messages"]:
            for call in message.get("tool_calls") or ():
                self.call(call["function"]["name"], json.loads(call["function"]["arguments"]))
        return state_digest(self.snapshot())
