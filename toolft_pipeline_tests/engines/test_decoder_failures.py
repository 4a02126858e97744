"""A pass of the model that fails ends the requests concerned, and no others."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from toolft_pipeline.engines.decoding_row import Job
from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline_tests.engines.decoded_models import TinyModel, drawn_ids
from toolft_pipeline_tests.engines.decoders import NEW_TOKENS, answered, decoder, request


class _Fails:
    """A model whose passes over prompts, or whose steps, fail with so many rows."""

    def __init__(self, model: Any, *, rows: int, times: int = 1, prompts: bool = False) -> None:
        self._model, self._rows, self._times, self._prompts = model, rows, times, prompts
        self.device = model.device

    def base_model(self, **inputs: Any) -> Any:
        self._perhaps(inputs["input_ids"], prompts=True)
        return self._model.base_model(**inputs)

    def __call__(self, **inputs: Any) -> Any:
        self._perhaps(inputs["input_ids"], prompts=False)
        return self._model(**inputs)

    def _perhaps(self, ids: torch.Tensor, *, prompts: bool) -> None:
        if prompts is self._prompts and len(ids) == self._rows and self._times:
            self._times -= 1
            raise RuntimeError("out of memory\nand more")


def test_a_failed_step_ends_its_rows_with_an_error_and_goes_on(gemma: TinyModel) -> None:
    engine = decoder(gemma)
    engine._model = _Fails(gemma.model, rows=2)
    drawn = random.Random(12)
    prompts = [drawn_ids(drawn, 20) for _ in range(2)]
    answers, jobs = answered(engine, *map(request, prompts))
    for job in jobs:
        assert "failed to decode this request: RuntimeError: out of memory" in str(answers.errors[job])
        assert "and more" not in str(answers.errors[job])
    assert engine.n_bytes == 0
    again, (job,) = answered(engine, request(prompts[0]))
    assert again.tokens(job) == gemma.alone(prompts[0], max_new_tokens=NEW_TOKENS)[1]


def test_prompts_that_fail_together_are_read_alone(gemma: TinyModel) -> None:
    engine, drawn = decoder(gemma, chunk_beside=100), random.Random(17)
    engine._model = _Fails(gemma.model, rows=3, prompts=True)
    prompts = [drawn_ids(drawn, length) for length in (20, 22, 18)]
    answers, jobs = answered(engine, *map(request, prompts))
    assert engine._model._times == 0
    assert not answers.errors
    for job, ids in zip(jobs, prompts, strict=True):
        assert answers.tokens(job) == gemma.alone(ids, max_new_tokens=NEW_TOKENS)[1]


def test_a_failed_prefill_ends_one_request(gemma: TinyModel) -> None:
    engine = decoder(gemma)
    drawn = random.Random(13)
    prompts = [drawn_ids(drawn, length) for length in (20, 600)]
    engine._model = _Fails(gemma.model, rows=1, prompts=True)
    answers, (one, two) = answered(engine, *map(request, prompts))
    assert one in answers.errors
    assert answers.tokens(two) == gemma.alone(prompts[1], max_new_tokens=NEW_TOKENS)[1]


def test_a_model_that_fails_again_and_again_is_given_up(gemma: TinyModel) -> None:
    engine = decoder(gemma)
    engine._model = _Fails(gemma.model, rows=1, times=3, prompts=True)
    for length in (600, 601, 602):
        engine.add(Job(request=request(drawn_ids(random.Random(14), length))))
    with pytest.raises(EngineError, match="failed 3 times in a row, the last time with: RuntimeError: out of memory"):
        engine.turn()
