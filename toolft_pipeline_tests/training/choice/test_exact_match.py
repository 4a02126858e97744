"""Held-out steps are drawn from validation rows; exact match compares calls as JSON, in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.training.choice.chooser import ChoiceError, Chooser
from toolft_pipeline.training.choice.exact_match import Result, same_calls
from toolft_pipeline.training.choice.held_out_steps import HELD_OUT_STEPS, HeldOutStep, draw_steps
from toolft_pipeline_tests.training.conftest import Trained

END = "<end_of_turn>"


def call(arguments: str, name: str = "find") -> str:
    return f'<tool_call>{{"name": "{name}", "arguments": {arguments}}}</tool_call>'


@pytest.mark.parametrize(
    ("answer", "logged", "same"),
    [
        (call('{"a": 1, "b": 2}') + END, call('{"b": 2, "a": 1}') + END, True),
        (f"{call('{}', 'x')}\n{call('{}')}{END}", f"{call('{}')}\n{call('{}', 'x')}{END}", True),
        (call('{"a": 1}') + END, call('{"a": 2}') + END, False),
        (call('{"a": 1}') + END, call('{"a": 1.0}') + END, False),
        (call("{}") + END, call("{}", "other") + END, False),
        (call("{}") + END, f"Done.{END}", False),
        (f"Done.{END}", call("{}") + END, False),
        (f"All done!{END}", f"Done.{END}", True),
        ("Done", f"Done.{END}", False),  # never ended
        (call("{}"), call("{}") + END, False),
        (f"<tool_call>{{broken{END}", f"Done.{END}", False),
    ],
)
def test_turns_are_the_same_if_their_calls_are_equal_as_json(answer: str, logged: str, same: bool) -> None:
    assert same_calls(answer, logged, chat_format=GEMMA3) is same


def rows(count: int) -> pa.Table:
    """Rows of two turns each."""
    ids = [[2, 10 + n, 20, 30, 106, 40, 50 + n, 106] for n in range(count)]
    labels = [[-100, -100, -100, 30, 106, -100, each[6], 106] for each in ids]
    return pa.table({"input_ids": ids, "labels": labels})


def test_step_is_a_prompt_and_the_turn_with_loss_after_it() -> None:
    steps = draw_steps(rows(1), seed=0)
    assert sorted((step.prompt, step.turn) for step in steps) == [
        ([2, 10, 20], [30, 106]),
        ([2, 10, 20, 30, 106, 40], [50, 106]),
    ]


def test_steps_depend_on_the_seed_and_not_on_the_order_of_rows() -> None:
    many = rows(100)
    drawn = draw_steps(many, seed=1)
    assert len(drawn) == HELD_OUT_STEPS
    assert drawn == draw_steps(many.take(list(range(99, -1, -1))), seed=1)
    assert drawn != draw_steps(many, seed=2)


def chooser(trained: Trained, **changed: Any) -> Chooser:
    values: dict[str, Any] = {
        "choose_by": "exact_match",
        "early_stop": None,
        "base": trained.base,
        "method": "lora",
        "chat_format": "gemma3",
        "compute": "bf16",
        "steps": (HeldOutStep([2, 1000, 1001], [7000, 106]), HeldOutStep([2, 1017], [7003, 106])),
    }
    return Chooser(**{**values, **changed})


def test_adapter_is_measured_once_in_a_process_of_its_own(trained: Trained, tmp_path: Path) -> None:
    adapter = tmp_path / "best-3"
    adapter.symlink_to(trained.out / "adapter")
    figures = chooser(trained).figures(step=3, adapter=adapter)
    assert 0 <= figures["eval_exact_match"] <= 1
    (tmp_path / "exact-match-3.json").write_text('{"right": 1, "steps": 2}')
    assert chooser(trained).figures(step=3, adapter=adapter) == {"eval_exact_match": Result(right=1, steps=2).share}


def test_process_that_fails_is_one_line_with_the_fix(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "best-3").mkdir()
    with pytest.raises(ChoiceError, match=r"ended with 1 \(.*set training.choose_by: validation_loss"):
        chooser(trained).figures(step=3, adapter=tmp_path / "best-3")
