from __future__ import annotations

from typing import Any

import pytest

from toolft_pipeline.catalog.diff import diff_catalogs
from toolft_pipeline.catalog.tool import Catalog, Tool

INTEGER, TEXT = {"type": "integer"}, {"type": "string"}


def schema(properties: dict[str, Any], *required: str, **rest: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)} | rest


def catalog(*tools: Tool) -> Catalog:
    return Catalog(tools=tools)


def tool(name: str, parameters: dict[str, Any], description: str = "") -> Tool:
    return Tool(name=name, description=description, parameters=parameters)


def nested(inner: dict[str, Any]) -> dict[str, Any]:
    return schema({"a": {"type": "array", "items": {"$ref": "#/$defs/Row"}}}, **{"$defs": {"Row": inner}})


@pytest.mark.parametrize(
    ("old", "new", "notes"),
    [
        (schema({"a": INTEGER}), schema({"a": INTEGER, "b": TEXT}), ("new parameter b",)),
        (schema({"a": INTEGER}, "a"), schema({"a": INTEGER}), ("parameter a optional now",)),
        (schema({"a": INTEGER}), schema({"a": {"type": "number"}}), ("parameter a changed",)),
        (schema({"a": {"enum": ["x"]}}), schema({"a": {"enum": ["x", "y"]}}), ("parameter a changed",)),
        (schema({"a": INTEGER}), schema({"a": INTEGER | {"description": "How many."}}), ("parameter a changed",)),
        (schema({"a": TEXT}), schema({"a": {"anyOf": [TEXT, {"type": "null"}]}}), ("parameter a changed",)),
        (nested(schema({"q": INTEGER})), nested(schema({"q": INTEGER, "r": TEXT})), ("schema",)),
    ],
)
def test_diff_of_a_widened_schema_is_compatible(
    old: dict[str, Any], new: dict[str, Any], notes: tuple[str, ...]
) -> None:
    diff = diff_catalogs(old=catalog(tool("f", old)), new=catalog(tool("f", new)))
    assert [(change.name, change.breaking, change.notes) for change in diff.changed] == [("f", False, notes)]
    assert not diff.breaking


@pytest.mark.parametrize(
    ("old", "new", "notes"),
    [
        (schema({"a": INTEGER, "b": TEXT}), schema({"a": INTEGER}), ("parameter b removed",)),
        (schema({"a": INTEGER}), schema({"a": INTEGER, "b": TEXT}, "b"), ("new required parameter b",)),
        (schema({"a": INTEGER}), schema({"a": INTEGER}, "a"), ("parameter a required now",)),
        (schema({"a": {"enum": ["x", "y"]}}), schema({"a": {"enum": ["x"]}}), ("parameter a changed",)),
        (schema({"a": TEXT}), schema({"a": TEXT | {"pattern": "^x"}}), ("parameter a changed",)),
        (nested(schema({"q": INTEGER, "r": TEXT})), nested(schema({"q": INTEGER})), ("schema",)),
    ],
)
def test_diff_of_a_narrowed_schema_is_breaking(
    old: dict[str, Any], new: dict[str, Any], notes: tuple[str, ...]
) -> None:
    diff = diff_catalogs(old=catalog(tool("f", old)), new=catalog(tool("f", new)))
    assert [(change.name, change.breaking, change.notes) for change in diff.changed] == [("f", True, notes)]
    assert diff.breaking


def test_diff_of_added_removed_and_reworded_tools_lists_them() -> None:
    same, parameters = tool("same", schema({})), schema({})
    old = catalog(same, tool("gone", parameters), tool("reworded", parameters, "Old."))
    new = catalog(tool("fresh", parameters), tool("reworded", parameters, "New."), same)
    diff = diff_catalogs(old=old, new=new)
    assert str(diff) == "+ fresh\n- gone\n~ reworded (compatible): description"
    assert diff.breaking


def test_diff_of_a_reordered_catalog_is_empty() -> None:
    one, two = tool("one", {"type": "object", "properties": {}}), tool("two", {"properties": {}, "type": "object"})
    diff = diff_catalogs(old=catalog(one, two), new=catalog(two, one))
    assert str(diff) == "no change"
    assert not diff.breaking
