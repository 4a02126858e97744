"""Checks of a base model before training: can it be trained and served as the agent file asks?

Invariant: each check reads the base's folder (config, tokenizer, headers of the weight files) and loads no weights; a
problem is one line that says what to set instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from toolft_pipeline.chat.formats import FORMATS, get_format
from toolft_pipeline.chat.rendering.serving import token_id
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.base.base_config import load_config, model_class_problem, quantization_problem
from toolft_pipeline.training.base.meta_model import adapter_problem
from toolft_pipeline.training.base.packaged_gguf import BaseModelError
from toolft_pipeline.training.base.snapshot import stored_quantization

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class BaseCheck(StrEnum):
    """The checks of a base model."""

    QUANTIZATION = "base_is_not_quantized"
    MODEL_CLASS = "base_writes_text"
    TOKENIZER = "tokenizer_fits_base"
    CHAT_TOKENS = "tokenizer_has_chat_tokens"
    ADAPTER = "adapter_fits_base"


def base_problem(check: BaseCheck, base: Path, *, chat_format: str, training: TrainingSettings) -> str | None:
    """The problem that one check finds in a model folder, in one line; None if it passes."""
    checks: Mapping[BaseCheck, Callable[[], str | None]] = {
        BaseCheck.QUANTIZATION: lambda: quantization_problem(stored_quantization(base)),
        BaseCheck.MODEL_CLASS: lambda: model_class_problem(load_config(base)),
        BaseCheck.TOKENIZER: lambda: tokenizer_problem(base),
        BaseCheck.CHAT_TOKENS: lambda: chat_tokens_problem(base, chat_format=chat_format),
        BaseCheck.ADAPTER: lambda: adapter_problem(base, training=training),
    }
    try:
        problem = checks[check]()
    except BaseModelError as error:
        problem = str(error)
    return None if problem is None else f"base_model: {problem}"


def base_problems(base: Path, *, chat_format: str, training: TrainingSettings) -> list[str]:
    """The problems of all checks that fail."""
    problems = (base_problem(check, base, chat_format=chat_format, training=training) for check in BaseCheck)
    return list(dict.fromkeys(problem for problem in problems if problem is not None))


def tokenizer_problem(base: Path) -> str | None:
    """Why the tokenizer is unusable: not fast, or ids without an embedding. None if it fits."""
    tokenizer = load_tokenizer(base)
    if not tokenizer.is_fast:
        return "its tokenizer has no tokenizer.json (a fast tokenizer); name a model folder that has one"
    rows = load_config(base).get_text_config().vocab_size
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if largest < rows:
        return None
    return (
        f"its tokenizer has ids up to {largest} and the model has embeddings for {rows}; "
        "name a folder whose tokenizer and weights belong together"
    )


def chat_tokens_problem(base: Path, *, chat_format: str) -> str | None:
    """Which tokens of the chat format the tokenizer does not have as single tokens. None if it has all.

    Without them the model cannot learn where a turn begins and ends, and a server would stop at `<unk>`.
    """
    tokenizer = load_tokenizer(base)
    missing = list(_missing(tokenizer, chat_format))
    if not missing:
        return None
    fitting = [name for name in sorted(FORMATS) if not list(_missing(tokenizer, name))]
    instead = f"set chat.format to {' or '.join(fitting)}" if fitting else "name a base model of that family"
    return f"its tokenizer has no token {', '.join(missing)}, which mark turns in chat.format {chat_format}; {instead}"


def _missing(tokenizer: PreTrainedTokenizerBase, chat_format: str) -> Iterator[str]:
    return (token for token in get_format(chat_format).turn_tokens if token_id(tokenizer, token) is None)


def load_tokenizer(base: Path) -> PreTrainedTokenizerBase:
    """A folder's tokenizer. Raises `BaseModelError`."""
    return _load_tokenizer(str(base.resolve()))


@lru_cache(maxsize=1)
def _load_tokenizer(folder: str) -> PreTrainedTokenizerBase:
    """Cached: Gemma's takes seconds to load, and two checks need it."""
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    except Exception as error:
        cause = " ".join(str(error).split())[:200]
        raise BaseModelError(
            f"its tokenizer cannot be loaded ({cause}); download the folder again with tokenizer.json"
        ) from error
    return tokenizer
