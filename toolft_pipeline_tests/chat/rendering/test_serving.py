"""The saved tokenizer and the prompt that every server makes with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.rendering.conversation import openai_tools, trajectory_messages
from toolft_pipeline.chat.rendering.serving import serving_prompt
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline_tests.chat.conversations import CATALOG, SHAPES

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def test_install_survives_saving(gemma: PreTrainedTokenizerBase) -> None:
    assert gemma.chat_template == GEMMA3.template(catalog_mode=CatalogMode.NONE)
    assert gemma.response_template == dict(GEMMA3.response_template)


def test_saved_folder_carries_template_and_parser(gemma: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    gemma.save_pretrained(tmp_path)
    assert (tmp_path / "chat_template.jinja").read_text() == gemma.chat_template
    assert "response_template" in (tmp_path / "tokenizer_config.json").read_text()


@pytest.mark.parametrize("place", [1, 3, 5])
def test_serving_prompt_equals_apply_chat_template(place: int, gemma: PreTrainedTokenizerBase) -> None:
    messages = trajectory_messages(next(shape for shape in SHAPES if shape.trajectory_id == "error_then_retry"))
    prompt = serving_prompt(messages[:place], tokenizer=gemma, tools=openai_tools(CATALOG))
    assert prompt.text.endswith("<end_of_turn>\n<start_of_turn>model\n")
    assert "query" not in prompt.text
    served = gemma.apply_chat_template(messages[:place], add_generation_prompt=True, return_dict=False)
    assert prompt.ids == served


def test_serving_prompt_mode_can_be_overridden(gemma: PreTrainedTokenizerBase) -> None:
    tools = openai_tools(CATALOG)
    text, ids = serving_prompt(
        [{"role": "user", "content": "a"}], tokenizer=gemma, tools=tools, catalog_mode=CatalogMode.FULL
    )
    assert '"name": "weather"' in text
    assert len(ids) > 100


def test_serving_prompt_installed_mode_is_the_default(
    installed: Callable[..., PreTrainedTokenizerBase],
) -> None:
    tokenizer = installed(GEMMA3, CatalogMode.NAMES)
    prompt = serving_prompt([{"role": "user", "content": "a"}], tokenizer=tokenizer, tools=openai_tools(CATALOG))
    assert "Tools: search, weather, calculate" in prompt.text
