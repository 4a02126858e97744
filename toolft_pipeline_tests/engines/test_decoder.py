"""Continuous batching in fp32: the tokens of each request alone, whoever joins and leaves beside it."""

from __future__ import annotations

import copy
import random

import pytest
import torch

from toolft_pipeline.engines.decoder import ContinuousDecoder
from toolft_pipeline.engines.decoding.prefix_cache import PrefixCache
from toolft_pipeline.engines.decoding.stop_rule import StopRule
from toolft_pipeline.engines.decoding_row import Job
from toolft_pipeline.engines.engine import EndReason
from toolft_pipeline_tests.engines.decoded_models import TinyModel, drawn_ids
from toolft_pipeline_tests.engines.decoders import NEW_TOKENS, Answers, answered, decoder, request
from toolft_pipeline_tests.pretended_cuda import CUDA, pretended_cuda


@pytest.mark.parametrize("seed", range(2))
def test_joins_and_leaves_at_random_change_no_token(tiny: TinyModel, seed: int) -> None:
    """Prompts of up to 150 tokens around windows of 32 or 64; every third request is cancelled midway."""
    drawn = random.Random(seed)
    engine, answers = decoder(tiny, prefix_bytes=200_000), Answers()
    beginnings = [drawn_ids(drawn, length) for length in (40, 90)]
    jobs = []
    for number in range(12):
        ids = drawn.choice([(), *beginnings]) + drawn_ids(drawn, drawn.randint(1, 60))
        jobs.append(Job(request=request(ids, max_new_tokens=drawn.randint(1, NEW_TOKENS))))
        engine.add(jobs[-1])
        for _ in range(drawn.randrange(5)):
            answers.turn(engine)
        if number % 3 == 2:
            drawn.choice(jobs).cancelled = True
    answers.finish(engine)
    assert not answers.errors
    for job in jobs:
        generation, tokens = tiny.alone(job.request.ids, max_new_tokens=job.request.max_new_tokens)
        if job.cancelled and (not answers.chunks[job] or answers.chunks[job][-1].end is None):
            assert answers.tokens(job) == tokens[: len(answers.tokens(job))]
        else:
            assert answers.tokens(job) == tokens
            assert answers.text(job) == generation.text
            assert answers.chunks[job][-1].end is EndReason.LENGTH


def test_answers_depend_on_a_token_far_back(tiny: TinyModel) -> None:
    """Without this the comparisons would prove nothing."""
    ids = drawn_ids(random.Random(0), 150)
    other = (*ids[:10], *ids[13:16], *ids[13:])
    assert tiny.alone(ids, max_new_tokens=NEW_TOKENS)[1] != tiny.alone(other, max_new_tokens=NEW_TOKENS)[1]


def test_next_turn_of_a_conversation_prefills_only_what_is_new(tiny: TinyModel) -> None:
    drawn = random.Random(1)
    engine = decoder(tiny, prefix_bytes=10_000_000)
    ids, reused = drawn_ids(drawn, 70), []
    for _ in range(3):
        answers, (job, _other) = answered(engine, request(ids), request(drawn_ids(drawn, 33)))
        assert answers.tokens(job) == tiny.alone(ids, max_new_tokens=NEW_TOKENS)[1]
        reused.append(answers.chunks[job][0].n_reused)
        ids = (*ids, *answers.tokens(job), *drawn_ids(drawn, 20))
    turn = NEW_TOKENS + 20
    assert reused == [0, 70 + NEW_TOKENS - 1, 70 + turn + NEW_TOKENS - 1], "all but the last token, which was not read"


def test_a_shared_beginning_is_prefilled_once_in_a_burst(gemma: TinyModel) -> None:
    drawn = random.Random(2)
    beginning = drawn_ids(drawn, 60)
    prompts = [beginning + drawn_ids(drawn, 9) for _ in range(4)]
    answers, jobs = answered(decoder(gemma, prefix_bytes=10_000_000), *map(request, prompts))
    assert [answers.chunks[job][0].n_reused for job in jobs] == [0, 60, 60, 60]
    for job, ids in zip(jobs, prompts, strict=True):
        assert answers.tokens(job) == gemma.alone(ids, max_new_tokens=NEW_TOKENS)[1]


def test_same_prompt_again_computes_its_last_token(gemma: TinyModel) -> None:
    ids, engine = drawn_ids(random.Random(3), 40), decoder(gemma, prefix_bytes=10_000_000)
    first, (one,) = answered(engine, request(ids))
    second, (two,) = answered(engine, request(ids))
    assert second.chunks[two][0].n_reused == 39
    assert first.tokens(one) == second.tokens(two)


