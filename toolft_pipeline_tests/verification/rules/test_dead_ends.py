from __future__ import annotations

import pytest

from toolft_pipeline.settings import VerificationSettings
from toolft_pipeline.trajectories.record import Message
from toolft_pipeline.verification.rules.dead_ends import check_dead_ends
from toolft_pipeline.verification.rules.verdict import Fault, Rule
from toolft_pipeline_tests.conversations import calls, result, says, user

LIMITS = VerificationSettings(max_turns=6, max_repeats=2, max_error_share=0.5)


def step(number: int, answer: str = "{}") -> tuple[Message, Message]:
    return calls(("a", "find", {"n": number})), result("a", "find", answer)


def run(*steps: tuple[Message, Message]) -> tuple[Message, ...]:
    return (user("go"), *(message for pair in steps for message in pair), says("done"))


@pytest.mark.parametrize(
    "messages",
    [
        run(step(1), step(2), step(3), step(4), step(5)),
        run(step(1), step(1)),
        run(step(1, "Error: no")),
        run(step(1, "Error: no"), step(2, "Error: no")),
        run(step(1, "Error: no"), step(2, "Error: no"), step(3), step(4)),
        (user("a"), says("yes"), user("b"), says("yes")),
    ],
)
def test_dead_ends_run_within_the_limits_passes(messages: tuple[Message, ...]) -> None:
    assert check_dead_ends(messages, settings=LIMITS) is None


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        (run(*(step(n) for n in range(6))), Fault.TOO_MANY_TURNS),
        (run(step(1), step(1), step(1)), Fault.REPEATED_CALL),
        (run(step(1), step(2), step(1), step(2), step(1)), Fault.REPEATED_CALL),
        (
            run(
                (calls(("a", "find", '{"x":1,"y":2}')), result("a", "find", "{}")),
                (calls(("a", "find", '{"y": 2, "x": 1}')), result("a", "find", "{}")),
                (calls(("a", "find", '{ "x": 1, "y": 2}')), result("a", "find", "{}")),
            ),
            Fault.REPEATED_CALL,
        ),
        (
            (user("a"), says("Which?"), user("b"), says("Which? "), user("c"), says("Which?")),
            Fault.REPEATED_ANSWER,
        ),
        (run(*(step(n, "Error: no") for n in range(3)), step(4)), Fault.MOSTLY_ERRORS),
    ],
)
def test_dead_ends_each_kind_is_refused_for_its_own_reason(messages: tuple[Message, ...], fault: Fault) -> None:
    violation = check_dead_ends(messages, settings=LIMITS)
    assert violation is not None
    assert (violation.rule, violation.fault) == (Rule.DEAD_ENDS, fault)
    assert "verification." in violation.reason


def test_dead_ends_errors_in_the_agents_own_form_count() -> None:
    messages = run(*(step(n, f"GONE {n}") for n in range(3)), step(4))
    assert check_dead_ends(messages, settings=LIMITS) is None
    named = LIMITS.model_copy(update={"error_forms": ("GONE",)})
    violation = check_dead_ends(messages, settings=named)
    assert violation is not None
    assert violation.fault is Fault.MOSTLY_ERRORS
