"""Ask a person whether training may take longer than `training.max_hours`.

A training step runs in a process of its own, which has no terminal, so it stops with a line about the limit. The
command that started it can ask then: nothing was trained yet, and everything before the step is reused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from toolft_pipeline.cli.runs.launch import RunFailedError
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.training.preflight.time_limit import LIMIT


def launch_or_ask(launch: Callable[..., None], *, config: dict[str, Any], unlimited: dict[str, Any]) -> None:
    """Launch a run; where training would take too long and a person wants it all the same, launch it again without the
    limit. Raises `RunFailedError`."""
    try:
        launch(config=config)
    except RunFailedError as error:
        if not _allowed_by_a_person(str(error)):
            raise
        launch(config=unlimited)


def _allowed_by_a_person(failure: str) -> bool:
    """Whether a run failed because of the limit alone, and someone at the terminal wants to train all the same."""
    if LIMIT not in failure or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    say(failure)
    try:
        answer = input("Train all the same? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in {"y", "yes"}
