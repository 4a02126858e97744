"""Errors that a person can fix: one clear line, no traceback.

Invariant: a `FixableError` says what is wrong, where, and what to do. Any other exception is a bug of this program and
shows its traceback.
"""

from __future__ import annotations


class FixableError(Exception):
    """Base class of every error that the person who runs the pipeline can fix."""


class UsageError(FixableError, ValueError):
    """The command line asks for something that does not exist; one line with the fix."""
