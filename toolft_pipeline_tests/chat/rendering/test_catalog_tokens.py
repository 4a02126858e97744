from __future__ import annotations

import pytest

from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.rendering.catalog_tokens import catalog_tokens_saved
from toolft_pipeline.chat.rendering.conversation import openai_tools
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline_tests.chat.conversations import CATALOG


def _characters(text: str) -> list[int]:
    return [ord(character) for character in text]


@pytest.mark.parametrize(
    ("mode", "left_of_catalog"), [("none", ""), ("names", "Tools: search, weather, calculate\n\n")]
)
def test_catalog_tokens_saved_is_full_prompt_minus_mode(mode: str, left_of_catalog: str) -> None:
    tools = openai_tools(CATALOG)
    saved = catalog_tokens_saved(tools, chat_format=GEMMA3, mode=CatalogMode(mode), encode=_characters)
    nothing = catalog_tokens_saved(tools, chat_format=GEMMA3, mode=CatalogMode.FULL, encode=_characters)
    everything = catalog_tokens_saved(tools, chat_format=GEMMA3, mode=CatalogMode.NONE, encode=_characters)
    assert nothing == 0
    assert saved == everything - len(left_of_catalog) > 300
