"""Ask a person whether training may take longer than `training.max_hours`.

A training step has no terminal, so it fails with a message about the limit before it trains. The command that launched
it can then ask, and launch again: everything before the step is reused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from toolft_pipeline.cli.runs.launch import RunFailedError
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.training.preflight.time_limit import LIMIT


def launch_or_ask(launch: Callable[..., None], *, config: dict[str, Any], unlimited: dict[str, Any]) -> None:
    """Launch a run; if the time limit stops it and a person agrees, launch it again without the limit.

    Raises `RunFailedError`.
    """
    try:
        launch(config=config)
    except RunFailedError as error:
        if not _confirmed(str(error)):
            raise
        launch(config=unlimited)


def _confirmed(failure: str) -> bool:
    """Whether the time limit stopped the run, and a person at the terminal wants to train anyway."""
    if LIMIT not in failure or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    say(failure)
    try:
        answer = input("Train anyway? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in {"y", "yes"}
