"""A mutant: one small wrong change to the package, and the tests that must notice it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline_tests.conftest import REPOSITORY

PACKAGE, TESTS = REPOSITORY / "toolft_pipeline", REPOSITORY / "toolft_pipeline_tests"


class StaleMutantError(ValueError):
    """The text that a mutant replaces is not in its file exactly once: the code has changed since."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of the code that no test suite may let pass."""

    name: str
    file: str
    """Path below `toolft_pipeline/`."""
    old: str
    """The text that is replaced; it must occur exactly once."""
    new: str
    why: str
    """What goes wrong for a user if nobody notices."""
    tests: tuple[str, ...]
    """`path::test` below `toolft_pipeline_tests/`; together they must fail. None of them may start the package in a
    process of its own (spawned, not forked): the change exists only in the process that runs the tests."""
    also: tuple[tuple[str, str], ...] = ()
    """Further texts of the same file that one person would change with it, each with its replacement."""

    @property
    def path(self) -> Path:
        """The file that is changed."""
        return PACKAGE / self.file

    @property
    def module(self) -> str:
        """The dotted name of the changed module."""
        return ".".join(["toolft_pipeline", *Path(self.file).with_suffix("").parts]).removesuffix(".__init__")

    def source(self) -> str:
        """The changed source. Raises `StaleMutantError`."""
        text = self.path.read_text(encoding="utf-8")
        for old, new in ((self.old, self.new), *self.also):
            if (times := text.count(old)) != 1:
                raise StaleMutantError(
                    f"{self.name}: {self.file} holds the text to replace {times} times instead of once; bring the "
                    f"mutant up to date: {old!r}"
                )
            text = text.replace(old, new)
        return text
