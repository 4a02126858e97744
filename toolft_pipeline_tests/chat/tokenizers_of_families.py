"""A tokenizer of each format's family: the real one where it can be had, else a small stand-in.

Gemma 3's is real (the suite's `gemma`). The official tokenizers of Qwen 3, Llama 3 and Gemma 4 cannot be fetched
where the suite runs: a stand-in has the family's kind of algorithm, a vocabulary of a few hundred pieces and the
family's control tokens as added tokens. TOOLFT_TOKENIZERS names a folder whose subfolders (qwen3/, llama3/, gemma4/,
chatml/) hold real ones in Hugging Face layout; the same tests then run on those.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline_tests.chat.conversations import SHAPES
from toolft_pipeline_tests.chat.family_cases import FAMILY_CASES

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

REAL = "TOOLFT_TOKENIZERS"

GPT_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Llama 3 and Qwen split text into words (Qwen takes digits one by one)."""


def tokenizer_folder(format_name: str, *, scratch: Path) -> Path:
    """Where the tokenizer of a format lies: the real one, or a stand-in that is made in `scratch`."""
    given = Path(os.environ.get(REAL, scratch)) / format_name
    if (given / "tokenizer.json").is_file():
        return given
    stand_in(format_name).save_pretrained(scratch / format_name)
    return scratch / format_name


def stand_in(format_name: str) -> PreTrainedTokenizerBase:
    """A small tokenizer of the family's kind."""
    from transformers import PreTrainedTokenizerFast

    case = FAMILY_CASES[format_name].stand_in
    gemma = case.algorithm == "gemma"
    wrapped: PreTrainedTokenizerBase = PreTrainedTokenizerFast(
        tokenizer_object=_gemma_like() if gemma else _gpt_like(composed=case.algorithm == "gpt_nfc"),
        bos_token=case.bos,
        eos_token=case.eos,
    )
    wrapped.add_special_tokens({"extra_special_tokens": [*case.special]})
    wrapped.add_tokens([_literal(token) for token in case.text])
    return wrapped


def _gpt_like(*, composed: bool) -> Tokenizer:
    """Byte-level BPE with the split of Llama 3 and Qwen; `composed`: accents are (NFC)."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    if composed:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(GPT_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(_corpus(), trainer)
    return tokenizer


def _gemma_like() -> Tokenizer:
    """BPE over words with a word-border mark, falling back to bytes."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    learner = Tokenizer(models.BPE())
    learner.normalizer = normalizers.Replace(" ", "\u2581")
    learner.pre_tokenizer = pre_tokenizers.Split("\u2581", behavior="merged_with_next")
    learner.train_from_iterator(_corpus(), trainers.BpeTrainer(vocab_size=600, show_progress=False))
    learnt = learner.get_vocab()
    merges = _merges(learner)
    vocabulary = {token: place for place, token in enumerate([*fallback, *sorted(learnt, key=learnt.__getitem__)])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def _merges(tokenizer: Tokenizer) -> list[tuple[str, str]]:
    import json

    return [(first, second) for first, second in json.loads(tokenizer.to_str())["model"]["merges"]]


def _corpus() -> list[str]:
    texts = [message.text for shape in SHAPES for message in shape.messages]
    arguments = [call.arguments_json for shape in SHAPES for message in shape.messages for call in message.tool_calls]
    syntax = ["\n\n", "assistant\n", "\n\n\n", "user\n", "system\n", '{"name": "', '", "arguments": {', ">\n", "}}"]
    return [*texts, *arguments, *syntax * 20]


def _literal(token: str) -> object:
    from tokenizers import AddedToken

    return AddedToken(token, normalized=False, special=False)
