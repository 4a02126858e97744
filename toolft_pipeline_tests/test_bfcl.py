"""Real runs that are not ours, through the data path: BFCL's multi-turn sets, executed on BFCL's own backends."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.catalog.build import build_catalog
from toolft_pipeline.chat.render_day import write_chat_rows
from toolft_pipeline.chat.token_tensors import TokenSummary, write_token_tensors
from toolft_pipeline.settings import AgentSettings, LongRows
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.verification.rules.verdict import read_verdicts
from toolft_pipeline_tests.agents import agent, read_agent_day, verify_agent_day
from toolft_pipeline_tests.conftest import REPOSITORY

LOGS = Path(os.environ.get("TOOLFT_BFCL_LOGS", REPOSITORY.parent / "shared" / "data" / "bfcl"))
DAY = "2026-10-01"
LENIENT = {
    "require_replay": False,  # the backends are not here
    "accept_unknown_outcome": True,
    "allow_dangling_call": True,
    "allow_user_turn_after_result": True,
    "allow_consecutive_user_turns": True,
    "max_repeats": 10,
    "max_error_share": 1.0,
}

LOGIN = re.compile(r'(?<="password": ")[^"]+')
"""What redaction may touch of these logs: in ten runs the model logs in with what the user typed."""

pytestmark = pytest.mark.skipif(
    not LOGS.is_dir(), reason=f"{LOGS}: not there; TOOLFT_BFCL_LOGS names the folder of the executed BFCL runs"
)


def logged() -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(LOGS.glob("*.jsonl.gz")) for line in gzip.open(path)]


@pytest.fixture
def desk(tmp_path: Path) -> AgentSettings:
    (tmp_path / "logs").mkdir()
    for path in LOGS.glob("*.jsonl.gz"):
        (tmp_path / "logs" / f"{DAY}.{path.name}").write_bytes(path.read_bytes())
    tools = {tool["function"]["name"]: tool for row in logged() for tool in row["tools"]}
    (tmp_path / "catalog.json").write_text(json.dumps(list(tools.values())))
    return agent(tmp_path, verification=LENIENT)


def test_bfcl_every_run_is_accepted_unaltered_and_proven(
    desk: AgentSettings, gemma_tokenizer_folder: Path, tmp_path: Path
) -> None:
    raw, catalog, verified, rows, tensors = (tmp_path / name for name in ("raw", "tools", "ver", "rows", "tensors"))
    for folder in (raw, catalog, verified, rows, tensors):
        folder.mkdir()
    build_catalog(desk, catalog)
    read = read_agent_day(desk, day=DAY, out=raw)
    judged = verify_agent_day(desk, day=DAY, raw=raw, catalog=catalog, out=verified)
    assert (read.lines, read.rejects, judged.accepted) == (200, 0, 200), judged.faults

    kept = {run.trajectory_id: run for run in read_trajectories(verified / "accepted.parquet")}
    named = {verdict.trajectory_id: verdict.redacted for verdict in read_verdicts(verified / "verdicts.parquet")}
    assert judged.redacted == {"password": 10}
    for row in logged():
        before = repr([said(message) for message in row["messages"]])
        after = repr(
            [
                (m.role.value, m.text, [(c.id, c.name, c.arguments_json) for c in m.tool_calls], m.tool_call_id)
                for m in kept[row["id"]].messages
            ]
        )
        assert (before != after) == bool(named[row["id"]])
        for password in set(LOGIN.findall(before)):
            assert named[row["id"]] == ["password"]
            assert password not in after
            (stand_in,) = set(LOGIN.findall(after))
            after = after.replace(stand_in, password)
        assert before == after

    accepted = verified / "accepted.parquet"
    write_chat_rows(accepted=accepted, catalog=catalog / "catalog.json", chat=desk.chat, out=rows)

    def encoded(**chat: object) -> TokenSummary:
        return write_token_tensors(
            rows=rows / "rows.parquet",
            accepted=accepted,
            tokenizer=gemma_tokenizer_folder,
            chat=desk.chat.model_copy(update=chat),
            out=tensors,
            progress=print,
        )

    made = encoded()
    assert (made.rows, made.too_long, made.proofs.n_failures) == (200, 0, 0)
    split = encoded(max_length=512, long_rows=LongRows.SPLIT)
    assert split.proofs.n_failures == 0
    assert split.too_long > 100
    assert split.longest <= 512
    assert split.loss_tokens + split.lost_loss_tokens == made.loss_tokens
    assert split.lost_turns <= 2


def said(message: dict[str, Any]) -> tuple[object, ...]:
    calls = message.get("tool_calls") or ()
    return (
        message["role"],
        message["content"] or "",
        [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls],
        message.get("tool_call_id"),
    )
