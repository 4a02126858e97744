"""Tools: what their schemas promise, what they refuse, and that a refusal leaves no trace."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from helpdesk.desk import Desk
from helpdesk.registry import TOOLS
from helpdesk.server import published_tools

from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline_tests.conftest import REPOSITORY

CATALOG = REPOSITORY / "data" / "helpdesk" / "catalog.json"
CALLS = [
    (task.state_ref, call)
    for task in load_tasks(REPOSITORY / "data" / "helpdesk" / "tasks.jsonl")
    for call in task.plan
]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_catalog_committed_is_what_the_desk_publishes_without_reset_and_snapshot() -> None:
    tools = json.loads(CATALOG.read_text())["tools"]
    assert tools == [tool.model_dump(exclude_none=True) for tool in published_tools()]
    assert 40 <= len(tools) <= 50
    assert not [tool["name"] for tool in tools if tool["name"].startswith("desk_")]
    assert all(tool["description"] for tool in tools)


def test_catalog_has_nested_objects_enums_arrays_and_optional_arguments() -> None:
    schemas = [tool.schema() for tool in TOOLS.values()]
    arguments = [value for schema in schemas for value in schema["properties"].values()]
    assert any(value.get("type") == "object" for value in arguments)
    assert any(value.get("type") == "array" and value["items"].get("type") == "object" for value in arguments)
    assert sum("enum" in value for value in arguments) >= 12
    assert sum(set(schema["properties"]) > set(schema.get("required", ())) for schema in schemas) >= 5
    assert "$ref" not in json.dumps(schemas)


def test_reading_tools_change_nothing(desk: Desk) -> None:
    for state_ref, call in CALLS:
        if call.reads:
            desk.reset(state_ref)
            before = desk.snapshot()
            desk.call(call.name, call.arguments)
            assert desk.snapshot() == before, call


def test_refused_calls_change_nothing(desk: Desk) -> None:
    seen = 0
    for state_ref, call in CALLS:
        if call.fails:
            desk.reset(state_ref)
            before = desk.snapshot()
            answer = desk.call(call.name, call.arguments)
            seen += answer.is_error
            assert desk.snapshot() == before, call
    assert seen > 30


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"order": "O-12"}, "invalid argument order"),
        ({"order": "O-1234"}, "no order O-1234"),
        ({}, "invalid argument order: field required"),
        ({"order": None}, "leave out what is not wanted"),
        ({"order": "O-1234", "verbose": True}, "invalid argument verbose"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(desk: Desk, arguments: dict[str, Any], said: str) -> None:
    answer = desk.call("get_order", arguments)
    assert answer.is_error
    assert said in answer.text
    assert "\n" not in answer.text
    assert not answer.text.startswith("Error")


def test_schema_and_desk_refuse_the_same_arguments(desk: Desk) -> None:
    for state_ref, call in CALLS[::12]:
        validator = jsonschema_rs.validator_for(TOOLS[call.name].schema())
        assert validator.is_valid(call.arguments)
        for key in call.arguments:
            for wrong in (None, 3.5, {"x": 1}, [], ""):
                mutated = {**call.arguments, key: wrong}
                desk.reset(state_ref)
                answer = desk.call(call.name, mutated)
                refused = answer.is_error and answer.text.startswith("invalid argument")
                assert refused == (not validator.is_valid(mutated)), (call.name, mutated, answer)


def test_unknown_tool_is_an_error_that_names_it(desk: Desk) -> None:
    assert desk.call("delete_everything", {}).text == "no tool delete_everything"
