"""A committed agent's logs through the stage, against the log writer's own key of planted faults."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import build_catalog
from toolft_pipeline.ingest.day import RawSummary
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.verification.day import VERDICTS_FILE, VerificationSummary
from toolft_pipeline.verification.rules.verdict import ReplayExtent, read_verdicts
from toolft_pipeline_tests.agents import read_agent_day, verify_agent_day
from toolft_pipeline_tests.conftest import REPOSITORY

ASSISTANT = REPOSITORY / "data" / "assistant"
FAULTS = {
    "failed": "logged_failure",
    "wrong_result": "result_differs",
    "unknown_tool": "unknown_tool",
    "malformed_line": "malformed_json",
    "malformed_arguments": "malformed_arguments",
    "loop": "repeated_call",
    "truncated_line": "truncated_line",
}


@dataclass(frozen=True, kw_only=True)
class Day:
    raw: Path
    verified: Path
    read: RawSummary
    judged: VerificationSummary


def process(settings: AgentSettings, *, day: str, root: Path, catalog: Path) -> Day:
    raw, verified = root / "raw" / day, root / "verified" / day
    raw.mkdir(parents=True)
    verified.mkdir(parents=True)
    read = read_agent_day(settings, day=day, out=raw)
    judged = verify_agent_day(settings, day=day, raw=raw, catalog=catalog, out=verified)
    return Day(raw=raw, verified=verified, read=read, judged=judged)


@pytest.fixture(scope="module")
def settings() -> AgentSettings:
    return load_agent(ASSISTANT / "agent.yaml")


@pytest.fixture(scope="module")
def catalog(settings: AgentSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalog")
    build_catalog(settings, folder)
    return folder


@pytest.fixture(scope="module")
def days(settings: AgentSettings, catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Day]:
    root = tmp_path_factory.mktemp("assistant")
    names = sorted(path.name[:10] for path in (ASSISTANT / "logs").iterdir())
    return {name: process(settings, day=name, root=root, catalog=catalog) for name in names}


def test_verify_day_every_line_is_accepted_rejected_or_refused(days: dict[str, Day]) -> None:
    for name, day in days.items():
        lines = len((ASSISTANT / "logs" / f"{name}.jsonl").read_bytes().splitlines())
        assert lines == day.read.trajectories + day.read.rejects
        golden = sum(run.golden for run in read_trajectories(day.verified / "accepted.parquet"))
        assert day.judged.trajectories == day.read.trajectories + golden
        verdicts = read_verdicts(day.verified / "verdicts.parquet")
        accepted = [run.trajectory_id for run in read_trajectories(day.verified / "accepted.parquet")]
        assert [verdict.trajectory_id for verdict in verdicts if verdict.accepted] == accepted
        assert len(accepted) == day.judged.accepted


def test_verify_day_planted_faults_and_no_others_are_caught_under_their_own_reasons(days: dict[str, Day]) -> None:
    planted = {
        (Path(row["file"]).name, row["line"]): FAULTS[row["fault"]]
        for row in json.loads((ASSISTANT / "planted.json").read_text())
    }
    found = {}
    for day in days.values():
        for reject in pq.read_table(day.raw / "rejects.parquet").to_pylist():
            found[(reject["file"], reject["line"])] = reject["reason"]
        places = {run.trajectory_id: run.source for run in read_trajectories(day.raw / "trajectories.parquet")}
        for verdict in read_verdicts(day.verified / "verdicts.parquet"):
            if verdict.fault is not None:
                place = places[verdict.trajectory_id]
                found[(place.file, place.line)] = verdict.fault.value
    assert found == planted


def test_verify_day_accepted_runs_are_not_altered(days: dict[str, Day]) -> None:
    for day in days.values():
        raw = {run.trajectory_id: run for run in read_trajectories(day.raw / "trajectories.parquet")}
        for run in read_trajectories(day.verified / "accepted.parquet"):
            assert run.golden or run == raw[run.trajectory_id]


def test_verify_day_same_input_gives_the_same_bytes(
    days: dict[str, Day], settings: AgentSettings, catalog: Path, tmp_path: Path
) -> None:
    name, first = next(iter(days.items()))
    again = process(settings, day=name, root=tmp_path, catalog=catalog)
    for file in ("accepted.parquet", "verdicts.parquet"):
        assert (first.verified / file).read_bytes() == (again.verified / file).read_bytes()


def edited(assistant_folder: Path, tmp_path: Path, change: dict[str, str]) -> Day:
    """The first day of a copy of the agent with texts of its log replaced, judged by the copy's settings."""
    log = assistant_folder / "logs" / "2026-10-01.jsonl"
    text = log.read_text()
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    log.write_text(text)
    settings = load_agent(assistant_folder / "agent.yaml")
    return process(settings, day="2026-10-01", root=tmp_path, catalog=assistant_folder / "catalog.json")


