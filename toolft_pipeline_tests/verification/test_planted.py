"""The help desk's logs against the log writer's own key of planted faults, which no rule ever reads."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import build_catalog
from toolft_pipeline.curation.run_signatures import SIGNATURES_FILE, write_signatures
from toolft_pipeline.curation.selection import select_training_set
from toolft_pipeline.trajectories.accepted_table import read_accepted_rows
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.verification.rules.verdict import read_verdicts
from toolft_pipeline_tests.agents import read_agent_day, verify_agent_day
from toolft_pipeline_tests.conftest import REPOSITORY

HELPDESK = REPOSITORY / "data" / "helpdesk"
PLANTED = HELPDESK / "planted.jsonl"

REDACTED = "redacted"
NEAR_DUPLICATE = "near_duplicate"

UNGROUNDED = {"ungrounded_answer", "ungrounded_choice", "unasked_answer"}
"""A lie in a call or a result is found before replay where a later turn rests on the truth."""

NOT_STATED = {"false_success", "contradicted_result", "unnamed_target", "answer_unread"}
"""The same, where the answer still says what was true, or the user still names what was meant."""

CAUGHT_AS = {
    "failed": {"logged_failure"},
    "wrong_argument": {"logged_failure"},
    "unknown_outcome": {"unknown_outcome"},
    "unknown_tool": {"unknown_tool"},
    "malformed_arguments": {"malformed_arguments"},
    "unknown_parameter": {"invalid_arguments"},
    "invalid_arguments": {"invalid_arguments"},
    "control_token_in_result": {"result_differs"},
    "forged_result": {"result_differs"} | UNGROUNDED | NOT_STATED,
    "wrong_state": {"final_state_differs"},
    "hidden_wrong_argument": {"result_differs", "final_state_differs"} | UNGROUNDED | NOT_STATED,
    "dropped_call": {"result_differs", "final_state_differs"} | UNGROUNDED | NOT_STATED,
    "no_initial_state": {"not_replayable"},
    "unknown_state": {"unknown_state"},
    "loop": {"repeated_call"},
    "dead_end": {"mostly_errors"},
    "orphan_result": {"unasked_result"},
    "missing_result": {"unanswered_call"},
    "dangling_call": {"dangling_call"},
    "malformed_line": {"malformed_json"},
    "wrong_shape": {"wrong_shape"},
    "not_utf8": {"not_utf8"},
    "truncated_line": {"truncated_line"},
    "control_token": {"control_token"},
    "secret": {REDACTED},
    "near_duplicate": {NEAR_DUPLICATE},
}

Place = tuple[str, int]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[Place, str]:
    """Every log line that the data stages did not keep as it was, by file and line, with what became of it."""
    root = tmp_path_factory.mktemp("helpdesk")
    settings = load_agent(HELPDESK / "agent.yaml")
    tools = build_catalog(settings, root).tools
    caught: dict[Place, str] = {}
    places: dict[tuple[str, str], Place] = {}
    days: dict[str, Path] = {}
    for day in sorted({path.name[:10] for path in (HELPDESK / "logs").glob("????-??-??.jsonl")}):
        raw, verified = root / "raw" / day, root / "verified" / day
        raw.mkdir(parents=True)
        verified.mkdir(parents=True)
        read_agent_day(settings, day=day, out=raw)
        verify_agent_day(settings, day=day, raw=raw, catalog=root, out=verified)
        days[day] = verified / SIGNATURES_FILE
        write_signatures(read_accepted_rows(verified / "accepted.parquet"), days[day])
        for reject in pq.read_table(raw / "rejects.parquet").to_pylist():
            caught[(reject["file"], reject["line"])] = reject["reason"]
        logged = {run.trajectory_id: run for run in read_trajectories(raw / "trajectories.parquet")}
        places |= {(day, id_): (run.source.file, run.source.line) for id_, run in logged.items()}
        for verdict in read_verdicts(verified / "verdicts.parquet"):
            if verdict.fault is not None:
                caught[places[(day, verdict.trajectory_id)]] = verdict.fault.value
        for run in read_trajectories(verified / "accepted.parquet"):
            if not run.golden and run != logged[run.trajectory_id]:
                caught[places[(day, run.trajectory_id)]] = REDACTED
    (root / "selection").mkdir()
    select_training_set(days=days, tasks=None, tools=tools, curation=settings.curation, out=root / "selection")
    for row in pq.read_table(root / "selection" / "selection.parquet").to_pylist():
        if row["duplicate_of"] is not None:
            caught.setdefault(places[(row["day"], row["trajectory_id"])], NEAR_DUPLICATE)
    return caught


@pytest.mark.skipif(not PLANTED.is_file(), reason="data/helpdesk has no key of planted faults")
def test_planted_faults_and_no_others_are_caught_under_their_own_reasons(found: dict[Place, str]) -> None:
    planted = {}
    for line in PLANTED.read_text().splitlines():
        row = json.loads(line)
        planted[(Path(row["file"]).name, row["line"])] = row["fault"]
    missed = {place: fault for place, fault in planted.items() if found.get(place) not in CAUGHT_AS[fault]}
    assert missed == {}
    assert {place: what for place, what in found.items() if place not in planted} == {}
