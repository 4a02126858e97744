"""Served models of every chat format, around small tokenizers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.catalog.tool import parse_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.rendering.pasted_tools import PastedTools
from toolft_pipeline.chat.rendering.serving import install_chat_format
from toolft_pipeline.evaluation.models.prompting import ServedPrompter
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline_tests.chat.conversations import CATALOG
from toolft_pipeline_tests.chat.tokenizers_of_families import tokenizer_folder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def saved_family_tokenizer(format_name: str, scratch: Path) -> PreTrainedTokenizerBase:
    """A tokenizer of the format's family as it is saved with a model, loaded again."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder(format_name, scratch=scratch))
    install_chat_format(tokenizer, FORMATS[format_name], CatalogMode.NONE)
    tokenizer.save_pretrained(scratch / f"{format_name}-saved")
    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(scratch / f"{format_name}-saved")
    return loaded


def served_model(
    tokenizer: PreTrainedTokenizerBase,
    format_name: str,
    *,
    catalog: dict[str, Any] = CATALOG,
    system_prompt: str = "keep",
    folder: Path = Path("none"),
) -> ServedModel:
    """A model as the router loads it."""
    parsed = parse_catalog(catalog, where="tests")
    return ServedModel(
        agent="tests",
        day="2026-10-07",
        content_digest="sha256:" + "ab" * 32,
        adapter_digest="sha256:" + "cd" * 32,
        folder=folder,
        catalog=parsed,
        catalog_digest=parsed.digest,
        validator=CatalogValidator(parsed),
        prompter=ServedPrompter(
            tokenizer=tokenizer,
            chat_format=FORMATS[format_name],
            system_prompt=system_prompt,
            tools=parsed.openai_tools(),
            without_tools=PastedTools({tool.name: tool.description for tool in parsed.tools}).without,
        ),
    )
