"""One request on its way through the decoder: waiting, then prefilled, then a row of the batch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolft_pipeline.engines.decoding.prefix_cache import PrefixCache
from toolft_pipeline.engines.decoding.slot_cache import KeyValues
from toolft_pipeline.engines.decoding.stop_rule import StopRule
from toolft_pipeline.engines.decoding.text_stream import TextStream
from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EndReason, EngineError
from toolft_pipeline.engines.sampling import Sampler
from toolft_pipeline.engines.token_mask import TokenMask

if TYPE_CHECKING:
    import torch


@dataclass(eq=False, kw_only=True)
class Job:
    """A request and what may be asked of it from other threads."""

    request: DecodeRequest
    mask: TokenMask | None = None
    cancelled: bool = False
    """May be set by any thread; seen at the next step."""
    running: bool = False
    """Whether it has left the queue."""
    asked_at: float = field(default_factory=time.monotonic)

    @property
    def most_tokens(self) -> int:
        """Tokens of prompt and longest answer."""
        return len(self.request.ids) + self.request.max_new_tokens


Delivery = tuple[Job, Chunk | EngineError]
"""A part of an answer, or the reason for its absence."""


class DecodingRow:
    """A request that is prefilled or decoded: its tokens, and the chunks that they become."""

    def __init__(self, job: Job, stops: StopRule) -> None:
        self.job = job
        self.prompt = job.request.ids[:-1]
        """What is read before the row joins the batch."""
        self.known: KeyValues = []
        """Keys and values of its first tokens, until it joins."""
        self.n_reused = 0
        self.reads_alone = False
        """Whether no other prompt is read beside it: a pass of several failed."""
        self._looked_up = False
        self.written: list[int] = []
        self.sampler = Sampler(job.request, job.mask)
        self._stops = stops
        self._text = TextStream(stops)
        self._first: dict[str, Any] = {"queued_ms": (time.monotonic() - job.asked_at) * 1000}
        """Figures that the first chunk carries."""
        self._n_sent = 0
        self._n_corrected = 0

    @property
    def ids(self) -> tuple[int, ...]:
        """The prompt."""
        return self.job.request.ids

    @property
    def n_cached(self) -> int:
        """Tokens of `known`."""
        return self.known[0][0].shape[2] if self.known else 0

    @property
    def n_unread(self) -> int:
        """Tokens of the prompt that are still to be read."""
        return len(self.prompt) - self.n_cached

    @property
    def is_read(self) -> bool:
        """Whether the row can join. An empty prompt is read too: its keys and values have a shape."""
        return bool(self.known) and not self.n_unread

    def look_up(self, prefixes: PrefixCache) -> None:
        """Take what is known of the prompt, once."""
        if not self._looked_up:
            self.known, self._looked_up = prefixes.find(self.ids), True
            self.n_reused = self.n_cached

    def forget_look_up(self) -> None:
        """Look up again, when more may be known."""
        self.known, self._looked_up = [], False

    @property
    def last_token(self) -> int:
        """The token that the next step reads: the last one written, or the prompt's."""
        return self.written[-1] if self.written else self.ids[-1]

    def write(self, logits: torch.Tensor, likely: int) -> Chunk | None:
        """Add the next token by its logits, of which `likely` is the largest; a chunk if there is text to give out."""
        sampler = self.sampler
        self.written.append(likely if sampler.is_plain else sampler.choose(logits))
        if self._stops.ends(self.written):
            return self._chunk(self._text.rest(self.written), end=EndReason.STOP)
        if len(self.written) >= self.job.request.max_new_tokens:
            return self._chunk(self._text.rest(self.written), end=EndReason.LENGTH)
        sampler.accept(self.written[-1])
        text = self._text.more(self.written)
        return self._chunk(text, end=None) if text else None

    def _chunk(self, text: str, *, end: EndReason | None) -> Chunk:
        tokens = tuple(self.written[self._n_sent :])
        first = self._first | {"n_reused": self.n_reused} if self._first else {}
        corrected = self.sampler.n_corrected - self._n_corrected
        self._first, self._n_sent, self._n_corrected = {}, len(self.written), self.sampler.n_corrected
        return Chunk(text=text, token_ids=tokens, n_new_tokens=len(tokens), n_corrected=corrected, end=end, **first)
