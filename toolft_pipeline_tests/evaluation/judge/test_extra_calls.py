"""Calls beyond the plan: a few reads pass, a write fails the task, also one that the backend refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from toolft_pipeline.catalog.tool import parse_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.judge.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.judge.task import PlannedCall, Task
from toolft_pipeline.evaluation.judge.transcript import ExecutedCall, Transcript
from toolft_pipeline.evaluation.scoring.rollout import RolloutLimits
from toolft_pipeline.evaluation.scoring.rollouts import run_rollouts
from toolft_pipeline.sandbox.protocol import ToolResult
from toolft_pipeline.sandbox.session_pool import SessionPool
from toolft_pipeline.sandbox.state import state_digest
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline_tests.evaluation.scripted import ScriptedModel, call

NAMES = ("look", "write", "refuse")
ANY = {"type": "object", "properties": {"n": {"type": "integer"}}}


class Counter:
    """A backend whose state is what was written, and which counts its snapshots."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.snapshots = 0

    def reset(self, state_ref: str) -> None:
        self.written = []

    def call(self, name: str, arguments: dict[str, object]) -> ToolResult:
        if name == "refuse":
            return ToolResult(text="Error: not allowed", is_error=True)
        if name == "write":
            self.written.append(int(str(arguments["n"])))
        return ToolResult(text=json.dumps({"n": len(self.written)}), is_error=False)

    def snapshot(self) -> str:
        self.snapshots += 1
        return json.dumps(self.written)

    def close(self) -> None: ...


def rolled(
    *calls: tuple[str, int], plan: tuple[PlannedCall, ...] = (), reads: dict[str, bool] | None = None
) -> tuple[Task, Transcript, int]:
    """A model that makes the calls one a turn and says that it is done."""
    backend = Counter()
    backend.written = [call.arguments["n"] for call in plan if call.name == "write"]
    task = Task(
        task_id="t", task_key="k", family="f", category=Category.SINGLE_CALL, state_ref="s", user_turns=("go",),
        plan=plan, expected_state=state_digest(backend.snapshot()), gold=(),
    )  # fmt: skip
    left = iter([call(name, n=n) for name, n in calls])
    model = ScriptedModel(lambda _messages: next(left, "Done."))
    tools = [
        {
            "name": name,
            "inputSchema": ANY,
            "annotations": {"readOnlyHint": reads[name]} if name in (reads or {}) else None,
        }
        for name in NAMES
    ]
    backend.snapshots = 0
    (transcript,) = run_rollouts(
        [task], prompter=model, generator=model, sessions=SessionPool(lambda: backend, size=1),
        validator=CatalogValidator(parse_catalog(tools, where="test")),
        limits=RolloutLimits(max_turns=30, max_prompt_tokens=1000, extra_calls=1),
    )  # fmt: skip
    return task, transcript, backend.snapshots


def details(
    *calls: tuple[str, int], plan: tuple[PlannedCall, ...] = (), reads: dict[str, bool] | None = None
) -> list[str]:
    task, transcript, _ = rolled(*calls, plan=plan, reads=reads)
    return [
        each.detail for each in judge_rollout(task, transcript, extra_calls=1).findings if each.failure == "extra_calls"
    ]


def planned(name: str, n: int, **flags: bool) -> PlannedCall:
    return PlannedCall(id=f"{name}{n}", name=name, arguments={"n": n}, turn=0, **flags)


def test_one_read_beyond_the_plan_passes_and_a_second_fails() -> None:
    assert details(("look", 1)) == []
    assert details(("look", 1), ("look", 2)) == ['2 reads beyond the plan, 1 allowed: look({"n":1}); look({"n":2})']


def test_same_read_twenty_times_fails() -> None:
    assert details(*[("look", 1)] * 20, plan=(planned("look", 1, reads=True),)) != []


@pytest.mark.parametrize("name", ["write", "refuse"])
def test_write_beyond_the_plan_fails_whether_carried_out_or_refused(name: str) -> None:
    assert details((name, 1)) == [f'a call beyond the plan that is no read: {name}({{"n":1}})']


def test_second_try_of_a_call_planned_to_fail_fails() -> None:
    plan = (planned("refuse", 1, fails=True),)
    assert details(("refuse", 1), plan=plan) == []
    assert details(("refuse", 2), plan=plan) == []  # the same try in other words
    assert details(("refuse", 1), ("refuse", 1), plan=plan) != []
    assert details(("refuse", 1), ("refuse", 2), plan=plan) != []


def test_declared_read_is_one_even_if_it_fails_and_declared_write_is_none_even_without_effect() -> None:
    assert details(("refuse", 1), reads={"refuse": True}) == []
    assert details(("look", 1), reads={"look": False}) != []


def test_state_is_looked_at_around_undeclared_calls_beyond_the_plan_alone() -> None:
    plan = (planned("write", 1), planned("look", 1, reads=True))
    at_the_end = 1
    assert rolled(("write", 1), ("look", 1), plan=plan)[2] == at_the_end
    assert rolled(("write", 1), ("look", 1), ("look", 2), plan=plan)[2] == at_the_end + 2
    assert rolled(("look", 2), plan=plan, reads={"look": True})[2] == at_the_end


def test_transcript_says_of_each_call_whether_it_only_read() -> None:
    _, transcript, _ = rolled(("look", 1), ("look", 2), ("write", 3), plan=(planned("look", 1, reads=True),))
    assert [made.reads for made in _made(transcript)] == [None, True, False]


def _made(transcript: Transcript) -> Iterator[ExecutedCall]:
    return (made for _, made in transcript.calls_made())


def test_transcript_without_looks_goes_by_what_the_plan_declares() -> None:
    task, transcript, _ = rolled(("look", 1), ("look", 2), plan=(planned("look", 1, reads=True),))
    turns = tuple(replace(t, calls=tuple(replace(c, reads=None) for c in t.calls)) for t in transcript.turns)
    old = replace(transcript, turns=turns)
    assert "extra_calls" not in {each.failure for each in judge_rollout(task, old, extra_calls=1).findings}
    undeclared = replace(task, plan=(planned("look", 1),))
    assert "extra_calls" in {each.failure for each in judge_rollout(undeclared, old, extra_calls=1).findings}
