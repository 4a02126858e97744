"""Decoding of many prompts with a loaded model, on CPU or CUDA: greedy, or drawn by seeds.

Invariant: an answer is the one that its prompt would get alone, up to the rounding of batched arithmetic (in fp32 the
same tokens). What prompts share with each other or with earlier ones (few-shot examples, a full catalog, the turns of a
conversation so far) is computed once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from toolft_pipeline.engines.decoder import ContinuousDecoder
from toolft_pipeline.engines.decoding.prefix_cache import PrefixCache
from toolft_pipeline.engines.decoding.stop_rule import StopRule
from toolft_pipeline.engines.decoding_row import Job
from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EndReason, EngineError
from toolft_pipeline.engines.token_mask import TokenMask
from toolft_pipeline.evaluation.models.generation import Generation, Generator, Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

REPORT_S = 10.0
"""Seconds between progress lines."""

PREFIX_CACHE_BYTES = 2 * 2**30
"""Keys and values kept for prompts to come: 110,000 tokens of Gemma 3 270M, 15,000 of a 4B."""

PREFILL_BETWEEN_STEPS = 2048
"""Prompt tokens that are read between two steps of the batch. Nobody waits for a single answer here, so it is more
than in serving: the batch fills soon, and a step costs about the same for one row as for all."""


class TransformersGenerator(Generator):
    """Decoding with transformers. Greedy, unless `sampling` says how tokens are drawn; it is set before the first call.

    Generators may share `prefixes`; with `PrefixCache(0)` every prompt is computed from its first token.
    """

    sampling: Sampling | None = None

    def __init__(
        self,
        *,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        stops: Sequence[str],
        max_new_tokens: int,
        batch_size: int,
        prefixes: PrefixCache | None = None,
        progress: Callable[[str], None] = lambda _line: None,
        mask_of_turn: Callable[[], TokenMask] | None = None,
    ) -> None:
        """`mask_of_turn` makes the mask of each answer, where decoding is constrained."""
        self._decoder = ContinuousDecoder(
            model,
            stops=StopRule(tokenizer, stops),
            batch_size=batch_size,
            prefixes=PrefixCache(PREFIX_CACHE_BYTES) if prefixes is None else prefixes,
            chunk_beside=PREFILL_BETWEEN_STEPS,
            refill=max(1, batch_size // 4),
        )
        self._mask_of_turn = mask_of_turn
        self._max_new_tokens = max_new_tokens
        self._batch_size = batch_size
        self._progress = progress
        self._reported = time.monotonic()

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        """Answer in the order of the prompts. Raises `EngineError`, and then answers none."""
        return [generation for generation, _ in self.answers(prompts)]

    def answers(self, prompts: Sequence[Sequence[int]]) -> list[tuple[Generation, tuple[int, ...]]]:
        """The same with the tokens of each answer, its stop token too.

        Prompts are decoded in descending order of their ids: prompts with the same beginning follow each other, and of
        two where one goes on from the other (the steps of a run) the longer is first, so the shorter is known by then.
        """
        started = time.monotonic()
        jobs = [self._job(prompt) for prompt in prompts]
        for job in sorted(jobs, key=lambda job: job.request.ids, reverse=True):
            self._decoder.add(job)
        answers = {job: _Answer(job) for job in jobs}
        try:
            while self._decoder.is_busy:
                for job, part in self._decoder.turn():
                    if job in answers:  # else of a call that failed
                        answers[job].add(part)
                self._report(list(answers.values()))
        finally:
            for job in jobs:  # an error or an interruption leaves nothing in the decoder for the next call
                job.cancelled = True
        busy_ms = (time.monotonic() - started) * 1000 / max(1, len(jobs))
        rows = min(len(jobs), self._batch_size)
        return [(answers[job].generation(busy_ms=busy_ms, batch_rows=rows), tuple(answers[job].tokens)) for job in jobs]

    def _job(self, prompt: Sequence[int]) -> Job:
        drawn = self.sampling
        request = DecodeRequest(
            ids=tuple(prompt),
            max_new_tokens=self._max_new_tokens,
            temperature=0.0 if drawn is None else drawn.temperature,
            seed=None if drawn is None else drawn.seed(prompt),
        )
        return Job(request=request, mask=None if self._mask_of_turn is None else self._mask_of_turn())

    def _report(self, answers: Sequence[_Answer]) -> None:
        now = time.monotonic()
        if now - self._reported < REPORT_S:
            return
        self._reported = now
        done = sum(answer.ended for answer in answers)
        tokens = sum(len(answer.tokens) for answer in answers)
        running = sum(answer.job.running and not answer.ended for answer in answers)
        self._progress(f"answered {done} of {len(answers)} prompts, {running} running, {tokens} tokens generated")


class _Answer:
    """What the decoder delivers for one prompt."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.tokens: list[int] = []
        self._text: list[str] = []
        self._queued_ms = 0.0
        self._end: EndReason | None = None
        self._ended_at = 0.0

    @property
    def ended(self) -> bool:
        return self._end is not None

    def add(self, part: Chunk | EngineError) -> None:
        """Take the next part. Raises the error that stands in its place."""
        if isinstance(part, EngineError):
            raise part
        self._text.append(part.text)
        self.tokens += part.token_ids
        self._queued_ms += part.queued_ms
        if part.end is not None:
            self._end, self._ended_at = part.end, time.monotonic()

    def generation(self, *, busy_ms: float, batch_rows: int) -> Generation:
        """The whole answer; its latency begins when the prompt is taken from the queue."""
        return Generation(
            text="".join(self._text),
            n_prompt_tokens=len(self.job.request.ids),
            n_new_tokens=len(self.tokens),
            latency_ms=(self._ended_at - self.job.asked_at) * 1000 - self._queued_ms,
            busy_ms=busy_ms,
            finished=self._end is EndReason.STOP,
            batch_rows=batch_rows,
        )
