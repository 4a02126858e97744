"""Feedback on served runs: files beside the day's logs, joined to the runs when the day is read.

Invariant: feedback decides the outcome of a served run whose own line does not know it, and of no other. Of several
lines about a run the earliest counts, so the outcome does not depend on the order of files.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, structs

from toolft_pipeline.ingest.log_file import LogError
from toolft_pipeline.trajectories.record import SERVED, Outcome, OutcomeStatus, Trajectory

FEEDBACK_ENDING = ".feedback"
"""Not an ending of logs: these lines are no runs."""


class FeedbackLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: what somebody says of a run after it ended.

    `at` is UTC, ISO 8601. `final_state` is the digest of the backend's state after the run, `initial_state` the name of
    the one before it. `comment` is for people: no stage reads it.
    """

    run: str
    outcome: Literal["success", "failure"]
    at: str
    evidence: str | None = None
    comment: str | None = None
    initial_state: str | None = None
    final_state: str | None = None


_DECODER = msgspec.json.Decoder(FeedbackLine)


def feedback_files(folder: Path, *, day: str) -> list[Path]:
    """List the files with feedback on the runs of a day, by name; none if the folder is missing."""
    return sorted(folder.glob(f"{day}*{FEEDBACK_ENDING}"))


def read_feedback(paths: Iterable[Path]) -> dict[str, FeedbackLine]:
    """Read the feedback that counts for each run, by the run's id. Raises `LogError`."""
    found: dict[str, FeedbackLine] = {}
    for path in paths:
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise LogError(f"{path}: cannot be read ({error.strerror}); fix its permissions or remove it") from error
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                given = _DECODER.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise LogError(f"{path}:{number}: not a line of feedback: {error}; fix or remove the line") from error
            first = found.get(given.run)
            if first is None or (given.at, given.outcome) < (first.at, first.outcome):
                found[given.run] = given
    return found


def with_feedback(run: Trajectory, given: FeedbackLine | None) -> Trajectory:
    """The run with the outcome and the states that its feedback knows and its own line does not."""
    if given is None or run.origin not in SERVED:
        return run
    known = run.outcome.status is not OutcomeStatus.UNKNOWN
    outcome = run.outcome if known else Outcome(status=OutcomeStatus(given.outcome), evidence=given.evidence)
    return structs.replace(
        run,
        outcome=outcome,
        initial_state_ref=run.initial_state_ref or given.initial_state,
        final_state_ref=run.final_state_ref or given.final_state,
    )
