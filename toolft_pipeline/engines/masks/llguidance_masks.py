"""Token masks by llguidance: which tokens a grammar allows next, and where it forbade the model's own choice.

Invariant: a mask never ends a generation. Where llguidance gives up (a limit of its lexer or parser), the rest of the
turn is decoded freely and a warning names the reason. A choice that the grammar changed is logged with both tokens:
a grammar can turn an error that everybody sees into a wrong action that looks right.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.masks.token_bytes import TokenBytes
from toolft_pipeline.engines.token_mask import TokenMask

if TYPE_CHECKING:
    import torch
    from llguidance import LLMatcher, LLTokenizer
    from transformers import PreTrainedTokenizerBase

_LOG = logging.getLogger(__name__)

GRAMMARS_KEPT = 32
"""Compiled grammars: one for each set of offered tools and `tool_choice`; 150 ms to make, some MB each."""

MASKS_KEPT = 512
"""Masks of a grammar's first tokens, which many turns share; 32 KB each with Gemma's vocabulary."""

SHARED_TOKENS = 12
"""Tokens from the start of a turn whose masks are kept: `<tool_call>` costs 2.5 ms a token to work out."""

NO_CHARACTER = "\N{REPLACEMENT CHARACTER}"
"""What a tokenizer decodes bytes to that are no character."""

_PLAIN = r'[^"\\<\[{\x00-\x1F\x7F]'
SLICES = [_PLAIN + "{1,10}", _PLAIN + "{1,30}", r"[^<\[{]+"]
"""Tokens that are decided together inside strings and answers, which exclude the beginnings of control strings. With
llguidance's own, which do not, a token takes 2 ms instead of 20 us."""


class Correction(NamedTuple):
    """A place in a turn where the grammar forbade the most likely token, and the most likely one that it allowed."""

    position: int
    forbidden: int
    likeliest: int


