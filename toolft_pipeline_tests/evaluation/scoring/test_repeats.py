"""pass@1 and pass^k: the estimator against enumeration, and seeds that no batch changes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.evaluation.models.generation import Generation, Generator, Sampling
from toolft_pipeline.evaluation.models.generation_cache import GenerationCache, PromptKind
from toolft_pipeline.evaluation.scoring.evaluate import evaluate, read_metrics
from toolft_pipeline.evaluation.scoring.repeats import REPEATS_FILE, estimate
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.scripted import ScriptedModel, oracle, prepared
from toolft_pipeline_tests.evaluation.transcripts import TASKS

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml", overrides={"evaluation.repeats": "4"})


@pytest.mark.parametrize(("passed", "n"), [(0, 4), (1, 4), (3, 4), (4, 4), (5, 8)])
def test_estimate_is_the_share_of_draws_of_k_runs_that_all_pass(passed: int, n: int) -> None:
    runs = [place < passed for place in range(n)]
    for k in range(1, n + 1):
        drawn = [all(each) for each in combinations(runs, k)]
        assert estimate(passed, n, k) == pytest.approx(sum(drawn) / len(drawn))


def lucky(task_id: str, repeat: int) -> bool:
    """Whether a repeat of a task is drawn to fail."""
    return hashlib.sha256(f"{task_id} {repeat}".encode()).digest()[0] % 3 > 0


class _Drawn(Generator):
    """The oracle, but silent in the repeats of tasks that are drawn to fail."""

    def __init__(self, model: ScriptedModel, repeat: int) -> None:
        self._model, self._repeat = model, repeat

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        answers = self._model.generate(prompts)
        failing = {task.user_turns[0] for task in TASKS if not lucky(task.task_id, self._repeat)}
        return [
            Generation(text="Perhaps.", n_prompt_tokens=1, n_new_tokens=1, latency_ms=1.0)
            if any(request in self._model._histories[number] for request in failing)
            else answer
            for (number,), answer in zip(prompts, answers, strict=True)
        ]


def test_repeats_give_pass_rates_and_leave_the_greedy_figures_alone(tmp_path: Path) -> None:
    tasks = [task for task in TASKS if task.plan and task.user_turns[0].isascii() and '"' not in task.user_turns[0]]
    model = ScriptedModel(oracle(TASKS))
    evaluate(
        prepared(model, sampled=lambda repeat: _Drawn(model, repeat)), tasks=tasks, settings=AGENT,
        catalog=load_catalog(AGENT.path("catalog.json")), out=tmp_path, progress=lambda _line: None,
    )  # fmt: skip
    found = read_metrics(tmp_path)
    passed = [[lucky(task.task_id, repeat) for repeat in range(4)] for task in tasks]
    assert found.task_success.value == 1.0
    assert found.pass_rates["1"].value == pytest.approx(sum(map(sum, passed)) / len(passed) / 4)
    assert found.pass_rates["4"].value == pytest.approx(sum(map(all, passed)) / len(passed))
    for k in (2, 3):
        expected = sum(estimate(sum(runs), 4, k) for runs in passed) / len(passed)
        assert found.pass_rates[str(k)].value == pytest.approx(expected)
    assert all(rate.low < rate.value < rate.high for rate in found.pass_rates.values())
    assert pq.read_table(tmp_path / REPEATS_FILE)["repeat"].to_pylist() == [n for n in range(4) for _ in tasks]


def test_seeds_differ_by_repeat_and_prompt_and_are_the_same_again() -> None:
    seeds = {(repeat, prompt): Sampling(temperature=0.7, repeat=repeat).seed(prompt)
             for repeat in range(4) for prompt in ((1, 2), (12,), (1, 2, 3))}  # fmt: skip
    assert len(set(seeds.values())) == len(seeds)
    assert seeds[2, (12,)] == Sampling(temperature=1.3, repeat=2).seed([12])


def test_cached_answers_are_kept_apart_by_repeat_and_temperature() -> None:
    cache = GenerationCache()
    model = ScriptedModel(lambda messages: "Done.")
    prompt = model.prompt([{"role": "user", "content": "Hello"}])
    for sampling in (None, Sampling(temperature=0.7, repeat=0), Sampling(temperature=0.7, repeat=1),
                     Sampling(temperature=0.9, repeat=0)):  # fmt: skip
        kind = PromptKind.TURN if sampling is None else PromptKind.SAMPLE
        cache.generator(kind, lambda: model, sampling=sampling).generate([prompt, prompt])
    assert (cache.n_new, model.batches) == (4, [1, 1, 1, 1])