def test_verify_day_tool_under_its_old_name_is_judged_and_kept_under_todays(
    assistant_folder: Path, tmp_path: Path, days: dict[str, Day]
) -> None:
    (assistant_folder / "renames.yaml").write_text("compute: calculate\n")
    agent_file = assistant_folder / "agent.yaml"
    agent_file.write_text(agent_file.read_text().replace("catalog:\n", "catalog:\n  renames: renames.yaml\n", 1))
    day = edited(assistant_folder, tmp_path, {'"name": "calculate"': '"name": "compute"'})
    assert day.judged.renamed > 0
    assert day.judged.accepted == days["2026-10-01"].judged.accepted
    assert day.judged.tools == days["2026-10-01"].judged.tools


def test_verify_day_without_a_sandbox_accepts_only_where_the_settings_say_so(
    assistant_folder: Path, tmp_path: Path
) -> None:
    settings = load_agent(assistant_folder / "agent.yaml").model_copy(update={"sandbox": None})
    strict = process(settings, day="2026-10-01", root=tmp_path / "a", catalog=assistant_folder / "catalog.json")
    assert strict.judged.accepted == 0
    assert strict.judged.not_replayable == strict.judged.faults["replay/not_replayable"] > 0
    lenient = load_agent(assistant_folder / "agent.yaml", overrides={"verification.require_replay": "false"})
    lenient = lenient.model_copy(update={"sandbox": None})
    loose = process(lenient, day="2026-10-01", root=tmp_path / "b", catalog=assistant_folder / "catalog.json")
    assert loose.judged.accepted == loose.judged.not_replayable == strict.judged.not_replayable


def test_verify_day_without_final_states_compares_results_whatever_the_settings_say(
    assistant_folder: Path, tmp_path: Path, days: dict[str, Day]
) -> None:
    log = assistant_folder / "logs" / "2026-10-01.jsonl"
    rows = [json.loads(line) | {"final_state": None} for line in log.read_text().splitlines()]
    asked = next(row for row in rows if row["id"] == "run-20261001-01")
    next(turn for turn in asked["messages"] if turn["role"] == "tool")["content"] = '{"value":2790,"note":"forged"}'
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def judged(name: str, **overrides: str) -> VerificationSummary:
        settings = load_agent(assistant_folder / "agent.yaml", overrides=overrides)
        settings = settings.model_copy(update={"logs": settings.logs.model_copy(update={"golden": None})})
        catalog = assistant_folder / "catalog.json"
        return process(settings, day="2026-10-01", root=tmp_path / name, catalog=catalog).judged

    strict = judged("strict")
    assert strict.accepted == 0
    assert strict.faults["replay/no_final_state"] == strict.no_final_state > 0
    assert strict.faults["replay/result_differs"] > days["2026-10-01"].judged.faults.get("replay/result_differs", 0)
    loose = judged("loose", **{"verification.require_replay": "false"})
    assert loose.accepted == loose.no_final_state == strict.no_final_state
    assert loose.not_replayable == 0
    assert loose.faults["replay/result_differs"] == strict.faults["replay/result_differs"]
    verdicts = read_verdicts(tmp_path / "loose" / "verified" / "2026-10-01" / VERDICTS_FILE)
    assert not any(verdict.replay_key for verdict in verdicts)  # half a proof is not cached as a whole one
    assert {verdict.replay for verdict in verdicts if verdict.accepted} == {ReplayExtent.RESULTS_ONLY}


