"""The tokens that a served prompt does not show, against the whole prompts of either kind."""

from __future__ import annotations

from typing import Any

import pytest

from toolft_pipeline.serving.catalog_saving import CatalogSaving
from toolft_pipeline.serving.prompt import served_prompt
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline_tests.chat.conversations import CATALOG
from toolft_pipeline_tests.chat.families import Family
from toolft_pipeline_tests.serving.api.client_side import TOOLS
from toolft_pipeline_tests.serving.api.models import served_model
from toolft_pipeline_tests.serving.nets.turns import WEATHER, request_of

SHOWN: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {"name": tool["name"], "description": tool["description"], "parameters": tool["inputSchema"]},
    }
    for tool in CATALOG["tools"]  # type: ignore[call-overload]  # a list of dicts
]


def test_saving_is_the_whole_prompt_with_all_tools_less_the_served_one(each_family: Family) -> None:
    chat_format, tokenizer = each_family.chat_format, each_family.tokenizer
    model = served_model(tokenizer, chat_format.name)
    request = request_of(tools=tuple(TOOLS))
    whole = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Is it dry in Bonn?"}],
        chat_template=chat_format.template(catalog_mode=CatalogMode.FULL),
        tools=SHOWN,
        add_generation_prompt=True,
        tokenize=False,
    )
    n_whole = len(tokenizer(whole, add_special_tokens=False)["input_ids"])
    saving = CatalogSaving()
    assert saving.tokens(request, model) == n_whole - len(served_prompt(model, request)) > 50
    assert saving.tokens(request_of(tools=()), model) == 0


@pytest.mark.parametrize("parameters", [None, 3])
def test_tools_that_cannot_be_rendered_count_nothing(each_family: Family, parameters: Any) -> None:
    odd = {"type": "function", "function": {**WEATHER["function"], "parameters": parameters}}
    model = served_model(each_family.tokenizer, each_family.chat_format.name)
    assert CatalogSaving().tokens(request_of(tools=(odd,)), model) >= 0
