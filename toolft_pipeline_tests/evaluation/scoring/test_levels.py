"""Levels: rows of their own, a headline in which every tool weighs the same, and intervals that keep their level."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import pytest
from msgspec.structs import replace

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.evaluation.judge.level import Level
from toolft_pipeline.evaluation.judge.task import PlannedCall, Task
from toolft_pipeline.evaluation.scoring.evaluate import evaluate, read_metrics
from toolft_pipeline.evaluation.scoring.levels import headline, success, tools_with_few_tasks
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.evaluation.scoring.task_sampling import asked_tasks, sample_tasks
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.scripted import ScriptedModel, oracle, prepared
from toolft_pipeline_tests.evaluation.transcripts import TASKS

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml")


def task(name: str, *tools: str, level: Level | None = Level.NEW_WORDING, key: str | None = None) -> Task:
    plan = tuple(PlannedCall(id=f"c{at}", name=tool, arguments={}, turn=0) for at, tool in enumerate(tools))
    return replace(TASKS[0], task_id=name, plan=plan, level=level, split_key=key or name)


def by_id(*tasks: Task) -> dict[str, Task]:
    return {each.task_id: each for each in tasks}


def test_headline_is_the_mean_over_tools_of_the_tasks_that_call_them() -> None:
    tasks = by_id(task("a", "get"), task("b", "get"), task("c", "get", "put"), task("d", "put"), task("e"))
    passed = {"a": True, "b": False, "c": True, "d": False, "e": True}
    found = headline(list(passed.items()), tasks)
    assert found is not None
    assert found.value == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert found.low < found.value < found.high


def test_headline_leaves_out_new_tools_and_is_none_without_levels() -> None:
    tasks = by_id(task("a", "get"), task("b", "put", level=Level.NEW_TOOL, key="put"))
    found = headline([("a", True), ("b", False)], tasks)
    assert found is not None
    assert found.value == 1.0
    assert headline([("a", True)], by_id(replace(tasks["a"], level=None, split_key=None))) is None


def test_success_of_tasks_with_one_split_key_is_less_certain() -> None:
    families = [task(f"t{n}", "get", level=Level.NEW_FAMILY, key=f"family {n // 10}") for n in range(40)]
    alone = [task(f"t{n}", "get") for n in range(40)]
    outcomes = [(f"t{n}", n < 20) for n in range(40)]
    clustered, free = success(outcomes, by_id(*families)), success(outcomes, by_id(*alone))
    assert clustered.value == free.value == 0.5
    assert clustered.high - clustered.low > 1.5 * (free.high - free.low)


@pytest.mark.parametrize("rate", [0.3, 0.7])
def test_headline_intervals_hold_the_true_rate_in_most_draws(rate: float) -> None:
    """Of 400 draws of 60 tasks over uneven tools and clusters, 95 % intervals miss at most one in ten."""
    drawn = random.Random(5)
    tools = ["a"] * 30 + ["b"] * 15 + ["c"] * 10 + ["d"] * 5
    tasks = by_id(*(task(f"t{n}", tool, key=f"k{n // 2}") for n, tool in enumerate(tools)))
    inside = 0
    for _ in range(400):
        keys = {each.split_key: drawn.random() for each in tasks.values()}
        outcomes = [
            (name, (keys[each.split_key] if drawn.random() < 0.5 else drawn.random()) < rate)
            for name, each in tasks.items()
        ]
        found = headline(outcomes, tasks)
        assert found is not None
        inside += found.low <= rate <= found.high
    assert inside >= 360


def test_sample_is_even_over_levels_and_new_tools_have_their_own_limit() -> None:
    levels = [*[Level.NEW_WORDING] * 30, *[Level.NEW_FAMILY] * 6, *[Level.NEW_TOOL] * 9]
    tasks = [task(f"t{n:02}", "get", level=level, key="get") for n, level in enumerate(levels)]
    counts: dict[Level | None, int] = defaultdict(int)
    for each in asked_tasks(tasks, 10, new_tool_tasks=4):
        counts[each.level] += 1
    assert counts == {Level.NEW_WORDING: 5, Level.NEW_FAMILY: 5, Level.NEW_TOOL: 4}
    plain = [replace(each, level=None, split_key=None) for each in tasks]
    assert asked_tasks(plain, 10, new_tool_tasks=4) == sample_tasks(plain, 10)


def test_tools_with_few_tasks_are_named_with_their_number() -> None:
    tasks = [task(f"t{n}", "get", "put") for n in range(2)] + [task("t2", "get")]
    assert tools_with_few_tasks(["put", "get", "other"], tasks) == {"other": 0, "put": 2}


def evaluated(tasks: list[Task], out: Path, plain: ScriptedModel, catalog: ScriptedModel) -> ModelMetrics:
    evaluate(
        prepared(plain, catalog_prompter=catalog), tasks=tasks, settings=AGENT,
        catalog=load_catalog(AGENT.path("catalog.json")), out=out, progress=lambda _line: None,
    )  # fmt: skip
    return read_metrics(out)


class Marked(ScriptedModel):
    """The same model behind a prompt that says that it has the catalog."""

    def __init__(self, model: ScriptedModel) -> None:
        self._model, self.asked = model, []

    def prompt(self, messages: list[dict[str, object]]) -> list[int]:
        self.asked.append(messages)
        return self._model.prompt([{"role": "system", "content": "catalog"}, *messages])

    def read(self, generation):  # type: ignore[no-untyped-def]
        return self._model.read(generation)


def test_new_tool_tasks_have_the_catalog_and_count_in_their_level_alone(tmp_path: Path) -> None:
    tools = [each.tools[0] if each.tools else None for each in TASKS]
    tasks = [
        replace(each, level=Level.NEW_TOOL, split_key=tool)
        if tool is not None and at < 6
        else replace(each, level=Level.NEW_WORDING, split_key=each.task_id)
        for at, (each, tool) in enumerate(zip(TASKS, tools, strict=True))
    ]
    new = [each for each in tasks if each.level is Level.NEW_TOOL]
    wrong = {each.user_turns[0] for each in new}
    right = oracle(TASKS)
    plain = ScriptedModel(
        lambda messages: "No." if next(m for m in messages if m["role"] == "user")["content"] in wrong
        and messages[0]["content"] != "catalog" else right(messages)
    )  # fmt: skip
    catalog = Marked(plain)
    found = evaluated(tasks, tmp_path, plain, catalog)
    assert 0 < len(new) < len(TASKS)
    assert found.n_tasks == len(found.task_outcomes) == len(TASKS) - len(new)
    assert not found.task_outcomes.keys() & {each.task_id for each in new}
    assert list(found.by_level) == ["new_wording", "new_tool"]
    assert found.by_level["new_tool"]["n_tasks"] == len(new)
    assert found.by_level["new_tool"]["task_success"].value == 1.0  # type: ignore[union-attr]  # it is a rate
    assert {m["content"] for messages in catalog.asked for m in messages if m["role"] == "user"} >= wrong
    assert found.headline is not None
    assert found.headline.value == pytest.approx(1.0)


def test_without_levels_nothing_is_added(tmp_path: Path) -> None:
    model = ScriptedModel(oracle(TASKS))
    found = evaluated(TASKS[:3], tmp_path, model, Marked(model))
    assert (found.headline, found.by_level, found.pass_rates) == (None, {}, {})
