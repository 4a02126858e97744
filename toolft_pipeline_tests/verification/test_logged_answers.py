"""Verification against answers that are spoilt on purpose: a thin slice of benchmarks.logged_answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from random import Random

import pytest

from benchmarks.logged_answer_mutants import KINDS, Row, answer_of, enumerated
from benchmarks.logged_answers import ASSISTANT, agent_rules, assistant_rows, read_row
from benchmarks.mutants import DATA, honest_rows
from toolft_pipeline.verification.rules.rule_set import RuleSet, check_text
from toolft_pipeline.verification.rules.verdict import Rule
from toolft_pipeline_tests.conftest import REPOSITORY

DESK = honest_rows(DATA)[::20]
MISSED = {"other_run": 0.05, "denied_write": 0.6}
"""The largest share of missed mutants, 0.02 for the others: one refusal in place of another refusal, and numbers that
the run holds as well, are not distinguished. One "not" beside an id that the desk just changed is read in half of the
answers: the rule knows the words of statuses, not those of every tool."""
ENUMERATED = list(enumerated(honest_rows(DATA)[::3]))


@pytest.fixture(scope="module")
def desk_rules() -> RuleSet:
    return agent_rules(DATA)


def rejected(row: Row, rules: RuleSet) -> bool:
    return check_text(read_row(row), rules=rules).violation is not None


def test_logged_answers_no_honest_run_is_lost(desk_rules: RuleSet) -> None:
    lost = [row["id"] for row in [*DESK, *ENUMERATED] if rejected(row, desk_rules)]
    assistant = agent_rules(ASSISTANT)
    assert lost == []
    assert [row["id"] for row in assistant_rows() if rejected(row, assistant)] == []


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"half_of_a_list"}))  # the desk lists records: see written_runs
def test_logged_answers_mutants_that_change_the_meaning_are_rejected(kind: str, desk_rules: RuleSet) -> None:
    random, missed, made = Random(1), list[str](), 0
    rows = DESK if kind == "other_run" else [*DESK, *ENUMERATED]  # "Done." is true of an enumeration of writes, too
    for row in rows:
        mutant = KINDS[kind](row, rows, random)
        if mutant is None or not mutant.changes:
            continue
        made += 1
        if not rejected(mutant.row, desk_rules):
            missed.append(f"{row['id']}: {answer_of(row)!r} -> {answer_of(mutant.row)!r}")
    assert made > 0
    assert len(missed) <= made * MISSED.get(kind, 0.02), missed


def test_logged_answers_rule_finds_what_no_other_rule_does(desk_rules: RuleSet) -> None:
    random, rules = Random(2), Counter[Rule]()
    for row in DESK:
        for kind in ("refusal_reported_done", "success_reported_sorry", "elsewhere", "letter"):
            mutant = KINDS[kind](row, DESK, random)
            violation = None if mutant is None else check_text(read_row(mutant.row), rules=desk_rules).violation
            if violation is not None:
                rules[violation.rule] += 1
    assert set(rules) == {Rule.ANSWERS}


def test_mutants_of_answers_come_from_code_that_knows_no_rule() -> None:
    code = "import sys, json, benchmarks.logged_answer_mutants; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not [name for name in json.loads(loaded.stdout) if name.startswith("toolft_pipeline")]
