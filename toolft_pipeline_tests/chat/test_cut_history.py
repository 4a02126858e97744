"""The oracle of cut histories: what an agent could have sent, and what it could not."""

from __future__ import annotations

import pytest

from toolft_pipeline.chat.proofs.cut_history import check_cut_history
from toolft_pipeline_tests.chat.conversations import assistant, system, tool, user

CALL = assistant("", ("f", {}))
MESSAGES = (  # 0 system, 1-2 one request, 3-8 its steps, 9 answer, 10 request, 11 answer
    system("s"), user("a"), user("b"), CALL, tool("1"), CALL, tool("2"), CALL, tool("3"), assistant("x"),
    user("c"), assistant("y"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("kept", "trained"),
    [
        ((*range(12),), (3, 5, 7, 9, 11)),
        ((0, 1, 2, 3), (3,)),
        ((0, 1, 2, 5, 6, 7), (7,)),
        ((0, 1, 2, 7, 8, 9, 10, 11), (9, 11)),
        ((0, 10, 11), (11,)),
    ],
)
def test_cut_history_legal_cut_is_silent(kept: tuple[int, ...], trained: tuple[int, ...]) -> None:
    assert check_cut_history(MESSAGES, kept=kept, trained=trained) is None


@pytest.mark.parametrize(
    ("kept", "trained", "reason"),
    [
        ((10, 11), (11,), "system prompt was cut off"),
        ((0, 2, 3), (3,), "begins with message 2"),
        ((0, 3), (3,), "begins with message 3"),
        ((0, 1, 3), (3,), "missing inside the history"),
        ((0, 1, 2, 4, 5), (5,), "message 4 follows a gap"),
        ((0, 1, 2, 3, 4, 7), (7,), "messages 5 to 6 are missing inside the history"),
        ((0, 1, 2, 10, 11), (11,), "messages 3 to 9 are missing inside the history|message 10 follows a gap"),
        ((0, 1, 2, 11), (11,), "messages 3 to 10 are missing inside the history"),
        ((0, 1, 2, 3, 4), (3,), "the row ends with message 4"),
        ((0, 1, 2, 3), (5,), "lack a trained one"),
        ((0, 2, 1, 3), (3,), "not in order"),
        ((), (), "not in order"),
    ],
)
def test_cut_history_illegal_cut_is_named(kept: tuple[int, ...], trained: tuple[int, ...], reason: str) -> None:
    found = check_cut_history(MESSAGES, kept=kept, trained=trained)
    assert found is not None
    assert any(part in found for part in reason.split("|")), found
