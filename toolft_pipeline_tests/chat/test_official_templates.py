"""The text of each format against what the family's maker ships, wherever that is right, and the mask against TRL's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jinja2 import TemplateError

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.rendering.conversation import openai_tools, template_messages, trajectory_messages
from toolft_pipeline.chat.rendering.rendering import render
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.trajectories.record import Role, Trajectory
from toolft_pipeline_tests.chat.conversations import CATALOG, SHAPES, THINKING
from toolft_pipeline_tests.chat.family_cases import FAMILY_CASES
from toolft_pipeline_tests.chat.official import TRAINING, official_text, training_text
from toolft_pipeline_tests.conftest import REPOSITORY

TOOLS = openai_tools(CATALOG)
FORTY = openai_tools(json.loads((REPOSITORY / "data" / "helpdesk" / "catalog.json").read_text()))

WITHOUT_TOOLS = {"no_tool", "ends_in_a_tool_turn"}
"""What a format can be compared on whose official template has no tools (up to the first result)."""

WITH_TOOLS = sorted(name for name, case in FAMILY_CASES.items() if case.official_has_tools)
TOOLLESS = sorted(FAMILY_CASES.keys() - set(WITH_TOOLS))


def odd(**properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": "odd", "description": "d", "parameters": parameters}}


ODD = [
    odd(
        rows={"type": "array", "items": {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}}
    ),
    odd(kinds={"type": "array", "items": {"type": "string", "enum": ["x", "y"]}, "description": "Kinds."}),
    odd(words={"type": "array", "items": {"type": ["string", "null"]}}, B={"type": "integer", "nullable": True}),
    odd(map={"type": "object", "additionalProperties": {"type": "string", "description": "A name."}}),
    odd(inner={"type": "object", "properties": {"y": {"type": "number"}}, "required": ["y"]}, free={"type": "object"}),
    odd(either={"anyOf": [{"type": "string"}, {"type": "integer"}]}, list={"type": "array"}),
    {"type": "function", "function": {"name": "bare", "description": "d", "parameters": {}}},
]


def messages_of(shape: Trajectory, format_name: str) -> list[dict[str, Any]]:
    messages = template_messages(trajectory_messages(shape))
    if FORMATS[format_name].capabilities.reasoning:
        return messages
    return [{key: value for key, value in one.items() if key != "reasoning_content"} for one in messages]


def served(shape: Trajectory, format_name: str, mode: CatalogMode) -> Iterator[tuple[str, str | None]]:
    """Our prompt and the official one before each assistant turn; None where that refuses."""
    messages = messages_of(shape, format_name)
    tools = TOOLS if mode is CatalogMode.FULL else None
    template = FORMATS[format_name].template(catalog_mode=mode)
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            history = messages[:place]
            ours, _ = render(history, template=template, tools=tools, add_generation_prompt=True)
            try:
                yield ours, official_text(format_name, history, tools=tools, add_generation_prompt=True)
            except TemplateError:
                yield ours, None


@pytest.mark.parametrize("mode", [CatalogMode.NONE, CatalogMode.FULL])
@pytest.mark.parametrize("format_name", WITH_TOOLS)
def test_serving_prompt_differs_from_the_official_where_listed(format_name: str, mode: CatalogMode) -> None:
    differs = {
        shape.trajectory_id
        for shape in (*SHAPES, *THINKING)
        if any(ours != theirs for ours, theirs in served(shape, format_name, mode))
    }
    case = FAMILY_CASES[format_name]
    with_catalog = case.differs_with_catalog if mode is CatalogMode.FULL else frozenset()
    assert differs == case.differs | with_catalog


@pytest.mark.parametrize(
    "shape", [one for one in SHAPES if one.trajectory_id in WITHOUT_TOOLS], ids=lambda s: s.trajectory_id
)
@pytest.mark.parametrize("format_name", TOOLLESS)
def test_serving_prompt_without_tools_equals_the_official_one(format_name: str, shape: Trajectory) -> None:
    assert all(ours == theirs for ours, theirs in served(shape, format_name, CatalogMode.NONE))


@pytest.mark.parametrize("format_name", WITH_TOOLS)
def test_whole_conversation_equals_the_official_text(format_name: str) -> None:
    """The answers too, up to the last turn's end."""
    template, case = FORMATS[format_name].template(catalog_mode=CatalogMode.FULL), FAMILY_CASES[format_name]
    for shape in (*SHAPES, *THINKING):
        if shape.trajectory_id in case.differs | case.differs_with_catalog:
            continue
        messages = messages_of(shape, format_name)
        last = max(place for place, message in enumerate(messages) if message["role"] == "assistant")
        ours, _ = render(messages[: last + 1], template=template, tools=TOOLS)
        theirs = official_text(format_name, messages[: last + 1], tools=TOOLS)
        if case.official_adds and not messages[last].get("reasoning_content"):
            theirs = theirs.replace(case.official_adds, "")
        assert ours == theirs


@pytest.mark.parametrize("format_name", WITH_TOOLS)
def test_catalog_text_equals_the_official_one_tool_by_tool(format_name: str) -> None:
    template = FORMATS[format_name].template(catalog_mode=CatalogMode.FULL)
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "a"}]
    for tool in [*FORTY, *ODD]:
        ours, _ = render(messages, template=template, tools=[tool], add_generation_prompt=True)
        assert ours == official_text(format_name, messages, tools=[tool], add_generation_prompt=True)


@pytest.mark.parametrize("format_name", sorted(TRAINING))
def test_mask_equals_trl_wherever_the_text_does(format_name: str) -> None:
    """TRL's loss also covers the newline behind an end of turn, which no server generates: the server wins."""
    template = FORMATS[format_name].template(catalog_mode=CatalogMode.NONE)
    compared = 0
    for shape in (*SHAPES, *THINKING):
        messages = messages_of(shape, format_name)
        if messages[-1]["role"] == Role.TOOL:
            messages = messages[:-1]
        try:
            theirs, masked = training_text(format_name, messages)
        except TemplateError:
            continue
        ours, spans = render(messages, template=template)
        if ours.rstrip("\n") == theirs.rstrip("\n"):
            assert spans == [(start, len(theirs[:end].rstrip("\n"))) for start, end in masked]
            compared += 1
    assert compared >= FAMILY_CASES[format_name].training_agrees
