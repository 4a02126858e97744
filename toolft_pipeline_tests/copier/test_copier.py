"""The copier on small logs: values by place, choices by what a result says, lists of any length, one odd log line."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from benchmarks.copier.copier import Copier
from benchmarks.copier.runs import Call, Run, Turn, run_of
from toolft_pipeline_tests.conftest import REPOSITORY


def run(said: str, *steps: list[tuple[str, dict[str, Any], Any]], answer: str = "Done.") -> Run:
    made = [
        [Call(name=name, arguments=arguments, result=result, is_error=str(result).startswith("Error"))
         for name, arguments, result in step]
        for step in steps
    ]  # fmt: skip
    return Run(turns=(Turn(said=said, steps=made, answer=answer),))


def find(mail: str, customer: str) -> tuple[str, dict[str, Any], Any]:
    return "find_customer", {"email": mail}, {"customer": customer}


BLOCKED = [
    run(f"Please block {name}@x.test for fraud.", [find(f"{name}@x.test", f"C-{n}")],
        [("block_customer", {"customer": f"C-{n}", "reason": "fraud"}, {"status": "blocked"})],
        answer=f"C-{n} is blocked.")
    for n, name in enumerate(["ann", "bob", "cid", "dot"], start=1000)
]  # fmt: skip
SHIPPED = [
    run(f"Cancel order O-{n} please.", [("get_order", {"order": f"O-{n}"}, {"status": status})],
        [(tool, {"order": f"O-{n}"}, {"ok": True})])
    for n, (status, tool) in enumerate([("new", "cancel_order"), ("shipped", "open_return")] * 4, start=2000)
]  # fmt: skip


def copier(*runs: Run) -> Copier:
    return Copier(list(runs), choices={("block_customer", "reason"): ["fraud", "abuse"]})


def test_values_of_later_calls_come_from_earlier_results() -> None:
    history = [Turn(said="Please block eve@y.test for abuse.")]
    model = copier(*BLOCKED, *SHIPPED)
    assert model.next_turn(history).calls == (("find_customer", {"email": "eve@y.test"}),)
    history[0].steps.append(
        [Call(name="find_customer", arguments={"email": "eve@y.test"}, result={"customer": "C-77"})]
    )
    assert model.next_turn(history).calls == (("block_customer", {"customer": "C-77", "reason": "abuse"}),)
    history[0].steps.append([Call(name="block_customer", arguments={}, result={"status": "blocked"})])
    assert model.next_turn(history).answer == "C-77 is blocked."


def test_a_result_decides_which_way_to_go_on() -> None:
    model = copier(*BLOCKED, *SHIPPED)
    for status, tool in (("new", "cancel_order"), ("shipped", "open_return")):
        history = [Turn(said="Cancel order O-9999 please.")]
        history[0].steps.append([Call(name="get_order", arguments={"order": "O-9999"}, result={"status": status})])
        assert model.next_turn(history).calls == ((tool, {"order": "O-9999"}),)


def test_parallel_calls_become_as_many_as_the_user_names() -> None:
    runs = [
        run(f"Who has T-{n} and T-{n + 1}?", [("get_ticket", {"ticket": f"T-{each}"}, {}) for each in (n, n + 1)])
        for n in range(10, 20)
    ]  # fmt: skip
    made = copier(*runs).next_turn([Turn(said="Who has T-71, T-72 and T-75?")]).calls
    assert [arguments["ticket"] for _, arguments in made] == ["T-71", "T-72", "T-75"]


def test_a_record_is_chosen_by_the_words_that_name_it() -> None:
    orders = [{"order": "O-1", "item": "lamp"}, {"order": "O-2", "item": "chair"}]
    runs = [
        run(f"Cancel the {each['item']} of C-{n}.", [("list_orders", {"customer": f"C-{n}"}, {"orders": orders})],
            [("cancel_order", {"order": each["order"]}, {})])
        for n in range(5) for each in orders
    ]  # fmt: skip
    found = {
        "orders": [{"order": "O-7", "item": "desk"}, {"order": "O-8", "item": "sofa"}, {"order": "O-9", "item": "bed"}]
    }
    history = [Turn(said="Cancel the sofa of C-4711.")]
    history[0].steps.append([Call(name="list_orders", arguments={"customer": "C-4711"}, result=found)])
    assert copier(*runs).next_turn(history).calls == (("cancel_order", {"order": "O-8"}),)


def test_a_lookup_is_put_before_a_turn_that_needs_what_the_user_does_not_say() -> None:
    """No logged run reopens an account by mail: the lookup comes from the runs that block."""
    by_id = [
        run(f"Reopen the account of C-{n} please.", [("unblock_customer", {"customer": f"C-{n}"}, {"ok": True})],
            answer=f"C-{n} is active again.")
        for n in range(3000, 3006)
    ]  # fmt: skip
    model = copier(*BLOCKED, *by_id)
    history = [Turn(said="Reopen the account of eve@y.test please.")]
    assert model.next_turn(history).calls == (("find_customer", {"email": "eve@y.test"}),)
    found = {"customer": "C-77"}
    history[0].steps.append([Call(name="find_customer", arguments={"email": "eve@y.test"}, result=found)])
    assert model.next_turn(history).calls == (("unblock_customer", {"customer": "C-77"}),)


def test_one_odd_run_does_not_outvote_the_others() -> None:
    odd = run("Please block eve@y.test for fraud.", answer="Done: S-1.")
    assert copier(odd, *BLOCKED).next_turn([Turn(said="Please block eve@y.test for fraud.")]).calls


def test_runs_are_read_as_logs_have_them() -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "get", "arguments": '{"x": 1}'}}]},
        {"role": "tool", "tool_call_id": "a", "name": "get", "content": "Error: no"},
        {"role": "assistant", "content": "No."},
    ]  # fmt: skip
    (turn,) = run_of(json.loads(json.dumps(messages))).turns
    assert turn.steps == [[Call(name="get", arguments={"x": 1}, result="Error: no", is_error=True)]]
    assert turn.answer == "No."


def test_the_copier_imports_nothing_of_how_models_are_scored() -> None:
    allowed = ("evaluation.judge", "evaluation.models.generation", "chat.rendering.parsing", "catalog", "sandbox")
    for path in (REPOSITORY / "benchmarks" / "copier").glob("*.py"):
        for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if module.startswith("toolft_pipeline."):
                assert module.removeprefix("toolft_pipeline.").startswith(allowed), (path.name, module)
