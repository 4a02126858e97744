"""A backend that records of each call whether it only read: it succeeded and left the state as it was."""

from __future__ import annotations

from typing import Any

from toolft_pipeline.sandbox.protocol import Sandbox, ToolResult


class StateWatch(Sandbox):
    """Passes everything on to `sandbox`, with one snapshot a reset and a call. `only_read` has one entry a call since
    the last reset.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._state = ""
        self.only_read: list[bool] = []

    def reset(self, state_ref: str) -> None:
        """Rebuild the named state and forget the calls."""
        self._sandbox.reset(state_ref)
        self._state = self._sandbox.snapshot()
        self.only_read = []

    def call(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        """Call one tool and compare the state with the one before."""
        result = self._sandbox.call(name, arguments)
        state = self._sandbox.snapshot()
        self.only_read.append(state == self._state and not result.is_error)
        self._state = state
        return result

    def snapshot(self) -> str:
        """The state after the last call."""
        return self._state

    def list_tools(self) -> list[dict[str, Any]]:
        """The backend's tools."""
        return self._sandbox.list_tools()

    def close(self) -> None:
        """End the backend's session."""
        self._sandbox.close()