class LlguidanceMasks:
    """Makes the masks of one tokenizer: a `MaskFactory`. Thread-safe."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, stops: Sequence[str]) -> None:
        """`stops` are the texts of the tokens that end a turn. Raises `EngineError` without llguidance.

        Reads the whole vocabulary: some seconds for Gemma's, so make it once, before the first request.
        """
        self._tokenizer = tokenizer
        self._vocabulary = _vocabulary(tokenizer, stops)
        self._compiled: OrderedDict[str, _Compiled] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, grammar: str) -> LlguidanceMask:
        """The mask of a new turn; one that allows everything (`gave_up`) where llguidance refuses the grammar."""
        with self._lock:
            compiled = self._compiled.get(grammar)
            if compiled is None:
                compiled = self._compiled[grammar] = _compile(self._vocabulary, grammar)
            self._compiled.move_to_end(grammar)
            while len(self._compiled) > GRAMMARS_KEPT:
                self._compiled.popitem(last=False)
            return LlguidanceMask(compiled, self._tokenizer)

    def allows(self, grammar: str, text: str, *, finished: bool) -> bool:
        """Whether the grammar allows this text of a turn, and its end if it is `finished`. Greedy decoding under the
        grammar gives the same turn then: it forbade none of the choices.

        False where that cannot be said: llguidance refuses the grammar, or the text has bytes that are no character.
        """
        mask = self(grammar)
        if mask.gave_up is not None or NO_CHARACTER in text:
            return False
        tokens = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return mask.allows([*tokens, self._vocabulary.eos_token] if finished else tokens)


class LlguidanceMask(TokenMask):
    """One turn's state. `corrections` are the changed choices so far; `gave_up` is why decoding is free, if it is."""

    def __init__(self, compiled: _Compiled, tokenizer: PreTrainedTokenizerBase) -> None:
        self._masks = compiled.masks
        self._tokenizer = tokenizer
        self._matcher = compiled.matcher.deep_copy()
        self._tokens: tuple[int, ...] | None = ()
        self._position = 0
        self.corrections: list[Correction] = []
        self.gave_up = compiled.problem

    def allowed(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits with -inf at every forbidden token, in place."""
        import numpy as np
        import torch

        bits = None if self.gave_up is not None else self._bits()
        if bits is None:
            return logits
        width, wanted = logits.shape[-1], int(logits.argmax())
        forbidden = np.unpackbits(~np.frombuffer(bits, np.uint8), bitorder="little")
        if len(forbidden) < width:  # logits are often padded beyond the tokenizer
            forbidden = np.pad(forbidden, (0, width - len(forbidden)), constant_values=1)
        flags = torch.from_numpy(forbidden[:width].view(bool))
        masked = logits.masked_fill_(flags.to(logits.device), float("-inf"))
        if forbidden[wanted]:
            self._note(Correction(self._position, wanted, int(masked.argmax())))
        return masked

    def accept(self, token: int) -> None:
        """Go on after this token."""
        self._position += 1
        if self._tokens is not None:
            self._tokens = (*self._tokens, token) if self._position <= SHARED_TOKENS else None
        if self.gave_up is None and not self._matcher.consume_token(token):
            self._give_up()

    def allows(self, tokens: Sequence[int]) -> bool:
        """Whether all these tokens may come next, in order; the state stays as it is."""
        return int(self._matcher.validate_tokens(list(tokens))) == len(tokens)

    def _note(self, correction: Correction) -> None:
        self.corrections.append(correction)
        forbidden, likeliest = (self._tokenizer.decode([token]) for token in correction[1:])
        _LOG.info("grammar: token %d of a turn: %r is forbidden, %r is likeliest", self._position, forbidden, likeliest)

    def _bits(self) -> bytes | None:
        """The mask, a bit for each token; None where llguidance gives up."""
        kept = None if self._tokens is None else self._masks.get(self._tokens)
        if kept is not None:
            return kept
        bits = self._matcher.compute_bitmask()
        if self._matcher.is_error():
            self._give_up()
            return None
        if self._tokens is not None and len(self._masks) < MASKS_KEPT:
            self._masks[self._tokens] = bits
        return bits

    def _give_up(self) -> None:
        self.gave_up = _problem(self._matcher)
        _LOG.warning("grammar: the rest of a turn is decoded freely: %s", self.gave_up)


class _Compiled:
    """A compiled grammar, the masks of its first tokens, and why llguidance refuses it, if it does."""

    def __init__(self, matcher: LLMatcher) -> None:
        self.matcher = matcher
        self.problem = _problem(matcher) if matcher.is_error() else None
        self.masks: dict[tuple[int, ...], bytes] = {}


def _vocabulary(tokenizer: PreTrainedTokenizerBase, stops: Sequence[str]) -> LLTokenizer:
    try:
        from llguidance import LLTokenizer, TokenizerWrapper
    except ImportError as error:
        raise EngineError("constrained decoding needs a package: pip install 'toolft_pipeline[constrained]'") from error
    known = tokenizer.get_vocab()
    ends = [known[stop] for stop in stops if stop in known]
    if not ends:
        raise EngineError(f"constrained decoding: none of {', '.join(stops)} is a token of the model's tokenizer")
    wrapped = TokenizerWrapper(TokenBytes(tokenizer, ends=ends))
    return LLTokenizer(wrapped, eos_token=ends, slices=SLICES)


def _compile(vocabulary: LLTokenizer, grammar: str) -> _Compiled:
    from llguidance import LLMatcher, LLParserLimits

    compiled = _Compiled(LLMatcher(vocabulary, grammar, log_level=0, limits=LLParserLimits(verbose_errors=False)))
    if compiled.problem is not None:
        _LOG.warning("grammar: llguidance refuses a grammar, and its turns are decoded freely: %s", compiled.problem)
    return compiled


def _problem(matcher: LLMatcher) -> str:
    return matcher.get_error().splitlines()[0][:200]
