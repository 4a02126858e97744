"""Continuous batching: requests join the running batch, are decoded side by side, and leave it when they end.

Invariant: a request's tokens are those that it would get alone, up to the rounding of batched arithmetic (in fp32 the
same). Requests start in the order in which they came, so nobody starves. A newcomer's prompt is prefilled in chunks
between the steps of the batch, so nobody waits long for it either. All of it runs on one thread.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from toolft_pipeline.engines.decoding.prefix_cache import PrefixCache
from toolft_pipeline.engines.decoding.slot_cache import SlotCache, cached_layers
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
    ) -> None:
        self._model = model
        self._stops = stops
        self._batch_size = batch_size
        self._prefixes = prefixes
        self._tokens_at_once = tokens_at_once
        self._chunk_beside = chunk_beside
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
        while self._waiting:
            running = [row.job.most_tokens for row in (*self._rows, *self._newcomers)]
            together = (len(running) + 1) * max(self._waiting[0].most_tokens, *running, 0)
            if running and (len(running) >= self._batch_size or together > self._tokens_at_once):
                return
            job = self._waiting.popleft()
            job.running = True
            self._newcomers.append(DecodingRow(job, self._stops))

    def _prefill(self) -> None:
        budget = self._chunk_beside if self._rows else CHUNK_ALONE
        while self._newcomers and budget > 0:
            row = self._newcomers[0]
            if self._join_if_cached(row):
                continue
            try:
                before = row.n_cached
                logits = self._read(row, min(budget, CHUNK_ALONE))
            except Exception as error:
                self._newcomers.popleft()
                self._failed([row], error)
                continue
            self._failures = 0
            budget -= row.n_cached - max(before, row.n_reused)
            if row.n_cached == len(row.ids):
                self._newcomers.popleft()
                self._join(row, logits)

    def _join_if_cached(self, row: DecodingRow) -> bool:
        """Add a row whose prompt is cached except its last token to the batch; the next step computes that token."""
        if row.cache is not None:
            return False
        known = self._prefixes.find(row.ids)
        if not known or known[0][0].shape[2] < len(row.ids) - 1:
            return False
        row.n_cached = row.n_reused = len(row.ids) - 1
        self._newcomers.popleft()
        self._slots.join(known)
        self._rows.append(row)
        return True

    def _read(self, row: DecodingRow, most: int) -> torch.Tensor:
        """Prefill the next tokens of a prompt, at most so many; the logits after the last."""
        import torch
        from transformers import DynamicCache

        if row.cache is None:  # every layer keeps every token: sliding windows are masks
            known = self._prefixes.find(row.ids)
            row.cache = DynamicCache(ddp_cache_data=known) if known else DynamicCache()
            row.n_cached = row.n_reused = known[0][0].shape[2] if known else 0
        chunk = row.ids[row.n_cached : row.n_cached + most]
        logits: torch.Tensor = self._model(
            input_ids=torch.tensor([chunk], device=self._model.device), past_key_values=row.cache, use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]  # fmt: skip
        row.n_cached += len(chunk)
        return logits

    def _join(self, row: DecodingRow, logits: torch.Tensor) -> None:
        """Write the first token; a row that goes on joins the batch."""
        assert row.cache is not None
        layers, row.cache = cached_layers(row.cache), None
        self._prefixes.keep(row.ids, layers)
        if self._write(row, logits[0], int(logits[0].argmax())):
            self._slots.join(layers)
            self._rows.append(row)

    def _step(self) -> None:
        """One more token of every row. From the last slot on, because a row that leaves moves the last one."""
        try:
            logits = self._slots.step(self._model, [row.last_token for row in self._rows])
            likely = logits.argmax(-1).tolist()
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
