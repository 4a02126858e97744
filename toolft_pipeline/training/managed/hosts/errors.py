"""The errors of managed training."""

from __future__ import annotations

from toolft_pipeline.errors import FixableError


class ManagedTrainingError(FixableError, RuntimeError):
    """A hosted job cannot be started or followed, or it failed; one line with the host's own reason and the fix."""


class TrainingFileError(ManagedTrainingError):
    """The training file would be refused or trained wrongly; all faults that were found, and the fix."""


class NotAnsweredError(Exception):
    """A request may or may not have been carried out, or was refused for now; `retry_after_s` is the host's wish."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