def test_stop_tokens_and_stop_texts_end_as_in_evaluation(tiny: TinyModel) -> None:
    drawn = random.Random(4)
    prompts = [drawn_ids(drawn, 30) for _ in range(6)]
    texts = sorted((tiny.alone(ids, max_new_tokens=NEW_TOKENS)[0].text for ids in prompts), key=len)
    stops = (texts[-1][4:7], texts[-2][-2:], "<end_of_turn>", "<|im_end|>")
    answers, jobs = answered(decoder(tiny, stops=stops), *map(request, prompts))
    stopped = 0
    for job in jobs:
        generation, tokens = tiny.alone(job.request.ids, max_new_tokens=NEW_TOKENS, stops=stops)
        assert (answers.text(job), answers.tokens(job)) == (generation.text, tokens)
        assert (answers.chunks[job][-1].end is EndReason.STOP) == generation.finished
        stopped += generation.finished
    assert stopped >= 2


def test_a_stop_token_is_no_text(gemma: TinyModel) -> None:
    """The second token of an answer, made a special one, stops it."""
    ids = drawn_ids(random.Random(5), 20)
    _, (_, second, *_) = gemma.alone(ids, max_new_tokens=4)
    rule = StopRule(gemma.tokenizer, ())
    rule.ids = frozenset({second})
    engine = ContinuousDecoder(gemma.model, stops=rule, batch_size=1, prefixes=PrefixCache(0))
    answers, (job,) = answered(engine, request(ids))
    assert answers.text(job) == gemma.tokenizer.decode(answers.tokens(job)[:1])
    assert answers.chunks[job][-1].end is EndReason.STOP
    assert len(answers.tokens(job)) == 2


def test_a_seed_repeats_whatever_else_is_in_the_batch(tiny: TinyModel) -> None:
    drawn = random.Random(6)
    ids = drawn_ids(drawn, 50)
    sampled = request(ids, temperature=1.5, top_p=0.9, seed=7)
    alone, (one,) = answered(decoder(tiny), sampled)
    others = [request(drawn_ids(drawn, length), temperature=1.0, seed=length) for length in (5, 80, 20)]
    beside, jobs = answered(decoder(tiny), *others[:2], sampled, others[2])
    assert beside.tokens(jobs[2]) == alone.tokens(one)
    other_seed, (two,) = answered(decoder(tiny), request(ids, temperature=1.5, top_p=0.9, seed=8))
    assert other_seed.tokens(two) != alone.tokens(one)


class _OnlyEven:
    """A grammar of even tokens; ends with an error after a number of them."""

    def __init__(self, fails_after: int = 1000) -> None:
        self.accepted: list[int] = []
        self._fails_after = fails_after

    def allowed(self, logits: torch.Tensor) -> torch.Tensor:
        logits[1::2] = -torch.inf
        return logits

    def accept(self, token: int) -> None:
        self.accepted.append(token)
        if len(self.accepted) > self._fails_after:
            raise RuntimeError("the grammar is confused")


def test_a_grammar_masks_its_own_row_and_counts_where_it_decided(gemma: TinyModel) -> None:
    drawn = random.Random(15)
    prompts = [drawn_ids(drawn, 30) for _ in range(3)]
    masks = [None, _OnlyEven(), _OnlyEven(fails_after=3)]
    engine, answers = decoder(gemma), Answers()
    jobs = [Job(request=request(ids), mask=mask) for ids, mask in zip(prompts, masks, strict=True)]
    for job in jobs:
        engine.add(job)
    answers.finish(engine)
    assert answers.tokens(jobs[0]) == gemma.alone(prompts[0], max_new_tokens=NEW_TOKENS)[1]
    even = answers.tokens(jobs[1])
    assert len(even) == NEW_TOKENS
    assert all(token % 2 == 0 for token in even)
    assert masks[1].accepted == even[:-1]  # type: ignore[union-attr]
    assert 0 < sum(chunk.n_corrected for chunk in answers.chunks[jobs[1]]) < NEW_TOKENS
    assert "the grammar is confused" in str(answers.errors[jobs[2]])


def test_decoder_runs_on_one_device(gemma: TinyModel) -> None:
    """On a pretended CUDA device, which raises where two devices meet."""
    drawn = random.Random(16)
    prompts = [drawn_ids(drawn, length) for length in (30, 5, 70, 12)]
    with pretended_cuda():
        model = copy.deepcopy(gemma.model).to("cuda")
        assert model.device == CUDA
        engine = ContinuousDecoder(
            model, stops=StopRule(gemma.tokenizer, ("x",)), batch_size=3, prefixes=PrefixCache(10**7), chunk_beside=8
        )
        answers, _jobs = answered(
            engine, *map(request, prompts), request(prompts[1], temperature=1.0, top_p=0.9, seed=1), request(prompts[0])
        )
        assert not answers.errors
