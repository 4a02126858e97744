"""Who runs, who waits, who leaves: turns of the batch."""

from __future__ import annotations

import random
from typing import Any

import pytest

from toolft_pipeline.engines.decoding import slot_cache
from toolft_pipeline.engines.decoding_row import Job
from toolft_pipeline_tests.engines.decoded_models import TinyModel, drawn_ids
from toolft_pipeline_tests.engines.decoders import NEW_TOKENS, Answers, answered, decoder, request


def test_a_newcomer_stalls_the_batch_for_one_chunk_at_a_time(gemma: TinyModel) -> None:
    """A row that decodes gets a token every turn while 100 prompt tokens are read in chunks of 24."""
    drawn = random.Random(7)
    engine, answers = decoder(gemma), Answers()
    running, newcomer = Job(request=request(drawn_ids(drawn, 10))), Job(request=request(drawn_ids(drawn, 100)))
    engine.add(running)
    answers.turn(engine)
    engine.add(newcomer)
    written = []
    while not answers.chunks[newcomer]:
        answers.turn(engine)
        written.append(len(engine._rows[0].written))
    assert written[:5] == [2, 3, 4, 5, 6]


def test_cancelled_rows_leave_at_the_next_step(gemma: TinyModel) -> None:
    drawn = random.Random(8)
    engine, answers = decoder(gemma, batch_size=3), Answers()
    jobs = [Job(request=request(drawn_ids(drawn, 20))) for _ in range(5)]
    for job in jobs:
        engine.add(job)
    answers.turn(engine)
    assert [job.running for job in jobs] == [True, True, True, False, False]
    jobs[0].cancelled = jobs[3].cancelled = True
    answers.turn(engine)
    assert [job.running for job in jobs] == [True, True, True, False, True]
    assert len(engine._rows) == 3
    answers.finish(engine)
    assert not answers.chunks[jobs[3]]


def test_nobody_overtakes_a_long_prompt(gemma: TinyModel) -> None:
    """The long one waits for room; short ones behind it wait for it."""
    drawn = random.Random(9)
    engine, answers = decoder(gemma, tokens_at_once=200), Answers()
    lengths = (20, 20, 150, 10, 10)
    jobs = [Job(request=request(drawn_ids(drawn, length))) for length in lengths]
    for job in jobs:
        engine.add(job)
    order = []
    while engine.is_busy:
        answers.turn(engine)
        order += [number for number, job in enumerate(jobs) if job.running and number not in order]
        if jobs[2].running and answers.chunks[jobs[2]] and answers.chunks[jobs[2]][-1].end is None:
            assert len(engine._rows) == 1, "two rows of 166 tokens are more than 200"
    assert order == [0, 1, 2, 3, 4]
    assert [len(answers.tokens(job)) for job in jobs] == [NEW_TOKENS] * 5


def test_a_request_larger_than_the_batch_runs_alone(gemma: TinyModel) -> None:
    ids = drawn_ids(random.Random(10), 150)
    answers, (job,) = answered(decoder(gemma, tokens_at_once=100), request(ids))
    assert answers.tokens(job) == gemma.alone(ids, max_new_tokens=NEW_TOKENS)[1]


def test_memory_of_a_batch_that_never_empties_is_bounded(gemma: TinyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """330 steps, always two rows: the buffer is laid out again and again, and does not grow."""
    monkeypatch.setattr(slot_cache, "ROOM", 16)
    drawn = random.Random(11)
    engine, answers = decoder(gemma, batch_size=2, prefix_bytes=50_000), Answers()
    sizes = []
    for number in range(30):
        engine.add(Job(request=request(drawn_ids(drawn, 20), max_new_tokens=20 + number % 3)))
        for _ in range(11):
            answers.turn(engine)
            sizes.append(engine.n_bytes)
    assert max(sizes[150:]) <= max(sizes[:150])
    assert max(sizes) <= 50_000 + 2 * (42 + 2 * 16) * 2 * 2 * 16 * 4
    answers.finish(engine)
    assert engine.n_bytes <= 50_000, "an idle batch holds nothing"


def test_free_places_are_given_away_together(gemma: TinyModel) -> None:
    """With `refill` 3, those that wait start when three of four rows have ended, or none is left."""
    drawn = random.Random(18)
    engine, answers = decoder(gemma, refill=3), Answers()
    lengths = (2, 4, 6, 8, 3, 3, 3, 3)
    jobs = [Job(request=request(drawn_ids(drawn, 10), max_new_tokens=length)) for length in lengths]
    for job in jobs:
        engine.add(job)
    running = []
    while engine.is_busy:
        answers.turn(engine)
        running.append(sum(job.running for job in jobs))
    assert running[:6] == [4] * 6
    assert running[6] == 7
    assert running[-1] == 8
    assert [len(answers.tokens(job)) for job in jobs] == list(lengths)


def test_prompts_that_start_together_are_read_together(gemma: TinyModel) -> None:
    """Five prompts in three passes: two wait for the beginning that the first one has too, and a long one is alone."""
    drawn = random.Random(19)
    beginning = drawn_ids(drawn, 30)
    prompts = [
        beginning + drawn_ids(drawn, 8),
        beginning + drawn_ids(drawn, 9),
        drawn_ids(drawn, 25),
        beginning + drawn_ids(drawn, 5),
        drawn_ids(drawn, 400),
    ]
    engine, passes = decoder(gemma, batch_size=5, prefix_bytes=10_000_000), []
    engine._model = _Counted(gemma.model, passes)
    answers, jobs = answered(engine, *map(request, prompts))
    assert passes == [(2, 37), (2, 8), (1, 399)]
    assert [answers.chunks[job][0].n_reused for job in jobs] == [0, 30, 0, 30, 0]
    for job, ids in zip(jobs, prompts, strict=True):
        assert answers.tokens(job) == gemma.alone(ids, max_new_tokens=NEW_TOKENS)[1]


class _Counted:
    """A model that notes the shape of each pass over prompts."""

    def __init__(self, model: Any, passes: list[tuple[int, ...]]) -> None:
        self._model, self._passes, self.device = model, passes, model.device

    def base_model(self, **inputs: Any) -> Any:
        self._passes.append(tuple(inputs["input_ids"].shape))
        return self._model.base_model(**inputs)

    def __call__(self, **inputs: Any) -> Any:
        return self._model(**inputs)
