"""Errors that a person can fix: one clear line, no traceback.

Invariant: whatever is a `FixableError` says what is wrong, where, and what to do; whatever is not is a fault of this
program, and shows its traceback.
"""

from __future__ import annotations


class FixableError(Exception):
    """Base class of every error that the person who runs the pipeline can fix."""


class UsageError(FixableError, ValueError):
    """The command line asks for something that does not exist; one line with the fix."""
