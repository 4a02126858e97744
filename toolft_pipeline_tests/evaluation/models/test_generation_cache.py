"""Answers kept by prompt: what is asked again, and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.generation_cache import GenerationCache, PromptKind, read_generations


class Counting:
    """Answers with the prompt itself; notes what it was asked, and how often it was loaded."""

    def __init__(self) -> None:
        self.loads = 0
        self.asked: list[list[int]] = []

    def load(self) -> Counting:
        self.loads += 1
        return self

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        self.asked += [list(prompt) for prompt in prompts]
        return [
            Generation(text=str(list(p)), n_prompt_tokens=len(p), n_new_tokens=2, latency_ms=1.5, busy_ms=0.5)
            for p in prompts
        ]


def texts(answers: list[Generation]) -> list[str]:
    return [answer.text for answer in answers]


def test_cache_asks_each_prompt_once_and_loads_for_the_first(tmp_path: Path) -> None:
    model, cache = Counting(), GenerationCache()
    generator = cache.generator(PromptKind.TURN, model.load)
    assert generator.generate([]) == []
    assert model.loads == 0
    assert texts(generator.generate([[1], [2], [1]])) == ["[1]", "[2]", "[1]"]
    assert texts(generator.generate([[2], [1, 2], [12]])) == ["[2]", "[1, 2]", "[12]"]
    assert (model.loads, model.asked) == (1, [[1], [2], [1, 2], [12]])
    assert (cache.n_reused, cache.n_new) == (0, 4)


def test_cache_read_back_asks_new_prompts_alone(tmp_path: Path) -> None:
    cache = GenerationCache()
    first = cache.generator(PromptKind.TURN, Counting).generate([[1], [2]])
    cache.write(tmp_path, key="k")

    model, again = Counting(), read_generations([tmp_path], key="k")
    generator = again.generator(PromptKind.TURN, model.load)
    assert generator.generate([[2], [1]]) == [first[1], first[0]]
    assert (model.loads, again.n_reused, again.n_new) == (0, 2, 0)
    generator.generate([[3], [1]])
    assert (model.asked, again.n_reused, again.n_new) == ([[3]], 2, 1)


def test_cache_answers_of_another_kind_or_key_are_not_reused(tmp_path: Path) -> None:
    cache = GenerationCache()
    cache.generator(PromptKind.TURN, Counting).generate([[1]])
    cache.write(tmp_path, key="k")
    for kind, key in ((PromptKind.PROBE, "k"), (PromptKind.TURN, "other")):
        model = Counting()
        read_generations([tmp_path], key=key).generator(kind, model.load).generate([[1]])
        assert model.asked == [[1]]


def test_cache_prompts_that_are_mere_numbers_are_distinguished_by_their_text(tmp_path: Path) -> None:
    """An endpoint's prompt is the number of a history: the same number is another history in the next evaluation."""
    histories = ["hello", "bye"]
    cache = GenerationCache()
    cache.generator(PromptKind.TURN, Counting, text_of=lambda prompt: histories[prompt[0]]).generate([[0], [1]])
    cache.write(tmp_path, key="k")
    model, later = Counting(), ["bye", "again"]
    read = read_generations([tmp_path], key="k").generator(
        PromptKind.TURN, model.load, text_of=lambda prompt: later[prompt[0]]
    )
    assert texts(read.generate([[0], [1]])) == ["[1]", "[1]"]
    assert model.asked == [[1]]


def test_cache_keeps_what_it_reused_for_the_evaluation_after_next(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    cache = GenerationCache()
    cache.generator(PromptKind.TURN, Counting).generate([[1]])
    cache.write(folders[0], key="k")
    second = read_generations(folders[:1], key="k")
    second.generator(PromptKind.TURN, Counting).generate([[1], [2]])
    second.write(folders[1], key="k")
    model = Counting()
    read_generations(folders[1:], key="k").generator(PromptKind.TURN, model.load).generate([[1], [2]])
    assert model.asked == []


def test_cache_takes_offered_answers_that_are_allowed_and_those_that_no_net_changes(tmp_path: Path) -> None:
    alone = GenerationCache()
    for kind in (PromptKind.TURN, PromptKind.PROBE):
        alone.generator(kind, Counting).generate([[1], [2]])
    alone.write(tmp_path, key="k")

    model, behind = Counting(), GenerationCache()
    behind.offer(read_generations([tmp_path], key="k"), included={PromptKind.PROBE})
    turns = behind.generator(PromptKind.TURN, model.load, allows=lambda answer: answer.text == "[1]")
    assert texts(turns.generate([[1], [2], [3], [1]])) == ["[1]", "[2]", "[3]", "[1]"]
    assert model.asked == [[2], [3]]
    single = behind.generator(PromptKind.SINGLE, model.load)
    single.generate([[1]])
    probes = behind.generator(PromptKind.PROBE, model.load)
    assert texts(probes.generate([[1], [2]])) == ["[1]", "[2]"]
    assert model.asked == [[2], [3], [1]]
    assert (behind.n_reused, behind.n_new) == (3, 3)
