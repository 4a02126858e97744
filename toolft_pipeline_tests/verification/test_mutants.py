"""Verification against lies whose meaning the desk's own database decides: a thin slice of benchmarks.mutants."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest
from helpdesk.desk import Desk

from benchmarks.mutant_kinds import KINDS
from benchmarks.mutant_labels import Change, changes
from benchmarks.mutants import DATA, Row, Tally, honest_rows, measure
from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline_tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return honest_rows(DATA)


@pytest.fixture(scope="module")
def measured(rows: list[Row]) -> tuple[int, dict[str, Tally]]:
    return measure(rows[::50], settings=load_agent(DATA / AGENT_FILE))


def test_mutants_no_original_is_rejected(measured: tuple[int, dict[str, Tally]]) -> None:
    assert measured[0] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_mutants_that_change_the_meaning_are_rejected_with_the_right_reason(
    kind: str, measured: tuple[int, dict[str, Tally]]
) -> None:
    tally = measured[1][kind]
    assert tally.changing > 0
    assert tally.missed == []


def test_labels_come_from_code_that_knows_no_rule() -> None:
    code = "import sys, json, benchmarks.mutant_labels; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not [name for name in json.loads(loaded.stdout) if name.startswith("toolft_pipeline")]


def test_labels_say_what_changed_and_nothing_of_a_run_itself(rows: list[Row]) -> None:
    desk = Desk()
    row = next(row for row in rows if row["task_key"].startswith("order_by_mail|") and len(row["messages"]) == 6)
    assert changes(row, row, desk=desk) == frozenset()

    unread = copy.deepcopy(row)  # the customer's id is used, and nobody looked it up
    del unread["messages"][1:3]
    assert changes(row, unread, desk=desk) == {Change.READ}

    other = copy.deepcopy(row)
    function = other["messages"][-3]["tool_calls"][0]["function"]
    arguments = json.loads(function["arguments"])
    arguments["items"][0]["qty"] += 1
    function["arguments"] = json.dumps(arguments)
    assert changes(row, other, desk=desk) == {Change.DATABASE, Change.RESULT}  # the order's total is another

    forged = copy.deepcopy(row)
    forged["messages"][-2]["content"] = '{"order":"O-0000"}'
    assert Change.RESULT in changes(row, forged, desk=desk)
