"""The registry of sandbox kinds: how the backend that `sandbox.kind` names is opened.

A kind is added here alone: its module has a class with the methods of `Sandbox`, this table lists it. Replays,
rollouts, shadow tasks, `catalog.mcp` and the check of `sandbox.kind` use the registry; `test_kinds.py` fails if a kind
has no backend in the tests, breaks the protocol or has no row in docs/verification.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.sandbox.mcp_session import McpSandbox
from toolft_pipeline.sandbox.protocol import Sandbox, SandboxError
from toolft_pipeline.settings import SandboxSettings


@dataclass(frozen=True, kw_only=True)
class SandboxKind:
    """A kind of backend: its row in the documentation, and how one is opened in a working directory."""

    name: str
    description: str
    open: Callable[[SandboxSettings, Path], Sandbox]
    """Raises `SandboxError` if the backend does not start."""


def _open_mcp(settings: SandboxSettings, cwd: Path) -> Sandbox:
    return McpSandbox(settings, cwd=cwd)


_REGISTERED = (
    SandboxKind(
        name="mcp_stdio", description="an MCP server that `sandbox.command` starts, over stdio", open=_open_mcp
    ),
)

KINDS: Mapping[str, SandboxKind] = {kind.name: kind for kind in _REGISTERED}


def start_sandbox(settings: SandboxSettings, *, cwd: Path) -> Sandbox:
    """Open a backend of the kind that the settings name; the caller closes it.

    Raises `SandboxError` if the kind is unknown or the backend does not start.
    """
    if settings.kind not in KINDS:
        known = " or ".join(KINDS)
        raise SandboxError(
            f"sandbox.kind: no sandbox kind named {settings.kind!r}; set it to {known} in the agent file"
        )
    return KINDS[settings.kind].open(settings, cwd)


@contextmanager
def open_sandbox(settings: SandboxSettings, *, cwd: Path) -> Iterator[Sandbox]:
    """Open a backend for a `with` block. Raises `SandboxError` as `start_sandbox` does."""
    sandbox = start_sandbox(settings, cwd=cwd)
    try:
        yield sandbox
    finally:
        sandbox.close()
