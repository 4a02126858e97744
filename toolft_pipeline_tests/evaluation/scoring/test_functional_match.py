"""Functional match on the real assistant backend: what two calls do decides, not how alike they are written."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.evaluation.judge.calls import canonical_call
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.reading import read_turn
from toolft_pipeline.evaluation.scoring.functional_match import FunctionalMatcher
from toolft_pipeline.evaluation.scoring.steps import FunctionalBasis, StepOutcome, compare_step, task_steps
from toolft_pipeline.sandbox.kinds import open_sandbox
from toolft_pipeline.sandbox.mcp_session import McpSandbox
from toolft_pipeline.sandbox.protocol import SandboxCrashedError, ToolResult
from toolft_pipeline.sandbox.session_pool import SessionPool
from toolft_pipeline_tests.evaluation.scripted import call
from toolft_pipeline_tests.evaluation.transcripts import ASSISTANT, TASKS, VALIDATOR

AGENT = load_agent(ASSISTANT / "agent.yaml")


class _Counting:
    """A sandbox that counts resets, and crashes at calls that carry a word."""

    def __init__(self, inner: McpSandbox) -> None:
        self._inner, self.resets = inner, 0

    def reset(self, state_ref: str) -> None:
        self.resets += 1
        self._inner.reset(state_ref)

    def call(self, name: str, arguments: dict[str, object]) -> ToolResult:
        if "crash" in json.dumps(arguments):
            raise SandboxCrashedError("gone")
        return self._inner.call(name, arguments)

    def snapshot(self) -> str:
        return self._inner.snapshot()

    def close(self) -> None:
        self._inner.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[_Counting]:
    assert AGENT.sandbox is not None
    with open_sandbox(AGENT.sandbox, cwd=AGENT.folder) as opened:
        yield _Counting(opened)


def _compare(sandbox: _Counting, tool: str, category: str, text: str) -> StepOutcome:
    assert AGENT.sandbox is not None
    task = next(t for t in TASKS if t.category == category and t.plan[-1].name == tool)
    step = next(s for s in reversed(task_steps(task)) if any(c.name == tool for c in s.expected_calls))
    generation = Generation(text=text, n_prompt_tokens=1, n_new_tokens=1, latency_ms=1.0)
    matcher = FunctionalMatcher(SessionPool(lambda: sandbox, size=1), volatile=AGENT.sandbox.volatile)
    return compare_step(
        step,
        generation,
        read_turn(generation, get_format("gemma3")),
        validator=VALIDATOR,
        matcher=matcher,
    )


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (call("calculate", expression="(79+63)"), True),
        (call("calculate", expression="284 / 2"), True),
        (call("calculate", expression="63 + 78"), False),
        (call("calculate", expression="63 + 79") * 2, False),
        (call("calculate", expression="crash"), False),
        ("It is 142.", False),
    ],
)
def test_functional_match_of_a_read_is_its_result(sandbox: _Counting, text: str, same: bool) -> None:
    outcome = _compare(sandbox, "calculate", "single_call", text)
    assert (outcome.exact_match, outcome.functional_match) == (False, same)
    assert outcome.functional_basis is FunctionalBasis.EFFECT


def test_functional_match_of_a_write_is_its_state(sandbox: _Counting) -> None:
    task = next(t for t in TASKS if t.category == "single_call" and t.plan[-1].name == "send_email")
    mail = task.plan[-1].arguments
    other = _compare(sandbox, "send_email", "single_call", call("send_email", **{**mail, "body": mail["body"] + "!"}))
    assert (other.fuzzy_match, other.functional_match) == (True, False)


def test_functional_match_asks_the_backend_only_where_it_must(sandbox: _Counting) -> None:
    before = sandbox.resets
    for text in (
        call("calculate", expression="63 + 79"),  # equal
        call("sandbox_reset", state_ref="office-1"),  # not of the catalog: never passed on
        call("calculate", formula="63 + 79"),
        '<tool_call>{"name": "calculate", "argum',
    ):
        outcome = _compare(sandbox, "calculate", "single_call", text)
        assert outcome.functional_match == outcome.exact_match
    assert sandbox.resets == before


def test_functional_match_of_calls_that_show_nothing_is_equality(sandbox: _Counting) -> None:
    assert AGENT.sandbox is not None
    matcher = FunctionalMatcher(SessionPool(lambda: sandbox, size=1), volatile=AGENT.sandbox.volatile)
    nobody, nothing, somebody = (
        [canonical_call("search", {"query": query, "kind": "contacts"})]
        for query in ("Nobody Atall", "Nothing Atall", "Olga")
    )
    ref = TASKS[0].state_ref
    assert not matcher.have_same_effect(state_ref=ref, before=[], expected=nobody, made=nothing)
    assert matcher.have_same_effect(state_ref=ref, before=[], expected=somebody, made=somebody)


def test_functional_match_starts_in_the_state_of_the_step(sandbox: _Counting) -> None:
    matcher = FunctionalMatcher(SessionPool(lambda: sandbox, size=1), volatile=())
    task = next(t for t in TASKS if t.category == "single_call" and t.plan[-1].name == "send_email")
    mail = canonical_call("send_email", task.plan[-1].arguments)
    assert matcher.have_same_effect(state_ref=task.state_ref, before=[mail], expected=[mail], made=[mail])
    assert not matcher.have_same_effect(state_ref=task.state_ref, before=[mail], expected=[mail], made=[mail, mail])
