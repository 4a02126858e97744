"""`sandbox`: the backend on which runs are replayed."""

from __future__ import annotations

from pydantic import Field

from toolft_pipeline.settings.section import Section


class SandboxSettings(Section):
    """The backend for replays and rollouts: an MCP server that can be reset and can return its state."""

    command: tuple[str, ...] = Field(min_length=1)
    """The server's command line (MCP over stdio); a first word `python` means the interpreter of the pipeline."""
    env: dict[str, str] = Field(default_factory=dict)
    """Environment variables of the server, in addition to those of the pipeline."""
    reset_tool: str = "sandbox_reset"
    """Tool that restores a named state, called with {"state_ref": text}; no model sees it."""
    snapshot_tool: str = "sandbox_snapshot"
    """Tool that returns the whole state as JSON text; no model sees it."""
    volatile: tuple[str, ...] = ()
    """Keys whose values differ from run to run (times, request ids): masked in results and states."""
    start_timeout_s: float = Field(30.0, gt=0)
    """Seconds for the server to start and answer `initialize`."""
    call_timeout_s: float = Field(10.0, gt=0)
    """Seconds for one tool call."""
    trajectory_timeout_s: float = Field(60.0, gt=0)
    """Seconds for all calls of one run or rollout."""
    sessions: int = Field(2, ge=1)
    """Number of servers side by side; it enters no fingerprint."""
