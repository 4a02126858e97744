"""Regenerate everything of this folder that is data, bit for bit: `python backend/make_data.py [--out FOLDER]`.

A scripted agent works through the scenarios on the real server; what is written down is what the server answered.
Faults are planted on purpose, and `planted.json` says where: it is for tests, the pipeline never reads it.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios import FAMILIES, Draw, Scenario
from world import build_world

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.sources import read_source
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.sandbox.kinds import open_sandbox
from toolft_pipeline.sandbox.listed_catalog import listed_catalog
from toolft_pipeline.sandbox.mcp_session import McpSandbox
from toolft_pipeline.sandbox.state import state_digest
from toolft_pipeline.settings import CatalogSettings

SEED = 7
DAYS = tuple(f"2026-10-0{day}" for day in range(1, 6))
RUNS_A_DAY, TASKS = 10, 20
GOLDEN = range(14 * 64, 14 * 64 + 6)
"""Numbers of the golden runs: far from those of the logs, the first six families, one of each category."""
SYSTEM = "You are an office assistant."
AGENT = Path(__file__).resolve().parent.parent

Row = dict[str, Any]


@dataclass(frozen=True)
class Executed:
    """A scenario after the scripted agent has been through it on the server."""

    messages: list[Row]
    plan: list[Row]
    final_state: str


def execute(sandbox: McpSandbox, scenario: Scenario, state_ref: str) -> Executed:
    """Run a scenario from its state. Raises `RuntimeError` where the server disagrees with the plan."""
    sandbox.reset(state_ref)
    messages: list[Row] = [{"role": "system", "content": SYSTEM}]
    plan: list[Row] = []
    for number, turn in enumerate(scenario.turns):
        messages.append({"role": "user", "content": turn.user})
        before: list[str] = []
        for step_number, step in enumerate(turn.steps):
            ids = [f"call_{len(plan) + offset}" for offset in range(1, len(step) + 1)]
            called = [
                {"id": id_, "type": "function", "function": {"name": call.name, "arguments": _text(call.arguments)}}
                for id_, call in zip(ids, step, strict=True)
            ]
            says = turn.says if step_number == 0 else None
            messages.append({"role": "assistant", "content": says, "tool_calls": called})
            for id_, call in zip(ids, step, strict=True):
                result = sandbox.call(call.name, call.arguments)
                if result.is_error != call.fails:
                    raise RuntimeError(f"{state_ref}: {call}: the server answered {result.text}")
                messages.append({"role": "tool", "tool_call_id": id_, "name": call.name, "content": result.text})
                planned = {"id": id_, "name": call.name, "arguments": call.arguments, "turn": number}
                plan.append(planned | {"after": list(before), "reads": call.reads, "fails": call.fails})
            before = [id_ for id_, call in zip(ids, step, strict=True) if not call.fails] or before
        messages.append({"role": "assistant", "content": turn.answer})
    return Executed(messages, plan, state_digest(sandbox.snapshot()))


def make_run(sandbox: McpSandbox, *, number: int, day: str, position: int, state_ref: str, catalog: Catalog) -> Row:
    """One log line."""
    family = FAMILIES[number % len(FAMILIES)]
    rng = random.Random(f"{SEED} run {number}")
    scenario = family(Draw(build_world(state_ref), rng, held_out=False))
    executed = execute(sandbox, scenario, state_ref)
    assistant_turns = sum(message["role"] == "assistant" for message in executed.messages)
    prompt = len(catalog.text) // 4 + len(_text(executed.messages)) // 8  # what a catalog in every prompt costs
    completion = sum(len(_text(m)) for m in executed.messages if m["role"] == "assistant") // 4
    return {
        "id": f"run-{day.replace('-', '')}-{position:02d}",
        "started_at": f"{day}T{8 + position:02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}Z",
        "task_id": f"{family.__name__}-{number:02d}",
        "task_key": f"{family.__name__}|{scenario.key.lower()}",
        "messages": executed.messages,
        "tools_ref": catalog.digest,
        "outcome": {"status": "success", "evidence": "the user closed the conversation as solved"},
        "initial_state": state_ref,
        "final_state": executed.final_state,
        "usage": {
            "prompt_tokens": prompt * assistant_turns,
            "completion_tokens": completion,
            "latency_ms": assistant_turns * rng.randrange(700, 1900),
            "parse_failures": 0,
        },
    }


def make_task(sandbox: McpSandbox, number: int) -> Row:
    """One evaluation task, in a state and a wording that no log has."""
    family, state_ref = FAMILIES[number % len(FAMILIES)], f"branch-{number + 1}"
    scenario = family(Draw(build_world(state_ref), random.Random(f"{SEED} task {number}"), held_out=True))
    executed = execute(sandbox, scenario, state_ref)
    return {
        "task_id": f"eval-{number + 1:02d}",
        "task_key": f"{family.__name__}|{scenario.key.lower()}",
        "family": family.__name__,
        "category": scenario.category,
        "state_ref": state_ref,
        "system": SYSTEM,
        "user_turns": [turn.user for turn in scenario.turns],
        "plan": executed.plan,
        "expected_state": executed.final_state,
        "gold": executed.messages,
        "answers": [_expected(number, scenario, executed) for number in range(len(scenario.turns))],
    }


def _expected(number: int, scenario: Scenario, executed: Executed) -> Row:
    """What the answer to a user turn must convey; every value stands in a result or an argument of its calls."""
    turn = scenario.turns[number]
    results = {m["tool_call_id"]: m["content"] for m in executed.messages if m["role"] == "tool"}
    made = [call for call in executed.plan if call["turn"] == number]
    known = _text([(call["arguments"], results[call["id"]]) for call in made])
    if unknown := [value for value, *_ in turn.facts if value not in known]:
        raise RuntimeError(f"{scenario.key}: no call or result has {unknown[0]}")
    expected: Row = {"turn": number, "ending": turn.ending}
    if turn.facts:
        expected["facts"] = [{"value": value} | ({"about": about} if about else {}) for value, *about in turn.facts]
    if failed_texts := [results[call["id"]] for call in made if call["fails"]]:
        expected["reason"] = "\n".join(failed_texts)
    return expected


def failed(row: Row) -> None:
    """The log itself says that the run failed."""
    row["outcome"] = {"status": "failure", "evidence": "the user asked for a human"}


def unknown_tool(row: Row) -> None:
    """A call to a tool that the catalog does not have."""
    for message in row["messages"]:
        for call in message.get("tool_calls", ()):
            call["function"]["name"] = "compute"
        if message.get("name"):
            message["name"] = "compute"


def malformed_arguments(row: Row) -> None:
    """A call whose arguments are no JSON."""
    call = next(message for message in row["messages"] if "tool_calls" in message)["tool_calls"][0]
    call["function"]["arguments"] = call["function"]["arguments"][:-1]
    row["usage"]["parse_failures"] = 1


def wrong_result(row: Row) -> None:
    """A tool result that the backend never gave."""
    tool = next(message for message in row["messages"] if message["role"] == "tool")
    tool["content"] = _text({"value": 1})


def loop(row: Row) -> None:
    """The first call and its result, three times more."""
    first = next(index for index, message in enumerate(row["messages"]) if "tool_calls" in message)
    call, result = row["messages"][first : first + 2]
    for repeat in range(1, 4):
        id_ = f"{result['tool_call_id']}_{repeat}"
        again = [dict(call, tool_calls=[dict(call["tool_calls"][0], id=id_)]), dict(result, tool_call_id=id_)]
        row["messages"][first + 2 * repeat : first + 2 * repeat] = again


PLANTED: dict[int, Callable[[Row], None]] = {
    4: failed,
    9: wrong_result,
    14: unknown_tool,
    23: malformed_arguments,
    34: loop,
}
"""Number of a run -> what is done to its row."""
MALFORMED_LINE, TRUNCATED_LINE = 18, 39


def write_logs(sandbox: McpSandbox, catalog: Catalog, out: Path) -> None:
    """Fifty lines over five days, and the key of what is planted in them."""
    planted = []
    (out / "logs").mkdir(parents=True, exist_ok=True)
    for day_number, day in enumerate(DAYS):
        text = ""
        for position in range(RUNS_A_DAY):
            number = day_number * RUNS_A_DAY + position
            state_ref = f"office-{number + 1}"
            row = make_run(sandbox, number=number, day=day, position=position + 1, state_ref=state_ref, catalog=catalog)
            fault = None
            if plant := PLANTED.get(number):
                plant(row)
                fault = plant.__name__
            line = _text(row)
            if number == MALFORMED_LINE:
                line, fault = line.replace('"messages": [', '"messages": [,', 1), "malformed_line"
            if number == TRUNCATED_LINE:
                line, fault = line[: len(line) // 2], "truncated_line"
            if fault:
                planted.append({"file": f"logs/{day}.jsonl", "line": position + 1, "id": row["id"], "fault": fault})
            text += line + ("" if number == TRUNCATED_LINE else "\n")
        (out / "logs" / f"{day}.jsonl").write_text(text, encoding="utf-8")
    (out / "planted.json").write_text(json.dumps(planted, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=AGENT, help="folder to write to (default: the agent's)")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    settings = load_agent(AGENT / "agent.yaml")
    assert settings.sandbox is not None
    asking = settings.model_copy(update={"catalog": CatalogSettings(mcp=True)})
    catalog = read_source(asking, listed=listed_catalog(settings.sandbox, cwd=AGENT))
    (out / "catalog.json").write_text(catalog.text, encoding="utf-8")
    seeded = settings.sandbox.model_copy(update={"env": {"ASSISTANT_LATENCY_SEED": str(SEED)}})
    with open_sandbox(seeded, cwd=AGENT) as sandbox:
        write_logs(sandbox, catalog, out)
        golden = [
            make_run(sandbox, number=n, day=DAYS[0], position=n % 10 + 1, state_ref=f"office-{n}", catalog=catalog)
            | {"id": f"golden-{n}", "golden": True, "outcome": {"status": "unknown"}}
            for n in GOLDEN
        ]
        tasks = [make_task(sandbox, number) for number in range(TASKS)]
    _write_lines(out / "golden.jsonl", golden)
    _write_lines(out / "tasks.jsonl", tasks)


def _write_lines(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(_text(row) + "\n" for row in rows), encoding="utf-8")


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