def test_verify_day_secret_is_replaced_after_replay_in_rows_and_reasons(assistant_folder: Path, tmp_path: Path) -> None:
    secret = "sk-proj-abcDEF0123456789abcDEF"
    log = assistant_folder / "logs" / "2026-10-01.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    rows[0]["messages"][1]["content"] += f" My key is {secret}."
    rows[1]["outcome"] = {"status": "failure", "evidence": f"the user pasted {secret}"}
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    day = edited(assistant_folder, tmp_path, {})
    assert day.judged.redacted == {"openai_key": 1}
    for file in day.verified.glob("*.parquet"):
        assert secret not in str(pq.read_table(file).to_pylist())
    assert "My key is sk-proj-" in str(pq.read_table(day.verified / "accepted.parquet").to_pylist())


def test_verify_day_reason_quotes_no_half_of_a_value(assistant_folder: Path, tmp_path: Path) -> None:
    """A forged result whose secret is cut by the reason's limit, at every place where the cut can fall."""
    log = assistant_folder / "logs" / "2026-10-01.jsonl"
    row = next(json.loads(line) for line in log.read_text().splitlines() if '"tool_calls"' in line)
    secret, person = "sk-proj-abcDEF0123456789abcDEF", "jo.smith@firma.de"
    forged = []
    for number in range(40):
        row |= {"id": f"run-{number}-{person}", "outcome": {"status": "success"}}
        answer = next(message for message in row["messages"] if message["role"] == "tool")
        answer["content"] = "x " * (40 + number // 2) + "y" * (number % 2) + f" {secret} {person}"
        forged.append(json.dumps(row) + "\n")
    log.write_text("".join(forged))
    agent = assistant_folder / "agent.yaml"
    agent.write_text(agent.read_text().replace("verification:\n", "verification:\n  grounding: false\n"))
    day = edited(assistant_folder, tmp_path, {})
    assert day.judged.faults["replay/result_differs"] == 40
    verdicts = pq.read_table(day.verified / "verdicts.parquet", columns=["trajectory_id", "reason"])
    shown = str(verdicts.to_pylist())
    assert "the log has x x" in shown
    for value in (secret.removeprefix("sk-proj-")[:4], person[:4], "firma"):
        assert value not in shown


def test_verify_day_without_logs_gives_empty_tables_and_starts_no_sandbox(
    settings: AgentSettings, catalog: Path, tmp_path: Path
) -> None:
    day = process(settings, day="2027-01-01", root=tmp_path, catalog=catalog)
    assert (day.read.formats, day.judged.trajectories, day.judged.accepted) == ({}, 0, 0)
    assert pq.read_table(day.verified / "accepted.parquet").num_rows == 0


def test_verify_day_golden_runs_join_their_day_and_need_no_outcome(assistant_folder: Path, tmp_path: Path) -> None:
    golden = assistant_folder / "golden.jsonl"
    rows = [json.loads(line) | {"outcome": {"status": "unknown"}} for line in golden.read_text().splitlines()]
    rows[0]["started_at"] = "2026-10-01T00:00:00Z"
    rows[1]["started_at"] = "2020-01-01T00:00:00Z"
    rows[2]["started_at"] = None
    for row in rows[3:]:
        row["started_at"] = "2026-10-02T00:00:00Z"
    golden.write_text("".join(json.dumps(row) + "\n" for row in rows))
    day = edited(assistant_folder, tmp_path, {})
    accepted = read_trajectories(day.verified / "accepted.parquet")
    assert [run.trajectory_id for run in accepted if run.golden] == [row["id"] for row in rows[:3]]


def test_verify_day_logged_run_that_is_golden_too_is_judged_once(assistant_folder: Path, tmp_path: Path) -> None:
    first = (assistant_folder / "logs" / "2026-10-01.jsonl").read_text().splitlines()[0]
    (assistant_folder / "golden.jsonl").write_text(first + "\n")
    day = edited(assistant_folder, tmp_path, {})
    assert day.judged.trajectories == day.read.trajectories
    same = [run for run in read_trajectories(day.verified / "accepted.parquet") if run.golden]
    assert [run.trajectory_id for run in same] == [json.loads(first)["id"]]
