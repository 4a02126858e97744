"""A backend of each sandbox kind, for the tests that every kind must pass: one tool `note` that adds a text to a state.

Each must refuse the state `unknown` and the text `forbidden`, and offer `sandbox_reset` and `sandbox_snapshot`.
"""

from __future__ import annotations

from pathlib import Path

from toolft_pipeline.settings import SandboxSettings

FOLDER = Path(__file__).parent

BACKENDS = {
    "mcp_stdio": SandboxSettings(
        kind="mcp_stdio",
        command=("python", str(FOLDER / "backend.py"), ""),
        env={"BACKEND_PID_FILE": "pids"},
        volatile=("pid",),
        call_timeout_s=60.0,
        trajectory_timeout_s=600.0,
        start_timeout_s=600.0,
    ),
}
