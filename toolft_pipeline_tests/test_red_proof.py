"""A broken mask, template or parser turns its blocking check red, and no training starts."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import dagster as dg
import pytest
import yaml

from toolft_pipeline.assets.stage import Group
from toolft_pipeline.automation.jobs import job_name, nightly_job_name
from toolft_pipeline.chat import formats
from toolft_pipeline.chat.rendering import Piece
from toolft_pipeline.chat.tokens import RowEncoder, TokenRow
from toolft_pipeline.definitions import build_definitions
from toolft_pipeline.settings import load_agent
from toolft_pipeline_tests.conftest import REPOSITORY

DAY = "2026-10-01"


def _loss_on_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    encode_row = RowEncoder.encode_row

    def broken(self: RowEncoder, pieces: Iterable[Piece]) -> TokenRow:
        row = encode_row(self, pieces)
        return TokenRow(input_ids=row.input_ids, labels=row.input_ids)

    monkeypatch.setattr(RowEncoder, "encode_row", broken)


def _template_that_drops_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    source = formats._template_source("gemma3.jinja")
    broken = source.replace("for call in message['tool_calls'] or []", "for call in []")
    assert broken != source
    monkeypatch.setattr(formats, "_template_source", lambda _file: broken)


def _parser_that_misses_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = dict(formats.GEMMA3.response_template["fields"])
    fields["tool_calls"] = {**fields["tool_calls"], "open_pattern": r"\s*<function>"}
    broken = dataclasses.replace(
        formats.GEMMA3, response_template={**formats.GEMMA3.response_template, "fields": fields}
    )
    monkeypatch.setitem(formats._FORMATS, "gemma3", broken)


@pytest.mark.parametrize(
    ("break_it", "check"),
    [
        (_loss_on_everything, "loss_mask"),
        (_template_that_drops_calls, "loss_mask"),
        (_parser_that_misses_calls, "parser"),
    ],
)
def test_red_proof_broken_part_stops_before_training(
    break_it: Callable[[pytest.MonkeyPatch], None],
    check: str,
    tiny_model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(tmp_path / "warehouse"))
    folder = tmp_path / "assistant"
    shutil.copytree(REPOSITORY / "data" / "assistant", folder)
    document = yaml.safe_load((folder / "agent.yaml").read_text()) | {"base_model": {"folder": str(tiny_model_folder)}}
    (folder / "agent.yaml").write_text(yaml.safe_dump(document))
    agent = load_agent(folder / "agent.yaml")
    definitions = build_definitions([agent])
    with dg.DagsterInstance.ephemeral() as instance:
        sources = definitions.resolve_job_def(job_name(agent.name, Group.SOURCES))
        assert sources.execute_in_process(instance=instance).success
        break_it(monkeypatch)
        night = definitions.resolve_job_def(nightly_job_name(agent.name))
        result = night.execute_in_process(instance=instance, partition_key=DAY, raise_on_error=False)
    assert not result.success
    red = {found.check_name for found in result.get_asset_check_evaluations() if not found.passed}
    assert check in red
    started = {event.step_key for event in result.get_step_success_events()}
    assert any("token_tensors" in step for step in started)
    assert not any("qlora_adapter" in step for step in started)
    assert not (tmp_path / "warehouse" / "assistant" / "qlora_adapter").exists()
