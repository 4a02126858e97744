"""Continuous batching: requests join the running batch, are decoded side by side, and leave it when they end.

Invariant: a request's tokens are those that it would get alone, up to the rounding of batched arithmetic (in fp32 the
same). Requests start in the order in which they came, so nobody starves. Prompts are read between the steps of the
batch, long ones in chunks and short ones together, so nobody waits long for them either; a prompt's last token is left
to the next step of the batch. All of it runs on one thread.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolft_pipeline.engines.decoding.prefix_cache import SHORTEST, PrefixCache, shared_tokens
from toolft_pipeline.engines.decoding.prompt_reader import read_prompts, saves_time
from toolft_pipeline.engines.decoding.slot_cache import SlotCache
from toolft_pipeline.engines.decoding.stop_rule import StopRule
from toolft_pipeline.engines.decoding_row import DecodingRow, Delivery, Job
from toolft_pipeline.engines.engine import EngineError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

TOKENS_AT_ONCE = 32_768
"""Token limit of a batch, prompts and answers: 0.6 GB of keys and values for Gemma 3 270M."""

CHUNK_ALONE = 512
"""Prompt tokens of one pass, at most: bounds the attention's memory and, while no row decodes, the time until a cancel
is seen."""

CHUNK_BESIDE = 128
"""Prompt tokens between two steps of the batch on a CPU: 0.1 to 0.2 s for Gemma 3 270M. On a GPU a pass over
`CHUNK_ALONE` takes hardly longer than a step."""

FAILURES_IN_A_ROW = 3
"""Passes of the model that fail one after the other before the decoder gives up."""


class ContinuousDecoder:
    """Decodes with one model. `turn` does the work of one step and returns what it made."""

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        stops: StopRule,
        batch_size: int,
        prefixes: PrefixCache,
        tokens_at_once: int = TOKENS_AT_ONCE,
        chunk_beside: int = CHUNK_BESIDE,
        refill: int = 1,
    ) -> None:
        """`refill` is the number of free places from which on they are given to those that wait: prompts that start at
        the same time are read together."""
        self._model = model
        self._stops = stops
        self._batch_size = batch_size
        self._prefixes = prefixes
        self._tokens_at_once = tokens_at_once
        self._chunk_beside = chunk_beside
        self._refill = refill
        self._waiting: deque[Job] = deque()
        self._newcomers: deque[DecodingRow] = deque()
        self._rows: list[DecodingRow] = []
        self._slots = SlotCache()
        self._made: list[Delivery] = []
        self._failures = 0

    @property
    def is_busy(self) -> bool:
        """Whether a turn would do anything."""
        return bool(self._waiting or self._newcomers or self._rows)

    @property
    def n_bytes(self) -> int:
        """Keys and values of running rows and of the prefix cache."""
        return self._slots.n_bytes + self._prefixes.n_bytes

    def add(self, job: Job) -> None:
        """Queue a request."""
        self._waiting.append(job)

    def refuse_waiting(self, reason: str) -> list[Delivery]:
        """Refuse what waits; what runs goes on."""
        refused: list[Delivery] = [(job, EngineError(reason)) for job in self._waiting]
        self._waiting.clear()
        return refused

    def turn(self) -> list[Delivery]:
        """Admit, prefill a chunk, decode one token of every row. Raises `EngineError` once the model fails for good."""
        import torch

        with torch.inference_mode():
            self._drop_cancelled()
            self._admit()
            self._prefill()
            if self._rows:
                self._step()
        made, self._made = self._made, []
        return made

    def _drop_cancelled(self) -> None:
        self._waiting = deque(job for job in self._waiting if not job.cancelled)
        self._newcomers = deque(row for row in self._newcomers if not row.job.cancelled)
        for slot in reversed(range(len(self._rows))):
            if self._rows[slot].job.cancelled:
                self._leave(slot)

    def _admit(self) -> None:
        """Take the first in the queue as long as the batch has room for it: nobody overtakes it."""
        free = self._batch_size - len(self._rows) - len(self._newcomers)
        if free < min(self._refill, len(self._waiting)) and self._rows:
            return
        while self._waiting:
            running = [row.job.most_tokens for row in (*self._rows, *self._newcomers)]
            together = (len(running) + 1) * max(self._waiting[0].most_tokens, *running, 0)
            if running and (len(running) >= self._batch_size or together > self._tokens_at_once):
                return
            job = self._waiting.popleft()
            job.running = True
            self._newcomers.append(DecodingRow(job, self._stops))

    def _prefill(self) -> None:
        budget = self._chunk_beside if self._rows else max(CHUNK_ALONE, self._chunk_beside)
        while self._newcomers and budget > 0:
            first = self._newcomers[0]
            first.look_up(self._prefixes)
            if first.is_read:
                self._join(first)
                continue
            most = min(budget, CHUNK_ALONE)
            group = self._read_together(first, most)
            try:
                budget -= self._read(group, most)
            except Exception as error:
                if len(group) == 1:
                    self._newcomers.remove(first)
                    self._failed(group, error)
                for row in group:
                    row.reads_alone = True
                continue
            self._failures = 0
            for row in group:
                if row.is_read:
                    self._prefixes.keep(row.prompt, row.known)
                    self._join(row)

    def _read_together(self, first: DecodingRow, most: int) -> list[DecodingRow]:
        """The newcomers whose prompts are read in one pass with the first one's, at most so many tokens in all.

        A prompt that begins like one of them waits, and will find that beginning in the prefix cache.
        """
        group, longest = [first], first.n_unread
        if first.reads_alone or longest > most:
            return group
        for row in itertools.islice(self._newcomers, 1, None):
            row.look_up(self._prefixes)
            if row.is_read or row.reads_alone:
                continue
            if any(shared_tokens(row.prompt, other.prompt) >= row.n_cached + SHORTEST for other in group):
                row.forget_look_up()
                continue
            padded = max(longest, row.n_unread)
            if (len(group) + 1) * padded <= most and saves_time(row.n_unread, longest, len(group)):
                group.append(row)
                longest = padded
        return group

    def _read(self, group: Sequence[DecodingRow], most: int) -> int:
        """Read the next tokens of prompts, of a single one at most so many; returns how many were computed."""
        ends = [min(len(row.prompt), row.n_cached + most) for row in group]
        new = max(end - row.n_cached for end, row in zip(ends, group, strict=True))
        prompts = [row.prompt[:end] for end, row in zip(ends, group, strict=True)]
        layers = read_prompts(self._model, prompts, [row.known for row in group])
        for row, known in zip(group, layers, strict=True):
            row.known = known
        return len(group) * max(new, 1)

    def _join(self, row: DecodingRow) -> None:
        """Add a row to the batch; the next step computes the last token of its prompt."""
        self._newcomers.remove(row)
        self._slots.join(row.known)
        row.known = []
        self._rows.append(row)

    def _step(self) -> None:
        """One more token of every row. From the last slot on, because a row that leaves moves the last one."""
        try:
            logits = self._slots.step(self._model, [row.last_token for row in self._rows])
            likely = logits.max(-1).indices.tolist()
        except Exception as error:
            rows, self._rows, self._slots = self._rows, [], SlotCache()
            self._failed(rows, error)
            return
        self._failures = 0
        for slot in reversed(range(len(self._rows))):
            row = self._rows[slot]
            if not self._write(row, logits[slot], likely[slot]):
                self._prefixes.keep((*row.ids, *row.written[:-1]), self._slots.row(slot))
                self._leave(slot)

    def _leave(self, slot: int) -> None:
        """Remove a row; the last takes its slot, as in the keys and values."""
        self._slots.leave(slot)
        last = self._rows.pop()
        if slot < len(self._rows):
            self._rows[slot] = last

    def _write(self, row: DecodingRow, logits: torch.Tensor, likely: int) -> bool:
        """Add a token and deliver what it makes; whether the row goes on. What fails here fails this row alone."""
        try:
            chunk = row.write(logits, likely)
        except Exception as error:
            self._made.append((row.job, _as_engine_error(error)))
            return False
        if chunk is not None:
            self._made.append((row.job, chunk))
        return chunk is None or chunk.end is None

    def _failed(self, rows: list[DecodingRow], error: Exception) -> None:
        """A pass of the model failed: its rows end with an error, and memory that can be spared is given back."""
        import torch

        self._made += [(row.job, _as_engine_error(error)) for row in rows]
        self._prefixes.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            raise EngineError(f"the model failed {self._failures} times in a row, the last time with: {_line(error)}")


def _as_engine_error(error: Exception) -> EngineError:
    if isinstance(error, EngineError):
        return error
    failed = EngineError(f"the transformers engine failed to decode this request: {_line(error)}")
    failed.__cause__ = error
    return failed


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
