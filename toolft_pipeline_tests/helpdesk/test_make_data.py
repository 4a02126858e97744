"""The data command: the same bytes from the same seed, through the server and without it, and as committed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpdesk.client import Backend, open_mcp_desk
from helpdesk.desk import Desk
from helpdesk.faults import FAULTS
from helpdesk.make_data import make_data

from toolft_pipeline_tests.conftest import REPOSITORY

COMMITTED = REPOSITORY / "data" / "helpdesk"


def made(out: Path, backend: Backend, *, seed: int = 7, days: int = 2, runs_per_day: int = 30) -> dict[str, bytes]:
    make_data(out=out, backend=backend, seed=seed, days=days, runs_per_day=runs_per_day, tasks=24)
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_data_through_the_server_and_in_process_are_equal_byte_for_byte(tmp_path: Path) -> None:
    with open_mcp_desk() as remote:
        assert made(tmp_path / "remote", remote) == made(tmp_path / "local", Desk())


def test_data_of_another_seed_differ(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one", Desk()), made(tmp_path / "other", Desk(), seed=8)
    assert one["catalog.json"] == other["catalog.json"]
    assert all(one[name] != other[name] for name in one if name != "catalog.json")


def test_data_committed_are_what_the_command_makes(tmp_path: Path) -> None:
    """Two of the days: each day follows from those before it, so that a longer log begins as a shorter one."""
    make_data(out=tmp_path, backend=Desk(), seed=7, days=2, runs_per_day=160, tasks=276)
    committed = (COMMITTED / "planted.jsonl").read_bytes()
    assert committed.startswith((tmp_path / "planted.jsonl").read_bytes())
    (tmp_path / "planted.jsonl").unlink()
    for path in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        assert path.read_bytes() == (COMMITTED / path.relative_to(tmp_path)).read_bytes(), path.name


@pytest.fixture(scope="module")
def planted() -> list[dict[str, object]]:
    return [json.loads(line) for line in (COMMITTED / "planted.jsonl").read_text().splitlines()]


def test_planted_key_names_lines_that_exist_and_every_kind(planted: list[dict[str, object]]) -> None:
    assert {row["fault"] for row in planted} == set(FAULTS)
    assert {(row["fault"], row["stage"]) for row in planted} == {(f.name, f.stage.value) for f in FAULTS.values()}
    lines = {path.name: path.read_bytes().splitlines() for path in (COMMITTED / "logs").glob("????-??-??.jsonl")}
    total = sum(len(each) for each in lines.values())
    assert 0.10 < len(planted) / total < 0.14
    for row in planted:
        line = lines[Path(str(row["file"])).name][int(str(row["line"])) - 1]
        if row["stage"] != "reader":
            assert json.loads(line)["id"] == row["id"]


def test_logs_are_small_and_long_enough() -> None:
    logs = sorted((COMMITTED / "logs").glob("????-??-??.jsonl"))
    assert len(logs) >= 10
    assert sum(path.stat().st_size for path in logs) < 6_000_000


def test_every_other_line_is_a_success_with_usage(planted: list[dict[str, object]]) -> None:
    wrong = {(row["file"], row["line"]) for row in planted}
    for path in sorted((COMMITTED / "logs").glob("????-??-??.jsonl")):
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            if (f"logs/{path.name}", number) not in wrong:
                row = json.loads(line)
                assert row["outcome"]["status"] == "success"
                assert row["usage"]["prompt_tokens"] > 1000
                assert row["started_at"].startswith(path.name[:10])
