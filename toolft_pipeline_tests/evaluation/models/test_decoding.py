"""Batched decoding of a tiny random model in fp32: the same tokens however rows are put together."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.model_loading import DecodingError, load_model
from toolft_pipeline.evaluation.models.decoding import TransformersGenerator
from toolft_pipeline.evaluation.models.generation import CachingGenerator, Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@pytest.fixture(scope="module")
def loaded(tiny_model_folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Layers scaled up and the output matrix drawn again, so that answers depend on tokens far back."""
    import torch
    from transformers import AutoTokenizer

    model = load_model(tiny_model_folder, compute=ComputeType.FP32)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        for name, weight in model.model.layers.named_parameters():
            if "proj" in name:
                weight.mul_(5)
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight))
    return model, AutoTokenizer.from_pretrained(tiny_model_folder)


def _generator(
    loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase],
    *,
    batch_size: int,
    max_new_tokens: int = 12,
    stops: tuple[str, ...] = ("<end_of_turn>",),
) -> TransformersGenerator:
    model, tokenizer = loaded
    return TransformersGenerator(
        model=model, tokenizer=tokenizer, stops=stops, max_new_tokens=max_new_tokens, batch_size=batch_size
    )


def _prompts(*, shared: int, lengths: tuple[int, ...]) -> list[list[int]]:
    drawn = random.Random(0)
    beginning = [drawn.randrange(300, 200_000) for _ in range(shared)]
    return [beginning + [drawn.randrange(300, 200_000) for _ in range(length)] for length in lengths]


@pytest.mark.parametrize("shared", [0, 100, 700])
def test_decoding_any_batch_gives_the_tokens_of_each_row_alone(
    loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase], shared: int
) -> None:
    """700 shared tokens are more than the sliding window: a padding gap inside it would show."""
    prompts = _prompts(shared=shared, lengths=(40, 7, 90, 1, 23))
    alone = [_generator(loaded, batch_size=1).generate([prompt])[0].text for prompt in prompts]
    for batch_size in (2, 5):
        together = _generator(loaded, batch_size=batch_size).generate(prompts)
        assert [generation.text for generation in together] == alone


def test_decoding_answers_depend_on_a_token_far_back(
    loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase],
) -> None:
    """Without this the comparisons above would prove nothing."""
    (prompt,) = _prompts(shared=700, lengths=(7,))
    other = [*prompt[:250], *[5000] * 100, *prompt[350:]]
    answers = [_generator(loaded, batch_size=1).generate([each])[0].text for each in (prompt, other)]
    assert answers[0] != answers[1]


def test_decoding_equals_transformers_generate(loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase]) -> None:
    import torch

    model, tokenizer = loaded
    (prompt,) = _prompts(shared=0, lengths=(50,))
    ids = model.generate(torch.tensor([prompt]), max_new_tokens=12, do_sample=False, eos_token_id=None)
    (ours,) = _generator(loaded, batch_size=1).generate([prompt])
    assert ours.text == tokenizer.decode(ids[0, len(prompt) :])
    assert (ours.n_prompt_tokens, ours.n_new_tokens, ours.finished) == (50, 12, False)


def test_decoding_stop_text_ends_a_row_and_is_cut_off(
    loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase],
) -> None:
    prompts = _prompts(shared=0, lengths=(30, 20))
    whole = [generation.text for generation in _generator(loaded, batch_size=2).generate(prompts)]
    stop = whole[0][len(whole[0]) // 2 :][:4]
    stopped = _generator(loaded, batch_size=2, stops=(stop,)).generate(prompts)
    assert stopped[0].text == whole[0].split(stop)[0]
    assert stopped[0].finished
    assert stopped[0].n_new_tokens < 12


def test_decoding_folder_without_a_model_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DecodingError, match="not a model folder"):
        load_model(tmp_path, compute=ComputeType.BF16)


def test_remembering_asks_each_distinct_prompt_once(loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase]) -> None:
    prompts = _prompts(shared=0, lengths=(5, 6))
    inner = _generator(loaded, batch_size=4, max_new_tokens=2)
    remembering = CachingGenerator(inner)
    first = remembering.generate([prompts[0], prompts[1], prompts[0]])
    assert first[0] is first[2]
    assert remembering.generate([prompts[1]])[0] is first[1]


def test_decoding_says_how_many_rows_each_answer_shared_its_batch_with(
    loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase],
) -> None:
    """A latency means nothing without it: a row waits for its neighbours."""
    prompts = _prompts(shared=0, lengths=(9, 8, 7, 6, 5))
    answers = _generator(loaded, batch_size=3, max_new_tokens=2).generate(prompts)
    assert [answer.batch_rows for answer in answers] == [3] * 5
    (alone,) = _generator(loaded, batch_size=3, max_new_tokens=2).generate(prompts[:1])
    assert alone.batch_rows == 1


def test_decoding_with_seeds_draws_the_same_in_any_batch_and_order(
    loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase],
) -> None:
    """Long answers: a single token that another batch draws differently changes the rest of them."""
    prompts = _prompts(shared=100, lengths=(40, 7, 90, 1, 23))
    texts: dict[tuple[int, int], list[str]] = {}
    for repeat in (0, 1):
        for batch_size in (1, 2, 5):
            generator = _generator(loaded, batch_size=batch_size, max_new_tokens=24)
            generator.sampling = Sampling(temperature=0.8, repeat=repeat)
            answers = generator.generate(list(reversed(prompts)))
            texts[repeat, batch_size] = [answer.text for answer in reversed(answers)]
        assert texts[repeat, 1] == texts[repeat, 2] == texts[repeat, 5]
    greedy = [answer.text for answer in _generator(loaded, batch_size=5, max_new_tokens=24).generate(prompts)]
    assert all(len({texts[0, 1][row], texts[1, 1][row], greedy[row]}) == 3 for row in range(len(prompts)))


def test_steps_of_a_run_are_read_once(loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase]) -> None:
    """Of three prompts that go on from each other the longest is read, of the others one token each."""
    (longest,) = _prompts(shared=0, lengths=(200,))
    prompts = [longest[:80], longest, longest[:140]]
    alone = [_generator(loaded, batch_size=1).generate([prompt])[0].text for prompt in prompts]
    generator, read = _generator(loaded, batch_size=2), []
    hook = loaded[0].base_model.register_forward_pre_hook(
        lambda _module, _given, named: read.append(named["input_ids"].shape[1]), with_kwargs=True
    )
    try:
        together = generator.generate(prompts)
        assert sorted(read, reverse=True)[:4] == [199, 1, 1, 1]
        read.clear()
        followed = generator.generate([[*longest, 7, 8, 9]])
        assert read[:2] == [2, 1], "a later call knows the prompts of this one"
    finally:
        hook.remove()
    assert [generation.text for generation in together] == alone
    assert followed[0].text == _generator(loaded, batch_size=1).generate([[*longest, 7, 8, 9]])[0].text


def test_an_error_leaves_nothing_for_the_next_call(loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase]) -> None:
    prompts = _prompts(shared=0, lengths=(30, 20))
    generator = _generator(loaded, batch_size=1)
    failing = loaded[0].register_forward_pre_hook(_fail)
    with pytest.raises(EngineError, match="out of memory"):
        generator.generate(prompts)
    failing.remove()
    assert generator.generate(prompts[1:])[0].text == _generator(loaded, batch_size=1).generate(prompts[1:])[0].text


def _fail(*_given: object) -> None:
    raise RuntimeError("out of memory")
