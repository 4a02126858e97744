"""The packages of the extra `agent`, imported where they are used: without them there is one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from toolft_pipeline.errors import FixableError

_PACKAGES = ("langchain", "langgraph", "mcp", "openai")
"""What the names of the extra's packages begin with."""


class AgentExtraError(FixableError, ImportError):
    """The extra `agent` is not installed."""


@contextmanager
def agent_extra() -> Iterator[None]:
    """Import packages of the extra in a `with` block. Raises `AgentExtraError` if one is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(_PACKAGES):
            raise
        raise AgentExtraError(
            f"the agent's loop needs {error.name}: pip install 'toolft_pipeline[agent]'", name=error.name
        ) from error
