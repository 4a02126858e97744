"""A base whose tokenizer lacks a format's turn tokens fails the proofs."""

from __future__ import annotations

import pytest

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.proofs.oracles import ORACLES
from toolft_pipeline.chat.proofs.report import Proof
from toolft_pipeline.chat.rendering.serving import install_chat_format, token_id
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline_tests.chat.conversations import SHAPES
from toolft_pipeline_tests.chat.families import Family
from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in

RETRY = next(shape for shape in SHAPES if shape.trajectory_id == "error_then_retry")


@pytest.mark.parametrize(("format_name", "tokenizer_of"), [("chatml", "llama3"), ("qwen3", "gemma4")])
def test_proofs_fail_on_a_tokenizer_without_turn_tokens(format_name: str, tokenizer_of: str) -> None:
    tokenizer = stand_in(tokenizer_of)
    install_chat_format(tokenizer, FORMATS[format_name], CatalogMode.NONE)
    report = Family(FORMATS[format_name], tokenizer).proven(RETRY)
    (failure, *_) = report.results[Proof.CONTROL_TOKENS].failures
    assert "the tokenizer has no token <|im_start|>, <|im_end|>" in failure.reason


@pytest.mark.parametrize("format_name", sorted(FORMATS))
def test_turn_tokens_of_format_oracle_and_tokenizer_agree(format_name: str) -> None:
    chat_format = FORMATS[format_name]
    assert set(chat_format.turn_tokens) == set(ORACLES[format_name].turn_tokens)
    assert chat_format.stop_tokens[0] in chat_format.turn_tokens
    tokenizer = stand_in(format_name)
    assert all(token_id(tokenizer, token) is not None for token in chat_format.turn_tokens)
    assert token_id(tokenizer, "no token of any family") is None
