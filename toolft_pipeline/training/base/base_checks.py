"""Whether a base model can be trained and served as an agent file asks: asked before anything is trained on it.

Invariant: each check reads the base's own folder (config, tokenizer, headers of the weights) and loads no weight; what
it finds is one line that says what to set instead.
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
    """What is asked of a base model."""

    QUANTIZATION = "base_is_not_quantized"
    MODEL_CLASS = "base_writes_text"
    TOKENIZER = "tokenizer_fits_base"
    CHAT_TOKENS = "tokenizer_has_chat_tokens"
    ADAPTER = "adapter_fits_base"


def base_problem(check: BaseCheck, base: Path, *, chat_format: str, training: TrainingSettings) -> str | None:
    """What one check finds wrong with a model folder, in one line; None where nothing is."""
    checks: Mapping[BaseCheck, Callable[[], str | None]] = {
        BaseCheck.QUANTIZATION: lambda: quantization_problem(stored_quantization(base)),
        BaseCheck.MODEL_CLASS: lambda: model_class_problem(load_config(base)),
        BaseCheck.TOKENIZER: lambda: tokenizer_problem(base),
        BaseCheck.CHAT_TOKENS: lambda: chat_tokens_problem(base, chat_format=chat_format),
        BaseCheck.ADAPTER: lambda: adapter_problem(base, training=training),
    }
    try:
        found = checks[check]()
    except BaseModelError as error:
        found = str(error)
    return None if found is None else f"base_model: {found}"


def base_problems(base: Path, *, chat_format: str, training: TrainingSettings) -> list[str]:
    """The lines of all checks that fail."""
    found = (base_problem(check, base, chat_format=chat_format, training=training) for check in BaseCheck)
    return list(dict.fromkeys(line for line in found if line is not None))


def tokenizer_problem(base: Path) -> str | None:
    """The line about a tokenizer that cannot be loaded, or that gives ids that the model has no embedding for."""
    tokenizer = load_tokenizer(base)
    if not tokenizer.is_fast:
        return "its tokenizer has no tokenizer.json (a fast tokenizer); name a model folder that has one"
    rows = load_config(base).get_text_config().vocab_size
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if largest < rows:
        return None
    return (
        f"its tokenizer gives ids up to {largest} and the model has embeddings for {rows}; "
        "name a folder whose tokenizer and weights belong together"
    )


def chat_tokens_problem(base: Path, *, chat_format: str) -> str | None:
    """The line about tokens of the chat format that the tokenizer does not have as one token each.

    Without them a turn has neither beginning nor end that the model could learn, and a server would stop at `<unk>`.
    """
    tokenizer = load_tokenizer(base)
    missing = list(_missing(tokenizer, chat_format))
    if not missing:
        return None
    fitting = [name for name in sorted(FORMATS) if not list(_missing(tokenizer, name))]
    instead = f"set chat.format to {' or '.join(fitting)}" if fitting else "name a base model of that family"
    return (
        f"its tokenizer has no token {', '.join(missing)}, which chat.format {chat_format} begins and ends turns with; "
        f"{instead}"
    )


def _missing(tokenizer: PreTrainedTokenizerBase, chat_format: str) -> Iterator[str]:
    return (token for token in get_format(chat_format).turn_tokens if token_id(tokenizer, token) is None)


def load_tokenizer(base: Path) -> PreTrainedTokenizerBase:
    """A folder's tokenizer. Raises `BaseModelError`."""
    return _load_tokenizer(str(base.resolve()))


@lru_cache(maxsize=1)
def _load_tokenizer(folder: str) -> PreTrainedTokenizerBase:
    """Kept, because Gemma's takes seconds to load and two checks ask for it."""
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    except Exception as error:
        cause = " ".join(str(error).split())[:200]
        raise BaseModelError(
            f"its tokenizer cannot be loaded ({cause}); download the folder again with tokenizer.json"
        ) from error
    return tokenizer
