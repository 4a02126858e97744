"""The second world: no scenario on both sides, held-out runs are tasks with their calls, a killed table goes on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.second_world import Setting, read_results, settings_of, table
from benchmarks.second_world_agent import AGENT_FILE, DAY, is_held_out, scenario_of, write_agent
from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.evaluation.scoring.steps import task_steps

RATE = {"value": 0.5, "low": 0.4, "high": 0.6}
FIGURES = {
    **{"exact_match": RATE, "exact_match_alone": RATE, "right_tool": RATE, "base_exact_match": None},
    **{"steps": 6, "rows": 4, "tokens": 1700, "validation_loss": 0.25, "tokens_per_s": 99},
    **{"training_minutes": 1.5, "cpu_minutes": 3.0},
}


def run(number: int) -> dict[str, Any]:
    call = {"id": "call_0", "type": "function", "function": {"name": "ls", "arguments": '{"all": true}'}}
    return {
        "id": f"multi_turn_base_{number}",
        "involved_classes": ["GorillaFileSystem"],
        "messages": [
            {"role": "user", "content": f"List folder {number}."},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_0", "name": "ls", "content": "[]"},
        ],
        "tools": [{"type": "function", "function": {"name": "ls", "parameters": {"type": "object", "properties": {}}}}],
    }


def asked(**values: Any) -> argparse.Namespace:
    one = {"catalog": ["none"], "tokens": [None], "epochs": [5.0], "rank": [16], "learning_rate": [1e-3]}
    return argparse.Namespace(**{**one, "length": [512], "seed": [0], "base": False, **values})


def test_agent_has_every_run_on_one_side_alone(tmp_path: Path) -> None:
    (tmp_path / "multi_turn_base_000-009.jsonl").write_text("".join(json.dumps(run(n)) + "\n" for n in range(10)))
    folder = tmp_path / "second_world"
    counts = write_agent(tmp_path, folder)
    assert counts == {"training_runs": 8, "held_out_runs": 2, "held_out_steps": 2, "tools": 1}
    load_agent(folder / "agent.yaml")
    tasks = load_tasks(folder / AGENT_FILE["evaluation"]["tasks"])
    logged = [json.loads(line)["id"] for line in (folder / "logs" / f"{DAY}.jsonl").read_text().splitlines()]
    assert not {task.task_id for task in tasks} & {*logged}
    (step,) = task_steps(tasks[0])
    assert [call.name for call in step.expected_calls] == ["ls"]


def test_sets_of_one_scenario_are_on_one_side() -> None:
    names = ("multi_turn_base_{}", "multi_turn_miss_func_{}")
    for number in range(100):
        assert len({is_held_out(scenario_of(name.format(number))) for name in names}) == 1
    assert sum(is_held_out(str(number)) for number in range(100)) == 20


def test_folder_without_runs_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="name the folder of BFCL's executed runs with --logs"):
        write_agent(tmp_path, tmp_path / "agent")


def test_every_combination_is_a_valid_setting_and_a_result_is_read_again(tmp_path: Path) -> None:
    settings = list(
        settings_of(asked(epochs=[3.0, 5.0], rank=[16, 32], catalog=["none", "names"], tokens=[None, 9000]))
    )
    assert len(set(settings)) == 16
    (tmp_path / "multi_turn_base_000-009.jsonl").write_text("".join(json.dumps(run(n)) + "\n" for n in range(10)))
    write_agent(tmp_path, tmp_path / "world")
    for each in settings:
        load_agent(tmp_path / "world" / "agent.yaml", overrides=each.overrides)
    results = tmp_path / "results.jsonl"
    line = json.dumps({"setting": {**vars(settings[0])}, "figures": FIGURES})
    results.write_text(f"{line}\n{line[:20]}")
    found = read_results(results)
    assert found == {settings[0]: FIGURES}
    lines = table([(settings[0], FIGURES)]).splitlines()
    assert len({text.count("|") for text in lines}) == 1
    assert "50.0% (40.0%-60.0%)" in lines[2]
    assert isinstance(next(iter(found)), Setting)
