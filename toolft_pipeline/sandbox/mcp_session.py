"""A backend reached as an MCP server over stdio: one process, one session, called in plain synchronous code.

Invariant: after `close()` no process of the server is left, and after a crash or a timeout the next `reset` starts a
new server, so that a failing run never affects the run after it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from toolft_pipeline.sandbox.protocol import (
    Sandbox,
    SandboxCrashedError,
    SandboxError,
    SandboxStateError,
    SandboxTimeoutError,
    ToolResult,
)
from toolft_pipeline.sandbox.state import StateTextError, canonical_state
from toolft_pipeline.settings import SandboxSettings

if TYPE_CHECKING:
    from toolft_pipeline.sandbox.mcp_stdio import BoundedSession

T = TypeVar("T")
_TAIL_BYTES = 4096
_START_LIMIT = "start_timeout_s"
_FIX = "run the command by hand in {cwd} and fix sandbox.command in the agent file"


class McpSandbox(Sandbox):
    """A `Sandbox` over one persistent stdio MCP server. Not shared between threads.

    The constructor raises `SandboxError`, with the command and the last line of its stderr, if the server does not
    start. All calls between two resets together may take `trajectory_timeout_s`.
    """

    def __init__(self, settings: SandboxSettings, *, cwd: Path) -> None:
        self._settings = settings
        self._cwd = cwd
        self._command = [sys.executable if i == 0 and w == "python" else w for i, w in enumerate(settings.command)]
        self._left_s = settings.trajectory_timeout_s
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._session: BoundedSession | None = None
        self._start()

    def reset(self, state_ref: str) -> None:
        """Rebuild the named state; restarts a server that crashed or hung, also one that ended since its last call."""
        if self._session is None:
            self._start()
        try:
            result = self._reset(state_ref)
        except SandboxCrashedError:  # no state is lost: the server was about to get a new one
            self._start()
            result = self._reset(state_ref)
        if result.is_error:
            raise SandboxStateError(
                f"{self._label}: {self._settings.reset_tool} refused the state {state_ref!r} ({result.text}); "
                "make the backend rebuild every state that its logs and tasks name"
            )

    def _reset(self, state_ref: str) -> ToolResult:
        self._left_s = self._settings.trajectory_timeout_s
        return self.call(self._settings.reset_tool, {"state_ref": state_ref})

    def call(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        """Call one tool; a failure of the tool is a result whose text starts with "Error: "."""
        if self._left_s <= 0:
            budget_s = self._settings.trajectory_timeout_s
            problem = f"calls since the last reset took more than sandbox.trajectory_timeout_s, {budget_s:g} s"
            raise SandboxTimeoutError(
                f"{self._label}: {problem}; raise it in the agent file if the backend is only slow"
            )
        timeout_s = min(self._settings.call_timeout_s, self._left_s)
        limit = "call_timeout_s" if timeout_s == self._settings.call_timeout_s else "trajectory_timeout_s"
        started = time.monotonic()
        try:
            return self._run(f"tool {name}", lambda session: session.call_tool(name, arguments, timeout_s), limit=limit)
        finally:
            self._left_s -= time.monotonic() - started

    def snapshot(self) -> str:
        """The whole state as canonical JSON text, volatile keys masked."""
        result = self.call(self._settings.snapshot_tool, {})
        if result.is_error:
            raise SandboxStateError(f"{self._label}: {self._settings.snapshot_tool} failed ({result.text}); fix it")
        try:
            return canonical_state(result.text, volatile=self._settings.volatile)
        except StateTextError as error:
            raise SandboxStateError(
                f"{self._label}: {self._settings.snapshot_tool} returned {error}; make it return JSON text"
            ) from error

    def list_tools(self) -> list[dict[str, Any]]:
        """The tools of `tools/list`, with the reset and snapshot tools."""
        timeout_s = self._settings.start_timeout_s
        tools = self._run("tools/list", lambda session: session.list_tools(timeout_s), limit=_START_LIMIT)
        return [
            {
                "name": tool.name,
                "description": tool.description or "",
                "inputSchema": tool.inputSchema,
                "annotations": None if tool.annotations is None else tool.annotations.model_dump(),
            }
            for tool in tools
        ]

    def close(self) -> None:
        """End the session and its process; does nothing the second time."""
        self._session = None
        self._stack.close()

    @property
    def _label(self) -> str:
        return f"sandbox `{' '.join(self._settings.command)}`"

    def _start(self) -> None:
        from toolft_pipeline.sandbox.mcp_stdio import connect

        self._stack.close()
        self._stderr = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  closed with the stack
        self._portal = self._stack.enter_context(start_blocking_portal())
        opening = connect(
            command=self._command, cwd=self._cwd, env=os.environ | self._settings.env, stderr=self._stderr
        )
        try:
            self._session = self._stack.enter_context(self._portal.wrap_async_context_manager(opening))
            timeout_s = self._settings.start_timeout_s
            self._run("the MCP handshake", lambda session: session.initialize(timeout_s), limit=_START_LIMIT)
        except OSError as error:
            self._stack.close()
            raise SandboxError(f"{self._label}: cannot be started ({error}); {_FIX.format(cwd=self._cwd)}") from error
        except Exception as error:  # such as an unsupported protocol version or an error response
            self.close()
            problem = str(error) if isinstance(error, SandboxError) else f"{self._label}: the MCP handshake: {error}"
            raise SandboxError(f"{problem}; {_FIX.format(cwd=self._cwd)}") from error
        except BaseException:  # interrupted: nothing else ends the server
            self._abort()
            raise

    def _abort(self) -> None:
        """End a session that an interruption left half open, in whatever state it is.

        Its task is cancelled first: it may still wait for an exit that nobody registered, and `close` waits for it.
        """
        self._session = None
        with suppress(RuntimeError):  # the portal refuses calls once it is stopped
            if self._portal is not None:
                self._portal.call(self._portal.stop, True)
        with suppress(RuntimeError):
            self._stack.close()

    def _run(self, request: str, work: Callable[[BoundedSession], Awaitable[T]], *, limit: str) -> T:
        """Send one request with a time limit; ends a server that crashed or hung.

        `limit` names the setting of `sandbox` that is the time limit.
        """
        if self._session is None or self._portal is None:
            raise SandboxCrashedError(f"{self._label}: {request}: the server has ended; call reset to restart it")
        try:
            return self._portal.call(work, self._session)
        except (SandboxTimeoutError, SandboxCrashedError) as error:
            slow = f" (sandbox.{limit}; raise it in the agent file if the backend is only slow)"
            detail = slow if isinstance(error, SandboxTimeoutError) else self._last_stderr_line()
            self.close()
            raise type(error)(f"{self._label}: {request}: {error}{detail}") from error

    def _last_stderr_line(self) -> str:
        handle = self._stderr.fileno()
        tail = os.pread(handle, _TAIL_BYTES, max(0, os.fstat(handle).st_size - _TAIL_BYTES))
        lines = [line.strip() for line in tail.decode("utf-8", "replace").splitlines()]
        lines = [line for line in lines if line]
        return f"; stderr ends with: {lines[-1]}" if lines else ""
