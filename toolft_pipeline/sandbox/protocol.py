"""What the pipeline asks of a backend: reset to a named state, call a tool, show the whole state.

Invariant: two resets to one `state_ref` give states that are equal byte for byte in canonical JSON (keys sorted, no
spaces, volatile keys masked), so that equality of states is equality of digests.
"""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from toolft_pipeline.errors import FixableError


class SandboxError(FixableError, RuntimeError):
    """The backend cannot be used; the message names the command, what happened and the mend."""


class SandboxTimeoutError(SandboxError):
    """The backend did not answer in time."""


class SandboxCrashedError(SandboxError):
    """The backend's process ended, or its session broke."""


class SandboxStateError(SandboxError):
    """The backend runs and cannot show or rebuild a state: an unknown `state_ref`, a snapshot that is not JSON."""


class ToolResult(Struct, frozen=True, kw_only=True):
    """What a tool answered: the text that the model sees, and whether the tool calls it an error."""

    text: str
    is_error: bool


MCP_FAILURE = "Error executing tool "
"""How a server of MCP's own SDK begins a failure, the tool's name and a colon behind it."""


def failure_text(name: str, message: str) -> str:
    """What a failed call of a tool answers, in one form: whether the server put words before its message or not."""
    return "Error: " + message.removeprefix(f"{MCP_FAILURE}{name}: ").removeprefix("Error: ")


class Sandbox(Protocol):
    """A backend in one state at a time. Not shared between threads."""

    def reset(self, state_ref: str) -> None:
        """Rebuild the named state, whatever happened before. Raises `SandboxError`."""

    def call(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        """Call one tool. A tool's own failure is a result; `SandboxError` means the backend failed."""

    def snapshot(self) -> str:
        """The whole state as canonical JSON text, volatile keys masked. Raises `SandboxError`."""

    def close(self) -> None:
        """End the session and its process."""
