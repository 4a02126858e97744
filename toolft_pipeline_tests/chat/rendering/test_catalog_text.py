"""A cached catalog gives the text that the template makes of conversation and tools together."""

from __future__ import annotations

from typing import Any

import pytest

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.catalog_text import PLACEHOLDER, render_with_catalog
from toolft_pipeline.chat.rendering.conversation import openai_tools, template_messages, trajectory_messages
from toolft_pipeline.chat.rendering.rendering import render
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline_tests.chat.conversations import CATALOG, SHAPES

TOOLS = openai_tools(CATALOG)


@pytest.mark.parametrize("mode", [CatalogMode.NAMES, CatalogMode.FULL])
@pytest.mark.parametrize("chat_format", FORMATS.values(), ids=lambda one: one.name)
def test_render_with_catalog_equals_the_whole_rendering(chat_format: ChatFormat, mode: CatalogMode) -> None:
    template = chat_format.template(catalog_mode=mode)
    for shape in SHAPES:
        messages = template_messages(trajectory_messages(shape))
        for options in ({}, {"add_generation_prompt": True}):
            ours = render_with_catalog(render, messages, template=template, tools=TOOLS, **options)
            assert ours == render(messages, template=template, tools=TOOLS, **options)


@pytest.mark.parametrize("name", [PLACEHOLDER, "t", "the", "placeholder for", f"{PLACEHOLDER} too"])
def test_render_with_catalog_content_like_the_placeholder_is_kept(name: str) -> None:
    template = FORMATS["gemma3"].template(catalog_mode=CatalogMode.FULL)
    function = {"name": name, "description": PLACEHOLDER[3:], "parameters": {}}
    tools: list[dict[str, Any]] = [{"type": "function", "function": function}]
    for said in ("plain", PLACEHOLDER, PLACEHOLDER[2:], f'{PLACEHOLDER}", "description": ""'):
        messages = [{"role": "system", "content": said}, {"role": "user", "content": said}]
        messages += [{"role": "assistant", "content": said}]
        ours = render_with_catalog(render, messages, template=template, tools=tools)
        assert ours == render(messages, template=template, tools=tools)
