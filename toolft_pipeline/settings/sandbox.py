"""`sandbox`: the backend on which runs are replayed."""

from __future__ import annotations

from pydantic import Field

from toolft_pipeline.settings.section import Section

REPLAY_SESSIONS = 2
"""Default of `sandbox.sessions` for replays, which keep the machine's cores busy with few servers."""
DEFAULT_KIND = "mcp_stdio"


class SandboxSettings(Section):
    """The backend for replays and rollouts: an MCP server that can be reset and can return its state."""

    kind: str = DEFAULT_KIND
    """How the backend is reached: the name of a registered sandbox kind."""
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
    sessions: int | None = Field(None, ge=1)
    """Number of servers side by side, a process each; it enters no fingerprint. A rollout holds one from its start to
    its end, so this is also how many rollouts are decoded together. None: 2 for replays, `evaluation.batch_size` for
    rollouts. Fewer take less memory and decode slower."""

    @property
    def replay_sessions(self) -> int:
        """Number of servers for replays of logged runs."""
        return self.sessions or REPLAY_SESSIONS

    def rollout_sessions(self, *, batch_size: int, n_tasks: int) -> int:
        """Number of servers for rollouts: no more than there are tasks."""
        return min(self.sessions or batch_size, n_tasks)
