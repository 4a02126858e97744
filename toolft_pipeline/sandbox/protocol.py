"""Protocol of a backend: reset to a named state, call a tool, return the whole state.

Invariant: two resets to one `state_ref` give states with the same canonical JSON (keys sorted, no spaces, volatile
keys masked), so that states are equal if their digests are.
"""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from toolft_pipeline.errors import FixableError


class SandboxError(FixableError, RuntimeError):
    """The backend cannot be used; the message names the command, what happened and the fix."""


class SandboxTimeoutError(SandboxError):
    """The backend did not answer in time."""


class SandboxCrashedError(SandboxError):
    """The backend's process ended, or its session broke."""


class SandboxStateError(SandboxError):
    """The backend runs but cannot return or rebuild a state: unknown `state_ref`, snapshot that is not JSON."""


class ToolResult(Struct, frozen=True, kw_only=True):
    """A tool's result: the text that the model sees, and the tool's own error flag."""

    text: str
    is_error: bool
    changed: bool | None = None
    """Whether the call changed the backend's state; None where that was not looked at."""


MCP_FAILURE = "Error executing tool "
"""Prefix of a failure from a server on MCP's SDK; the tool's name and a colon follow."""


def failure_text(name: str, message: str) -> str:
    """Text of a failed call in one form, with or without the server's own prefix."""
    return "Error: " + message.removeprefix(f"{MCP_FAILURE}{name}: ").removeprefix("Error: ")


class Sandbox(Protocol):
    """A backend in one state at a time. Not shared between threads."""

    def reset(self, state_ref: str) -> None:
        """Rebuild the named state from any state. Raises `SandboxError`."""

    def call(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        """Call one tool. A tool's failure is a result; `SandboxError` means that the backend failed."""

    def snapshot(self) -> str:
        """The whole state as canonical JSON text, volatile keys masked. Raises `SandboxError`."""

    def list_tools(self) -> list[dict[str, Any]]:
        """The backend's tools in the shape of MCP's `tools/list`, the reset and snapshot tools among them.

        Each has `name`, `description` and `inputSchema`. Raises `SandboxError`.
        """

    def close(self) -> None:
        """End the session and its process; does nothing the second time."""
