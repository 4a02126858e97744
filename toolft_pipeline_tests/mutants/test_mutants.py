"""The list of mutants fits the code and the tests; `make mutants` runs it."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from toolft_pipeline_tests.mutants.all_mutants import MUTANTS
from toolft_pipeline_tests.mutants.mutant import TESTS, Mutant

FEWEST = 80


def test_there_are_enough_mutants_each_with_a_name_of_its_own() -> None:
    names = Counter(mutant.name for mutant in MUTANTS)
    assert [name for name, times in names.items() if times > 1] == []
    assert len(MUTANTS) >= FEWEST


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_fits_the_code_and_its_tests_exist(mutant: Mutant) -> None:
    """Its text is there once, the changed module is Python that means something else, and every test is defined."""
    changed = ast.dump(ast.parse(mutant.source()))
    assert changed != ast.dump(ast.parse(mutant.path.read_text(encoding="utf-8")))
    assert mutant.why
    assert mutant.tests
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert not name or name in _defined(TESTS / file), test
        assert (TESTS / file).is_file(), test


@cache
def _defined(path: Path) -> frozenset[str]:
    """The functions of a module of tests."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))
