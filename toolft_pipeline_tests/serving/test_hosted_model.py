"""A hosted model in service: what serves and what follows the pointer says where it answers."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from toolft_pipeline.evaluation.promotion.model_registry import in_service, promote
from toolft_pipeline.evaluation.promotion.rollback import roll_back
from toolft_pipeline.serving.routing.candidate_choice import RefusedCandidate, canary_candidate
from toolft_pipeline.serving.routing.find_model import ModelNotServableError, find_model, verify_model
from toolft_pipeline.training.managed.hosted_model import HOSTED_FILE, HostedModel, read_hosted
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.evaluation.model_versions import AGENT, commit, model

HOSTED = HostedModel(
    api="openai",
    base_url="https://host.example.com/v1",
    inference_url="https://host.example.com/v1",
    model="ft:small-1:team:desk-1",
    base="small-1",
    job="ft-1",
    job_key="k",
    key_from="HOST_API_KEY",
    files={"file-1": "0" * 64},
    training_sha256="0" * 64,
    trained_tokens=9,
    estimated_tokens=10,
)


def hosted(warehouse: Warehouse, day: str) -> Version:
    return commit(
        warehouse,
        "merged_model",
        day,
        f"hosted {day}",
        files={f"model/{HOSTED_FILE}": msgspec.json.encode(HOSTED).decode()},
    )


def test_hosted_champion_is_refused_with_the_place_where_it_answers(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    local, remote = model(warehouse, "2026-10-01", "local"), hosted(warehouse, "2026-10-02")
    assert promote(warehouse, AGENT, day="2026-10-01", model=local, against=None).moved
    assert promote(warehouse, AGENT, day="2026-10-02", model=remote, against=local.manifest.content_digest).moved
    found = find_model(warehouse, AGENT, None)
    assert read_hosted(found.folder) == HOSTED
    with pytest.raises(ModelNotServableError) as error:
        verify_model(warehouse, found)
    assert "\n" not in str(error.value)
    assert "https://host.example.com/v1, model ft:small-1:team:desk-1, with the key in $HOST_API_KEY" in str(
        error.value
    )


def test_rollback_between_a_hosted_model_and_one_of_this_machine_works_both_ways(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    local, remote = model(warehouse, "2026-10-01", "local"), hosted(warehouse, "2026-10-02")
    promote(warehouse, AGENT, day="2026-10-01", model=local, against=None)
    promote(warehouse, AGENT, day="2026-10-02", model=remote, against=local.manifest.content_digest)
    assert roll_back(warehouse, AGENT).after.content_digest == local.manifest.content_digest
    assert roll_back(warehouse, AGENT, to="2026-10-02").after.content_digest == remote.manifest.content_digest
    serving = in_service(warehouse, AGENT)
    assert serving is not None
    assert read_hosted(serving.folder) == HOSTED


def test_hosted_candidate_gets_no_canary(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    model(warehouse, "2026-10-01", "local")
    hosted(warehouse, "2026-10-02")
    found = canary_candidate(warehouse, AGENT, champion="other", champion_day="2026-10-01", day=None)
    assert isinstance(found, RefusedCandidate)
    assert "stays at its host" in found.why
