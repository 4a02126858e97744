"""`sandbox`: the backend that runs are replayed on."""

from __future__ import annotations

from pydantic import Field

from toolft_pipeline.settings.section import Section


class SandboxSettings(Section):
    """The backend to replay runs and roll out models on: an MCP server that can be reset and can show its state."""

    command: tuple[str, ...] = Field(min_length=1)
    """The server's command line over stdio; a first word `python` means the interpreter that runs the pipeline."""
    env: dict[str, str] = Field(default_factory=dict)
    """Variables added to the server's environment."""
    reset_tool: str = "sandbox_reset"
    """Tool that rebuilds a named state: called with {"state_ref": text}; the model never sees it."""
    snapshot_tool: str = "sandbox_snapshot"
    """Tool that returns the whole state as JSON text; the model never sees it."""
    volatile: tuple[str, ...] = ()
    """Keys whose values differ from run to run (times, request ids): masked in results and states alike."""
    start_timeout_s: float = Field(30.0, gt=0)
    call_timeout_s: float = Field(10.0, gt=0)
    trajectory_timeout_s: float = Field(60.0, gt=0)
    sessions: int = Field(2, ge=1)
    """Servers run side by side; a placement choice that enters no fingerprint."""
