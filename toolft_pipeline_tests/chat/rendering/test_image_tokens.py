"""Images in tokens: the ids and the text are those of the family's own processor and template."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from toolft_pipeline.chat.formats import GEMMA4
from toolft_pipeline.chat.formats.chat_format import ChatFormatError
from toolft_pipeline.chat.rendering.conversation import template_messages, trajectory_messages
from toolft_pipeline.chat.rendering.image_tokens import ImageTokens
from toolft_pipeline.chat.rendering.processor import load_processor
from toolft_pipeline.chat.rendering.rendering import render
from toolft_pipeline.chat.rendering.serving import saved_tokenizer
from toolft_pipeline.settings import AgentSettings, CatalogMode
from toolft_pipeline_tests.chat.official import official_text
from toolft_pipeline_tests.chat.pictured import (
    ONE,
    PICTURED,
    PICTURES,
    TWO,
    encoded,
    rendered,
    write_day,
)

Agent = Callable[..., AgentSettings]


def test_image_ids_equal_the_processors_and_carry_no_loss(tmp_path: Path, agent: Agent, base: Path) -> None:
    """The whole run through the processor's own `apply_chat_template`, beside the row."""
    rendered(tmp_path, agent(format="gemma4"), base, *PICTURED)
    _, rows = encoded(tmp_path, agent(format="gemma4"), base)
    tokenizer = saved_tokenizer(str(base.resolve()), "gemma4", CatalogMode.NONE)
    processor = load_processor(base, tokenizer=tokenizer)
    marks = tokenizer.convert_tokens_to_ids(["<|image>", "<|image|>", "<image|>"])
    by_run = {row["trajectory_id"]: row for row in rows}
    for run in PICTURED:
        messages = template_messages(trajectory_messages(run))
        for message in messages:
            for part in message["content"] if isinstance(message.get("content"), list) else ():
                if part["type"] == "image":
                    part["image"] = Image.open(io.BytesIO(PICTURES[part.pop("image_sha256")]))
        whole = processor.apply_chat_template(messages, tokenize=True, return_dict=True)["input_ids"][0]
        row = by_run[run.trajectory_id]
        assert whole[: row["n_tokens"]] == row["input_ids"]
        loss = [label for label in row["labels"] if label != -100]
        assert not set(loss) & set(marks)
        images = row["image_sha256"]
        assert [row["input_ids"].count(mark) for mark in (marks[0], marks[2])] == [len(images)] * 2


def test_image_text_equals_the_official_template() -> None:
    run = PICTURED[0]
    messages = template_messages(trajectory_messages(run))
    ours = GEMMA4.template(catalog_mode=CatalogMode.NONE)
    text, _ = render(messages, template=ours)
    assert text == official_text("gemma4", messages)
    assert text.count("<tool_response|><|image|>They peak") == 1


def test_image_tokens_template_that_drops_an_image_is_refused(tmp_path: Path, base: Path) -> None:
    write_day(tmp_path)
    tokenizer = saved_tokenizer(str(base.resolve()), "gemma4", CatalogMode.NONE)
    assert GEMMA4.images is not None
    tokens = ImageTokens(
        markers=GEMMA4.images, processor=load_processor(base, tokenizer=tokenizer), folder=tmp_path / "images"
    )
    with pytest.raises(ChatFormatError, match="writes 1 images where the history shows 2; fix the chat template"):
        tokens.expand("a<|image|>b", [ONE, TWO])
