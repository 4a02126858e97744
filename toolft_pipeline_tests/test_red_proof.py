"""A broken mask, template or parser turns its blocking check red, and no training starts."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
import yaml

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.chat import formats
from toolft_pipeline.chat.formats import chat_format
from toolft_pipeline.chat.rendering.rendering import Segment
from toolft_pipeline.chat.rendering.serving import saved_tokenizer
from toolft_pipeline.chat.rendering.tokens import RowEncoder, TokenRow
from toolft_pipeline.definitions import build_definitions
from toolft_pipeline.orchestration.jobs import job_name, nightly_job_name
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import Group
from toolft_pipeline_tests.conftest import REPOSITORY

DAY = "2026-10-01"


def _loss_on_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    encode_row = RowEncoder.encode_row

    def broken(self: RowEncoder, segments: Iterable[Segment]) -> TokenRow:
        row = encode_row(self, segments)
        return TokenRow(input_ids=row.input_ids, labels=row.input_ids)

    monkeypatch.setattr(RowEncoder, "encode_row", broken)


def _template_that_drops_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    source = chat_format._template_source("gemma3.jinja")
    broken = source.replace("for call in message['tool_calls'] or []", "for call in []")
    assert broken != source
    monkeypatch.setattr(chat_format, "_template_source", lambda _file: broken)


def _parser_that_misses_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = dict(formats.GEMMA3.response_template["fields"])
    fields["tool_calls"] = {**fields["tool_calls"], "open_pattern": r"\s*<function>"}
    broken = dataclasses.replace(
        formats.GEMMA3, response_template={**formats.GEMMA3.response_template, "fields": fields}
    )
    monkeypatch.setitem(formats.FORMATS, "gemma3", broken)


@dataclass(frozen=True)
class Day:
    """A day whose rows are proven, everything in place."""

    agent: AgentSettings
    warehouse: Path


@pytest.fixture(scope="module")
def green(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Day:
    root = tmp_path_factory.mktemp("green")
    shutil.copytree(REPOSITORY / "data" / "assistant", root / "assistant")
    file = root / "assistant" / "agent.yaml"
    document = yaml.safe_load(file.read_text()) | {"base_model": {"folder": str(tiny_model_folder)}}
    file.write_text(yaml.safe_dump(document))
    day = Day(agent=load_agent(file), warehouse=root / "warehouse")
    assert executed(day, job_name("assistant", Group.SOURCES), day.warehouse).success
    made = executed(day, job_name("assistant", Group.DATA), day.warehouse)
    assert made.success
    assert all(found.passed for found in made.get_asset_check_evaluations())
    return day


def executed(day: Day, job: str, warehouse: Path) -> dg.ExecuteInProcessResult:
    partition = None if job.endswith("sources") else DAY
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("TOOLFT_WAREHOUSE", str(warehouse))
        resolved = build_definitions([day.agent]).resolve_job_def(job)
        return resolved.execute_in_process(instance=instance, partition_key=partition, raise_on_error=False)


@pytest.mark.parametrize(
    ("break_it", "check"),
    [
        (_loss_on_everything, "loss_mask"),
        (_template_that_drops_calls, "loss_mask"),
        (_parser_that_misses_calls, "parser"),
    ],
)
def test_red_proof_of_a_broken_part_stops_before_training(
    break_it: Callable[[pytest.MonkeyPatch], None],
    check: str,
    green: Day,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warehouse = tmp_path / "warehouse"
    shutil.copytree(green.warehouse, warehouse)
    for asset in ("chat_rows", "token_tensors"):
        shutil.rmtree(warehouse / "assistant" / asset)
    break_it(monkeypatch)
    saved_tokenizer.cache_clear()
    night = executed(green, nightly_job_name("assistant"), warehouse)
    saved_tokenizer.cache_clear()
    assert not night.success
    assert check in {found.check_name for found in night.get_asset_check_evaluations() if not found.passed}
    assert [event.step_key for event in night.get_step_failure_events()] == ["assistant__token_tensors"]
    assert not (warehouse / "assistant" / "qlora_adapter").exists()
