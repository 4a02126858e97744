"""Hosted models in a report: who is asked where, whichever of candidate and model in service is hosted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from toolft_pipeline.evaluation.models.prompting import PromptPolicy
from toolft_pipeline.evaluation.promotion.model_registry import InService
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.compared_models import compared_models
from toolft_pipeline.stages.evaluations.hosted_models import managed_reads, with_hosted
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.training.managed.hosted_model import HOSTED_FILE
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.evaluation.model_versions import AGENT, commit, model
from toolft_pipeline_tests.serving.test_hosted_model import HOSTED, hosted

HOST = {"base_url": "https://new.example.com/v1", "model": "small-2", "price_per_million_prompt_tokens": 3.0}


def context(warehouse: Warehouse, candidate: Version, **sections: Any) -> BuildContext:
    settings = AgentSettings.model_validate(
        {
            "name": AGENT,
            "folder": Path(),
            "first_day": "2026-10-01",
            "catalog": {"file": "c.json"},
            "base_model": {"folder": "base"},
            **sections,
        }
    )
    base = commit(warehouse, "base_model", None, "base")
    return BuildContext(
        settings=settings,
        partition="2026-10-02",
        inputs={"merged_model": {"2026-10-02": candidate}, "base_model": {"all": base}},
        out=warehouse.root / "out",
        scratch=warehouse.root / "scratch",
        warehouse=warehouse,
        progress=print,
        run_id=None,
    )


def in_service(version: Version) -> InService:
    manifest = version.manifest
    return InService(
        day=manifest.address.partition or "", folder=version.folder, content_digest=manifest.content_digest
    )


def test_hosted_candidate_and_its_base_are_endpoints_asked_in_full(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    local, remote = model(warehouse, "2026-10-01", "local"), hosted(warehouse, "2026-10-02")
    made = with_hosted(context(warehouse, remote, managed=HOST), serving=in_service(local), best=None)
    endpoints = made.settings.evaluation.endpoints
    assert {name: (each.base_url, each.model) for name, each in endpoints.items()} == {
        "candidate": (HOSTED.inference_url, HOSTED.model),
        "base": ("https://new.example.com/v1", "small-2"),
    }
    assert endpoints["candidate"].key_from == "HOST_API_KEY"
    assert endpoints["base"].price_per_million_prompt_tokens == 3.0
    candidate, serving, base = compared_models(made, in_service(local))
    assert (candidate.folder, candidate.policy, candidate.in_full) == (None, PromptPolicy.NONE, True)
    assert candidate.digest == remote.manifest.content_digest
    assert serving.folder == local.folder / "model"
    assert (base.folder, base.policy, base.in_full) == (None, PromptPolicy.FULL_CATALOG, True)


def test_hosted_model_in_service_is_asked_at_its_own_host_after_training_came_home(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    remote, local = hosted(warehouse, "2026-10-01"), model(warehouse, "2026-10-02", "local")
    made = with_hosted(context(warehouse, local), serving=in_service(remote), best=None)
    assert {*made.settings.evaluation.endpoints} == {"in_service"}
    assert made.settings.evaluation.endpoints["in_service"].base_url == HOSTED.inference_url
    candidate, serving, base = compared_models(made, in_service(remote))
    assert candidate.folder == local.folder / "model"
    assert (serving.folder, serving.digest) == (None, remote.manifest.content_digest)
    assert serving.unverified == remote.folder
    assert base.folder is not None


def test_report_without_hosted_models_has_its_settings_and_fingerprint_unchanged(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    plain = context(warehouse, model(warehouse, "2026-10-02", "local"))
    assert with_hosted(plain, serving=None, best=None) is plain
    assert managed_reads(plain.settings) == {}


def test_record_of_a_hosted_model_holds_a_variables_name_and_no_key() -> None:
    document = msgspec.json.decode(msgspec.json.encode(HOSTED))
    assert document["key_from"] == "HOST_API_KEY"
    assert HOSTED_FILE == "hosted_model.json"
