"""The table of rules is complete: what a rule adds in one place is not forgotten in another."""

from __future__ import annotations

import re
from pathlib import Path

from toolft_pipeline.verification import check_runs
from toolft_pipeline.verification.rules.registry import RULES
from toolft_pipeline.verification.rules.verdict import Fault, Rule
from toolft_pipeline.warehouse.code_digest import module_digests

ROOM = Path(check_runs.__file__).parent
SOURCES = {path: path.read_text() for path in ROOM.rglob("*.py")}


def test_registry_has_one_entry_a_rule_in_order() -> None:
    assert [entry.rule for entry in RULES] == list(Rule)


def test_registry_applies_every_rule_that_is_written() -> None:
    rules = {path.stem for path, text in SOURCES.items() if re.search(r"^def check_\w+\(", text, re.M)}
    rules &= {path.stem for path in (ROOM / "rules").glob("*.py")}
    reached = module_digests(check_runs.verify_runs)
    missing = {rule for rule in rules if f"toolft_pipeline.verification.rules.{rule}" not in reached}
    assert not missing, f"no entry of RULES applies the rules of {sorted(missing)}"


def test_registry_knows_a_rule_for_every_fault() -> None:
    declared = ROOM / "rules" / "verdict.py"
    raised = {
        name for path, text in SOURCES.items() if path != declared for name in re.findall(r"\bFault\.(\w+)", text)
    }
    assert raised == set(Fault.__members__)


def test_registry_names_its_rules_in_the_code_of_cached_verdicts() -> None:
    assert "toolft_pipeline.verification.redaction.run" in module_digests(check_runs.verify_runs)
    assert "toolft_pipeline.verification.replay.replay" in module_digests(check_runs.verify_runs)
