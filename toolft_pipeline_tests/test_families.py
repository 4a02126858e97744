"""Every stage of an agent on a base of each family, as it lies on the hub: no GPU, no network, every real check."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.settings import AgentSettings, BaseModelSettings
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.family_snapshots import FAMILIES, write_snapshot

DAY = "2026-10-01"
SMALL = {
    "sandbox.sessions": "1",
    "training.epochs": "1",
    "training.token_budget": "1500",
    "training.packed_length": "512",
    "training.gradient_accumulation": "1",
    "evaluation.max_tasks": "2",
    "evaluation.compare": "[]",
    "evaluation.max_new_tokens": "4",
    "evaluation.max_turns": "2",
    "evaluation.probes": "false",
    "gate.min_tasks": "1",
}


@dataclass(frozen=True, kw_only=True)
class Night:
    """One agent through all stages: its versions by asset, what the stages said, and failed blocking checks."""

    family: str
    versions: dict[str, Version]
    said: list[str]
    failed: dict[str, str | None]


Run = Callable[[str], Night]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs all stages with the base of a family, once; stages that read no base are made once for all families."""
    root = tmp_path_factory.mktemp("families")
    folder = shutil.copytree(REPOSITORY / "data" / "assistant", root / "assistant")
    made: dict[str, Night] = {}

    def run(family: str) -> Night:
        if family not in made:
            write_snapshot(root / family, family)
            settings = load_agent(folder / "agent.yaml", overrides={**SMALL, "chat.format": family})
            settings = settings.model_copy(update={"base_model": BaseModelSettings(folder=str(root / family))})
            made[family] = _through_all_stages(family, settings, Warehouse(root / "warehouse"))
        return made[family]

    return run


def _through_all_stages(family: str, settings: AgentSettings, warehouse: Warehouse) -> Night:
    versions: dict[str, Version] = {}
    said: list[str] = []
    failed: dict[str, str | None] = {}
    for stage in STAGES:
        partition = DAY if stage.partitioned else None
        version, _ = run_stage(stage, settings, partition, warehouse, progress=said.append, run_id=None)
        versions[stage.asset] = version
        for check in stage.checks:
            outcome = check.evaluate(version, settings)
            if check.blocking and not outcome.passed:
                failed[f"{stage.asset}/{check.name}"] = outcome.description or str(outcome.detail)
    return Night(family=family, versions=versions, said=said, failed=failed)


@pytest.mark.parametrize("family", FAMILIES)
def test_family_goes_from_snapshot_to_report_with_every_blocking_check_green(family: str, night: Run) -> None:
    found = night(family)
    assert found.failed == {}
    assert any("GB free" in line for line in found.said), "preflight says its figures"
    metrics = json.loads(found.versions["eval_report"].file("metrics.json").read_text())
    assert metrics["models"]["candidate"]["n_tasks"] == 2


@pytest.mark.parametrize("family", FAMILIES)
def test_family_is_trained_on_its_language_model_alone_and_stops_where_its_turns_end(family: str, night: Run) -> None:
    from transformers import AutoTokenizer

    from toolft_pipeline.chat.formats import get_format
    from toolft_pipeline.training.base.snapshot import header

    versions = night(family).versions
    adapter = header(versions["qlora_adapter"].file("adapter") / "adapter_model.safetensors")
    assert adapter
    towers = ("vision", "multi_modal", "embed_audio")
    assert not [name for name in adapter if any(tower in name for tower in towers)]
    model = versions["merged_model"].file("model")
    stops = json.loads((model / "generation_config.json").read_text())["eos_token_id"]
    known = AutoTokenizer.from_pretrained(model).get_vocab()
    ends = {known[token] for token in get_format(family).stop_tokens if token in known}
    assert ends <= set(stops)
    assert not any("consolidated" in path.name or path.suffix == ".bin" for path in model.rglob("*"))
