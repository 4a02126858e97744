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

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

REAL = "TOOLFT_TOKENIZERS"

GPT_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Llama 3 and Qwen split text into words (Qwen takes digits one by one)."""

_QWEN = """endoftext im_start im_end object_ref_start object_ref_end box_start box_end quad_start quad_end vision_start
vision_end vision_pad image_pad video_pad"""
_QWEN_CODE = "fim_prefix fim_middle fim_suffix fim_pad repo_name file_sep"
_QWEN_TAGS = "tool_call /tool_call tool_response /tool_response think /think"
_LLAMA = """begin_of_text end_of_text finetune_right_pad_id step_id start_header_id end_header_id eom_id eot_id
python_tag"""
_SMOLLM2 = """repo_name reponame file_sep filename gh_stars issue_start issue_comment issue_closed jupyter_start
jupyter_text jupyter_code jupyter_output jupyter_script empty_output"""
_GEMMA_3 = "pad eos bos unk mask start_of_turn end_of_turn start_of_image end_of_image image_soft_token"
_GEMMA = 'pad eos bos unk mask |turn turn| |tool tool| |tool_call tool_call| |tool_response tool_response| |"|'
_GEMMA_MEDIA = "|think| |channel channel| |image |image| image| |audio |audio| audio| |video|"


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

    special, text, bos, eos = {
        "qwen3": ([*_all("<|{}|>", _QWEN)], [*_all("<|{}|>", _QWEN_CODE), *_all("<{}>", _QWEN_TAGS)], None, "im_end"),
        "chatml": ([*_all("<|{}|>", "endoftext im_start im_end"), *_all("<{}>", _SMOLLM2)], [], None, "im_end"),
        "llama3": (
            [*_all("<|{}|>", _LLAMA), *(f"<|reserved_special_token_{number}|>" for number in range(8))],
            [],
            "begin_of_text",
            "eot_id",
        ),
        "gemma3": (
            [*_all("<{}>", _GEMMA_3), *(f"<unused{number}>" for number in range(9))],
            ["[multimodal]", "<table>", "</table>", "<b>", "</b>", *("\n" * n for n in range(1, 31)), "\t", "\t\t"],
            "bos",
            "eos",
        ),
        "gemma4": (
            [*_all("<{}>", _GEMMA), *_all("<{}>", _GEMMA_MEDIA), *(f"<unused{number}>" for number in range(9))],
            ["[multimodal]", "<table>", "</table>", "<b>", "</b>", *("\n" * n for n in range(1, 31)), "\t", "\t\t"],
            "bos",
            "eos",
        ),
    }[format_name]
    gemma = format_name.startswith("gemma")
    named = "<{}>" if gemma else "<|{}|>"
    wrapped: PreTrainedTokenizerBase = PreTrainedTokenizerFast(
        tokenizer_object=_gemma_like() if gemma else _gpt_like(composed=format_name == "qwen3"),
        bos_token=named.format(bos) if bos else None,
        eos_token=named.format(eos),
    )
    wrapped.add_special_tokens({"extra_special_tokens": special})
    wrapped.add_tokens([_literal(token) for token in text])
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


def _all(form: str, names: str) -> list[str]:
    return [form.format(name) for name in names.split()]


def _literal(token: str) -> object:
    from tokenizers import AddedToken

    return AddedToken(token, normalized=False, special=False)
