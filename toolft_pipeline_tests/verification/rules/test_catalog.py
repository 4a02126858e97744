from __future__ import annotations

import pytest

from toolft_pipeline.catalog.tool import parse_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.verification.rules.catalog import check_catalog
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation
from toolft_pipeline_tests.conversations import calls, result, says, user

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CATALOG = parse_catalog([{"name": "count", "description": "", "inputSchema": SCHEMA}], where="test")
VALIDATOR = CatalogValidator(CATALOG)


def check(name: str, arguments: str) -> Violation | None:
    messages = (user("count"), calls(("a", name, arguments)), result("a", name, "{}"), says("done"))
    return check_catalog(messages, tools=VALIDATOR)


def test_catalog_valid_call_passes() -> None:
    assert check("count", '{"n": 1}') is None


@pytest.mark.parametrize(
    ("name", "arguments", "fault"),
    [
        ("tally", '{"n": 1}', Fault.UNKNOWN_TOOL),
        ("count", '{"n": 1', Fault.MALFORMED_ARGUMENTS),
        ("count", "", Fault.MALFORMED_ARGUMENTS),
        ("count", "[1]", Fault.MALFORMED_ARGUMENTS),
        ("count", "[" * 50_000, Fault.MALFORMED_ARGUMENTS),
        ("count", '{"n": "one"}', Fault.INVALID_ARGUMENTS),
        ("count", "{}", Fault.INVALID_ARGUMENTS),
        ("count", '{"n": 1, "m": 2}', Fault.INVALID_ARGUMENTS),
    ],
)
def test_catalog_call_that_today_does_not_accept_is_refused_with_its_place(
    name: str, arguments: str, fault: Fault
) -> None:
    violation = check(name, arguments)
    assert violation is not None
    assert (violation.rule, violation.fault) == (Rule.CATALOG, fault)
    assert violation.reason.startswith("message 1: ")
    assert name in violation.reason
