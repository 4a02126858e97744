"""Planted secrets and personal data stand in the raw zone and in nothing else that a run of the data stages leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest
import yaml

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.definitions import build_definitions
from toolft_pipeline.orchestration.jobs import job_name
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import Group
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.store import Warehouse
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.vendor_keys import VENDOR_KEYS

DAY = "2026-10-01"
PLANTED = {
    "email": "jo.smith@firma.de",
    "phone": "+49 30 901820",
    "card": "4111 1111 1111 1111",
    "iban": "DE89370400440532013000",
    "national_id": "536-90-4399",
    "ip_address": "8.8.4.4",
    "aws_access_key": "AKIAIOSFODNN7EXAMPLE",
    "password": "hunter2secret",
    "url_password": "s3cretpw",
    "private_key": "MIIEvQIBADANBgkqhkiG9w0B",
    "vendor_token": VENDOR_KEYS["Hugging Face"],
    "slack_token": VENDOR_KEYS["Slack app"],
}
IN_CONTEXT = {
    "password": "password=hunter2secret",
    "url_password": "postgres://admin:s3cretpw@db.internal/x",
    "private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----",
}
ALL = "; ".join(IN_CONTEXT.get(kind, value) for kind, value in PLANTED.items())


def _message(role: str, row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(message for message in row["messages"] if message["role"] == role)
    return found


def _plant(log: Path) -> None:
    """Values in every text of a run, in runs that will be kept and in runs that will be lost for many reasons."""
    rows = [json.loads(line) for line in log.read_bytes().splitlines() if line.startswith(b"{") and line.endswith(b"}")]
    with_calls = [row for row in rows if any(message.get("tool_calls") for message in row["messages"])]
    for row in rows:
        row["task_key"] = f"{row['task_key']}|{ALL}"
        row["id"] += f"-{PLANTED['email']}"
        row["tools_ref"] = f"catalog of {ALL}"
        _message("user", row)["content"] += f" {ALL}"
        row["messages"][-1]["content"] += f" {ALL}"
    for row in with_calls[:4]:
        call = next(message for message in row["messages"] if message.get("tool_calls"))["tool_calls"][0]["function"]
        arguments = json.loads(call["arguments"])
        first = next(name for name, value in arguments.items() if isinstance(value, str))
        call["arguments"] = json.dumps(arguments | {first: f"{arguments[first]}\n{ALL}"})
        _message("tool", row)["content"] = json.dumps({"found": json.dumps({"who": ALL})})
    with_calls[4]["outcome"] = {"status": "failure", "evidence": f"gave up: {ALL}"}
    unknown = json.loads(json.dumps(with_calls[5]))
    unknown["id"] = f"unknown-{PLANTED['email']}"
    call = next(message for message in unknown["messages"] if message.get("tool_calls"))["tool_calls"][0]["function"]
    call["name"] = PLANTED["email"]
    extra = json.loads(json.dumps(with_calls[5]))
    extra["id"] = f"extra-{PLANTED['email']}"
    call = next(message for message in extra["messages"] if message.get("tool_calls"))["tool_calls"][0]["function"]
    call["arguments"] = json.dumps({ALL: ALL})
    lines = [json.dumps(row) for row in (*rows, unknown, extra)]
    log.write_text("\n".join([*lines, json.dumps({"messages": ALL}), lines[0][:-9]]) + "\n")


@dataclass(frozen=True)
class Left:
    """What the run left behind: its warehouse, and everything that the instance stores."""

    warehouse: Path
    events: str


@pytest.fixture(scope="module", params=["replayed", "without a sandbox"])
def left(request: pytest.FixtureRequest, tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Left:
    root = tmp_path_factory.mktemp("leaks")
    shutil.copytree(REPOSITORY / "data" / "assistant", root / "assistant")
    _plant(root / "assistant" / "logs" / f"{DAY}.jsonl")
    file = root / "assistant" / "agent.yaml"
    document = yaml.safe_load(file.read_text()) | {"base_model": {"folder": str(tiny_model_folder)}}
    document["verification"]["grounding"] = False  # the planted runs state values from nowhere
    if request.param != "replayed":  # arguments and results with values pass too
        del document["sandbox"]
        document["verification"]["require_replay"] = False
    file.write_text(yaml.safe_dump(document))
    agent = load_agent(file)
    warehouse = root / "warehouse"
    events = []
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("TOOLFT_WAREHOUSE", str(warehouse))
        for group, day in ((Group.SOURCES, None), (Group.DATA, DAY)):
            job = build_definitions([agent]).resolve_job_def(job_name("assistant", group))
            done = job.execute_in_process(instance=instance, partition_key=day, raise_on_error=False)
            assert done.success
            events += [str(event) for event in instance.all_logs(done.run_id)]
    for stage in STAGES:
        if stage.asset in {"training_set", "readiness_report"}:
            run_stage(stage, agent, DAY, Warehouse(warehouse), progress=events.append, run_id=None)
    return Left(warehouse=warehouse, events="\n".join(events))


def _texts(warehouse: Path, tokenizer_folder: Path) -> Iterator[tuple[str, str]]:
    """Every file outside the raw zone as text: tables as their values, token ids decoded."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    for path in sorted(warehouse.rglob("*")):
        name = str(path.relative_to(warehouse))
        if not path.is_file() or "raw_trajectories" in name or "base_model" in name:
            continue
        if path.suffix == ".parquet":
            rows = pq.read_table(path).to_pylist()
            yield name, "\n".join([*(tokenizer.decode(row.get("input_ids") or []) for row in rows), str(rows)])
        else:
            yield name, path.read_bytes().decode(errors="replace")


def test_leaks_no_planted_value_stands_in_any_file_outside_the_raw_zone(
    left: Left, tiny_model_folder: Path, gemma_tokenizer_folder: Path
) -> None:
    seen = dict(_texts(left.warehouse, gemma_tokenizer_folder))
    for asset in ("verified_trajectories", "chat_rows", "token_tensors", "training_set", "readiness_report"):
        assert any(asset in name for name in seen), f"{asset} left no file to look at: {sorted(seen)}"
    leaks = [(name, kind) for name, text in seen.items() for kind, value in PLANTED.items() if value in text]
    assert leaks == []
    assert any("postgres://admin:" in text for name, text in seen.items() if "token_tensors" in name)


def test_leaks_no_planted_value_stands_in_any_log_line_or_metadata(left: Left) -> None:
    assert "verified_trajectories" in left.events
    assert [kind for kind, value in PLANTED.items() if value in left.events] == []


def test_leaks_the_raw_zone_holds_what_was_planted(left: Left) -> None:
    (path,) = (left.warehouse / "assistant" / "raw_trajectories").rglob("trajectories.parquet")
    raw = str(pq.read_table(path).to_pylist())
    assert [kind for kind, value in PLANTED.items() if value not in raw] == []


def test_leaks_the_headline_counts_values_by_kind(left: Left) -> None:
    manifests = (left.warehouse / "assistant" / "verified_trajectories").rglob("manifest.json")
    redacted = json.loads(next(manifests).read_text())["headline"]["redacted"]
    assert set(redacted) == set(PLANTED)
    assert all(isinstance(count, int) and count > 0 for count in redacted.values())
