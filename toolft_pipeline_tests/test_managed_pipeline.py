"""The whole flow of an agent whose model a host trains: one job, a report, a pointer, and no weights anywhere."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from toolft_pipeline.evaluation.promotion.model_registry import in_service, promote
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse
from toolft_pipeline_tests.conftest import HANG_S
from toolft_pipeline_tests.pipeline_site import DAY, SECRETS, Site, files_holding, install, manifest, metadata
from toolft_pipeline_tests.pipeline_site import SETTINGS as TINY_SETTINGS
from toolft_pipeline_tests.training.managed.host_server import HostServer, hosting
from toolft_pipeline_tests.training.managed.made_window import lines_of

BUDGET = ("--set", "training.token_budget=4000")
SETTINGS = ("--set", 'evaluation.compare=["base"]', *BUDGET)


@pytest.fixture(scope="module")
def host() -> Iterator[HostServer]:
    with hosting(HostServer(answer=lambda _body: {"content": "That is done."})) as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path, host: HostServer) -> Site:
    made = install(tmp_path_factory.mktemp("managed"), tiny_model_folder)
    path = made.root / "data" / "assistant" / "agent.yaml"
    document = yaml.safe_load(path.read_text())
    document["managed"] = {
        "base_url": host.address,
        "model": "small-1",
        "price_per_million_trained_tokens": 8.0,
        "price_per_million_prompt_tokens": 1.0,
        "poll_s": 0.1,
        "hyperparameters": {"n_epochs": 2},
    }
    path.write_text(yaml.safe_dump(document))
    return made


@pytest.fixture(scope="module")
def first_run(site: Site) -> subprocess.CompletedProcess[str]:
    done = site.run(*SETTINGS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def warehouse(site: Site, first_run: object) -> Warehouse:
    return Warehouse(site.root / "data" / ".warehouse")


@pytest.fixture
def instance(site: Site, first_run: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(site.root))  # the storage follows it
    with dg.DagsterInstance.from_config(str(site.root)) as opened:
        yield opened


def test_run_makes_one_job_and_a_second_run_makes_none(
    site: Site, first_run: subprocess.CompletedProcess[str], host: HostServer
) -> None:
    assert len(host.jobs) == 1
    assert f"started job {host.jobs[0]['id']}" in first_run.stdout
    assert "step 1" in first_run.stdout
    again = site.run(*SETTINGS)
    assert again.returncode == 0, again.stderr
    assert "0 to build" in again.stdout
    assert len(host.jobs) == 1


def test_version_is_a_small_json_without_weights(site: Site, warehouse: Warehouse, host: HostServer) -> None:
    for asset in ("qlora_adapter", "merged_model"):
        files = [each["path"] for each in manifest(site, asset)["files"] if each["content"]]  # type: ignore[attr-defined]
        assert files == ["model/hosted_model.json"]
    model = warehouse.current(ArtifactKey(agent="assistant", asset="merged_model", partition=DAY))
    assert model is not None
    recorded = json.loads(model.file("model/hosted_model.json").read_text())
    assert recorded["job"] == host.jobs[0]["id"]
    assert recorded["base_url"] == host.address
    assert not list(warehouse.root.glob("assistant/**/*adapter*.safetensors"))


def test_report_asks_the_hosted_model_and_its_base(site: Site, first_run: object, host: HostServer) -> None:
    shown = site.toolft("show", "assistant", "eval_report", "--json")
    folder = next((site.root / "data" / ".warehouse").glob("assistant/eval_report/*/versions/*"))
    models = json.loads((folder / "metrics.json").read_text())["models"]
    assert shown.returncode == 0
    assert {"candidate", "base"} <= models.keys()
    assert models["candidate"]["n_tasks"] == 3
    assert models["candidate"]["cost_per_1k_tasks"] > 0
    proofs = json.loads((folder / "metrics.json").read_text())["proofs"]
    assert proofs["uploaded_file"]
    assert "merged_logits" not in proofs
    page = (folder / "report.html").read_text()
    assert f"fine-tuned from small-1 by job {host.jobs[0]['id']}" in page
    asked = {body["model"] for body in host.chats}
    assert asked == {"small-1", host.jobs[0]["fine_tuned_model"]}


def test_trained_lines_begin_what_evaluation_asks(warehouse: Warehouse, host: HostServer) -> None:
    trained = lines_of(host.contents["file-0"])
    tools = {json.dumps(line["tools"], sort_keys=True) for line in trained}
    asked = [body for body in host.chats if "BFCL" not in json.dumps(body)]
    assert {json.dumps(body["tools"], sort_keys=True) for body in asked} & tools == tools
    systems = {line["messages"][0]["content"] for line in trained if line["messages"][0]["role"] == "system"}
    assert systems & {body["messages"][0]["content"] for body in asked}


def test_checks_of_a_merge_are_not_claimed(site: Site, instance: dg.DagsterInstance) -> None:
    known = {each.name for each in _checks(site)}
    assert "uploaded_file" in known
    assert "merged_logits" not in known
    assert metadata(instance, "merged_model")["merge"].value == "does not apply: the weights stay at the host"
    assert metadata(instance, "qlora_adapter")["cost"].value == pytest.approx(12_345 * 8 / 1e6, abs=1e-4)


def _checks(site: Site) -> list[dg.AssetCheckKey]:
    from toolft_pipeline.agent_file import load_agent
    from toolft_pipeline.orchestration.build import stage_assets

    assets = stage_assets(load_agent(site.root / "data" / "assistant" / "agent.yaml"))
    return [spec.key for each in assets for spec in each.check_specs]


def test_assets_of_a_host_ask_for_no_accelerator(site: Site, first_run: object) -> None:
    from toolft_pipeline.agent_file import load_agent
    from toolft_pipeline.orchestration.build import stage_assets

    for each in stage_assets(load_agent(site.root / "data" / "assistant" / "agent.yaml")):
        assert each.op.pool is None
        assert each.op.retry_policy is None, "a step that was interrupted would start another job"
        assert not [tag for tag in each.op.tags if "accelerator" in tag or "k8s" in tag]


def test_no_file_holds_the_key(site: Site, first_run: object) -> None:
    assert not files_holding(site.root, {"OPENAI_API_KEY": SECRETS["OPENAI_API_KEY"]})


def test_lineage_names_the_host_and_the_logs(site: Site, first_run: object, host: HostServer) -> None:
    traced = site.toolft("lineage", "assistant")
    assert traced.returncode == 0, traced.stdout + traced.stderr
    assert f"{host.jobs[0]['fine_tuned_model']} at {host.address}, fine-tuned from small-1" in traced.stdout
    assert "every digest is right" in traced.stdout
    assert "logs      2026-10-01" in traced.stdout


def test_serve_says_where_the_model_answers(site: Site, warehouse: Warehouse, host: HostServer) -> None:
    model = warehouse.current(ArtifactKey(agent="assistant", asset="merged_model", partition=DAY))
    assert model is not None
    serving = in_service(warehouse, "assistant")
    if serving is None:
        assert promote(warehouse, "assistant", day=DAY, model=model, against=None).moved
    refused = site.toolft("serve", "assistant", "--port", "0")
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()[-1:]
    assert f"point the agent's OpenAI client at {host.address}, model {host.jobs[0]['fine_tuned_model']}" in line
    exported = site.toolft("export", "assistant", "--for", "vllm", "--out", str(site.root / "exported"))
    assert exported.returncode == 2
    assert "there are no weights to export" in exported.stderr


def test_export_training_writes_what_was_uploaded(site: Site, first_run: object, host: HostServer) -> None:
    done = site.toolft("export-training", "assistant", "--out", str(site.root / "lines"), *BUDGET)
    assert done.returncode == 0, done.stderr
    assert (site.root / "lines" / "training.jsonl").read_bytes() == host.contents["file-0"]
    assert "trained turns" in done.stdout


def test_run_cancelled_in_dagster_cancels_the_job_and_says_so(
    site: Site, instance: dg.DagsterInstance, host: HostServer
) -> None:
    host.script = ["running"]
    command = [sys.executable, "-m", "toolft_pipeline.cli", "run", "assistant", *TINY_SETTINGS, *SETTINGS]
    run = subprocess.Popen(
        [*command, "--stage", "qlora_adapter", "--force"],
        cwd=site.root,
        env=site.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    interrupted: list[str] = []

    def interrupt(name: str) -> None:
        if name == "GET /fine_tuning/jobs/{id}" and not interrupted:
            interrupted.append(name)
            run.send_signal(signal.SIGTERM)

    host.on_request = interrupt
    said, _ = run.communicate(timeout=HANG_S)
    assert run.returncode == 128 + signal.SIGTERM, said
    assert [job["status"] for job in host.jobs] == ["succeeded", "cancelled"], said
    assert f"cancelled job {host.jobs[1]['id']} at the host, with its run" in said
    (last, *_) = instance.get_runs(limit=1)
    assert last.status is dg.DagsterRunStatus.CANCELED
