"""Run some tests in a forked process, on the package as it is or with one module changed.

Invariant: nothing on disk changes, and the parent never imports the package: each child imports it afresh, through a
finder that hands out the changed source. Libraries are imported once, in the parent, so that a child starts in a
moment.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import signal
import sys
import tempfile
import time
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import pytest

from toolft_pipeline_tests.mutants.mutant import TESTS, Mutant

LIBRARIES = ("dagster", "hypothesis", "msgspec", "numpy", "pyarrow.parquet", "pydantic", "torch", "transformers")
_POLL_S = 0.02


@dataclass(frozen=True, kw_only=True)
class TestRun:
    """What pytest said. `failed` are tests that failed in their own body, `broken` all other failures (an error while
    a module is imported or a fixture is made)."""

    __test__ = False

    code: int
    failed: list[str]
    broken: list[str]
    imported: bool
    """Whether the changed module was imported at all."""
    seconds: float
    output: str


def load_libraries() -> None:
    """Import what every child needs; the package itself stays out."""
    for name in LIBRARIES:
        import_module(name)
    from transformers import AutoTokenizer

    assert AutoTokenizer
    assert "toolft_pipeline" not in sys.modules, "a child would get the unchanged package"


def run_tests(tests: Sequence[str], *, mutant: Mutant | None, first_failure: bool, limit_s: float) -> TestRun | None:
    """Run tests (`path::test` below the tests' folder) in a child; None if it took longer than `limit_s` seconds."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result, output = Path(folder, "result.json"), Path(folder, "output.txt")
        pid = os.fork()
        if pid == 0:
            _child(tests, mutant, first_failure, result, output)
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if time.monotonic() - started > limit_s:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return None
            time.sleep(_POLL_S)
        seen = json.loads(result.read_text()) if result.exists() else {"code": -1, "failed": [], "broken": ["crashed"]}
        return TestRun(
            **{"imported": False, **seen},
            seconds=time.monotonic() - started,
            output=output.read_text(errors="replace") if output.exists() else "",
        )


def _child(tests: Sequence[str], mutant: Mutant | None, first_failure: bool, result: Path, output: Path) -> None:
    """Run pytest and write its result; never returns."""
    code = 1
    try:
        os.setsid()
        with output.open("wb") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        finder = None if mutant is None else _MutantFinder(mutant)
        if finder is not None:
            sys.meta_path.insert(0, finder)
        recorder = _Recorder()
        options = ["-q", "-p", "no:xdist", "--tb=short", *(["-x"] if first_failure else [])]
        code = int(pytest.main([*options, *(str(TESTS / test) for test in tests)], plugins=[recorder]))
        sys.stdout.flush()
        seen = {
            "code": code,
            "failed": recorder.failed,
            "broken": recorder.broken,
            "imported": finder is None or finder.used,
        }
        result.write_text(json.dumps(seen))
    finally:
        os._exit(code)


@dataclass(eq=False)
class _Recorder:
    """A plugin that notes which tests failed, and where."""

    failed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failed test, or one whose fixtures failed."""
        if report.failed:
            (self.failed if report.when == "call" else self.broken).append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module of tests that could not be imported."""
        if report.failed:
            self.broken.append(report.nodeid)


class _MutantFinder(importlib.abc.MetaPathFinder):
    """Finds the one module that is changed."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant, self._source, self.used = mutant, mutant.source(), False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The specification of the changed module; None for all others."""
        if fullname != self._mutant.module:
            return None
        self.used = True
        loader = _MutantLoader(fullname, str(self._mutant.path))
        loader.changed = self._source
        return importlib.machinery.ModuleSpec(fullname, loader, origin=str(self._mutant.path))


class _MutantLoader(importlib.machinery.SourceFileLoader):
    """Compiles the changed source; no compiled file is read or written."""

    changed: str

    def get_code(self, fullname: str) -> types.CodeType:
        """The code of the changed module."""
        return compile(self.changed, self.path, "exec", dont_inherit=True)
