"""Run the mutation suite: `python -m toolft_pipeline_tests.mutants [--list] [--only NAME ...]`.

Each mutant is one small wrong change; it is killed if its tests fail. Exit code 1 if one survives, 2 if the tests fail
without any change or a mutant no longer fits the code.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from toolft_pipeline_tests.mutants.all_mutants import MUTANTS
from toolft_pipeline_tests.mutants.mutant import Mutant, StaleMutantError
from toolft_pipeline_tests.mutants.run_tests import TestRun, load_libraries, run_tests

LIMIT_S = 300.0
"""Seconds after which a mutant's tests count as hung. A change that hangs is not killed: a test must say what broke."""

BASELINE_LIMIT_S = 3600.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m toolft_pipeline_tests.mutants", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the mutants and why each matters, and stop")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run the mutants whose names contain one of these")
    parser.add_argument("--no-baseline", action="store_true", help="skip the run without any change")
    options = parser.parse_args(arguments)
    chosen = [each for each in MUTANTS if not options.only or any(word in each.name for word in options.only)]
    if options.list:
        for each in chosen:
            print(f"{each.name:45} {each.file:45} {each.why}")
        return 0
    if not chosen:
        parser.error(f"no mutant is named like {', '.join(options.only)}; see --list")
    try:
        for each in chosen:
            each.source()
    except StaleMutantError as error:
        print(error, file=sys.stderr)
        return 2
    load_libraries()
    return 2 if not options.no_baseline and not _baseline_passes(chosen) else _run(chosen)


def _baseline_passes(mutants: Sequence[Mutant]) -> bool:
    """Whether all named tests pass on the package as it is: a test that fails anyway kills nothing."""
    tests = sorted({test for each in mutants for test in each.tests})
    print(f"without any change: {len(tests)} tests ...", flush=True)
    run = run_tests(tests, mutant=None, first_failure=False, limit_s=BASELINE_LIMIT_S)
    if run is not None and run.code == 0:
        print(f"without any change: passed in {run.seconds:.0f} s", flush=True)
        return True
    print("without any change the tests fail; fix that first" + ("" if run is None else f"\n{run.output}"))
    return False


def _run(mutants: Sequence[Mutant]) -> int:
    started, survivors = time.monotonic(), []
    for number, each in enumerate(mutants, start=1):
        run = run_tests(each.tests, mutant=each, first_failure=True, limit_s=LIMIT_S)
        verdict = _verdict(run)
        if verdict is not None:
            survivors.append(each.name)
        seconds = LIMIT_S if run is None else run.seconds
        shown = "killed" if verdict is None else f"SURVIVED: {verdict}"
        print(f"{number:3}/{len(mutants)}  {seconds:5.1f} s  {each.name:50} {shown}", flush=True)
    killed = len(mutants) - len(survivors)
    print(f"{killed} of {len(mutants)} killed in {time.monotonic() - started:.0f} s")
    if survivors:
        print("survivors: " + ", ".join(survivors))
    return 1 if survivors else 0


def _verdict(run: TestRun | None) -> str | None:
    """Why a mutant is not killed; None if a test failed in its own body."""
    if run is None:
        return f"its tests did not end in {LIMIT_S:.0f} s"
    if not run.imported:
        return "its tests never import the changed module"
    if run.broken or run.code not in (0, 1):
        return f"no test failed, something else broke ({', '.join(run.broken) or f'pytest ended with {run.code}'})"
    return None if run.failed else "all of its tests pass"


if __name__ == "__main__":
    sys.exit(main())
