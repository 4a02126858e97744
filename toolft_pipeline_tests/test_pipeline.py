"""The whole flow of `assistant` with a tiny random model, on a real Dagster instance, subprocess steps included.

One run is made for all tests of this module: logs to champion, about a minute on two cores.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from toolft_pipeline.cli import main
from toolft_pipeline_tests.pipeline_site import (
    DAY,
    SECRETS,
    SETTINGS,
    Site,
    files_holding,
    install,
    manifest,
    metadata,
    report_page,
    version_records,
)
from toolft_pipeline_tests.test_definitions import PLOTS


@pytest.fixture(scope="module")
def site(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return install(tmp_path_factory.mktemp("site"), tiny_model_folder)


@pytest.fixture(scope="module")
def first_run(site: Site) -> subprocess.CompletedProcess[str]:
    finished = site.run()
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished


@pytest.fixture
def instance(site: Site, first_run: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(site.root))  # the storage follows it
    with dg.DagsterInstance.from_config(str(site.root)) as opened:
        yield opened


def test_run_whole_flow_asks_nothing_of_a_network(site: Site, first_run: object) -> None:
    assert not site.network_log.exists(), site.network_log.read_text()


def test_run_leaves_no_secret_of_the_environment_in_instance_or_warehouse(site: Site, first_run: object) -> None:
    assert files_holding(site.root, SECRETS) == []
    assert any(path.name == "index.db" for path in site.root.rglob("*")), "the instance's storage was looked at"
    assert files_holding(site.root, {"EPOCHS": "training.epochs"}), "run config is found where it is stored"


@pytest.mark.slow
def test_run_days_side_by_side_agree(site: Site, first_run: object, tiny_model_folder: Path, tmp_path: Path) -> None:
    other = install(tmp_path / "other", tiny_model_folder)
    finished = other.toolft("run", "assistant", "--data", "--workers", "2")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert other.toolft("show", "assistant", "qlora_adapter").returncode == 2, "the model was made too"
    for day in range(1, 6):
        made = [
            json.loads(each.toolft("show", "assistant", asset, "--partition", f"2026-10-0{day}", "--json").stdout)
            for asset in ("verified_trajectories", "token_tensors")
            for each in (site, other)
        ]
        assert [one["content_digest"] for one in made[::2]] == [one["content_digest"] for one in made[1::2]]


def test_report_shows_trained_rows_with_the_log_lines_that_they_came_from(site: Site, first_run: object) -> None:
    page = report_page(site.toolft("show", "assistant", "eval_report").stdout).read_text()
    chips = re.findall(r'<span class="chip">([^<]+):(\d+)</span><span class="chip">([^<]+)#\d+</span>', page)
    assert chips, "no trained row is shown"
    logs = site.root / "data" / "assistant"
    for file, line, trajectory in chips:
        (log,) = logs.rglob(file)
        assert json.loads(log.read_text().splitlines()[int(line) - 1])["id"] == trajectory


def test_run_whole_flow_leaves_a_report_and_a_verdict(site: Site, first_run: object) -> None:
    report = site.toolft("show", "assistant", "eval_report")
    assert report.returncode == 0, report.stderr
    assert "| task success " in report.stdout
    assert "incumbent (logs)" in report.stdout
    assert "BFCL irrelevance" in report.stdout
    assert report_page(report.stdout).is_file()
    assert manifest(site, "champion")["headline"]["promoted"] is False  # type: ignore[index]


def test_run_models_that_read_the_full_catalog_are_asked_fewer_tasks(site: Site, first_run: object) -> None:
    report = report_page(site.toolft("show", "assistant", "eval_report").stdout)
    models = json.loads(report.with_name("metrics.json").read_text())["models"]
    assert models.pop("incumbent")["n_tasks"] > 20  # its own runs, as logged
    assert {name: model["n_tasks"] for name, model in models.items()} == {
        "candidate": 3,
        "base": 3,
        "base_catalog": 2,
        "candidate/shadow": 2,
    }


def test_run_says_whether_fine_tuning_is_worth_it(site: Site, first_run: object) -> None:
    headline = manifest(site, "readiness_report")["headline"]
    assert headline["verdict"] == "keep prompting"  # type: ignore[index]
    assert "repetitive verifiable behaviour" in headline["failed"]  # type: ignore[index]  # fewer than 100 runs
    assert headline["saving_tokens_per_1k_runs"] > 0  # type: ignore[index]
    assert sum(headline["categories"].values()) > 20  # type: ignore[index]


def test_run_progress_is_visible_for_every_stage(first_run: subprocess.CompletedProcess[str]) -> None:
    for asset in ("raw_trajectories", "verified_trajectories", "qlora_adapter", "merged_model", "eval_report"):
        assert f"{asset}: " in first_run.stdout


def test_run_again_reuses_every_version_and_starts_nothing(site: Site, first_run: object) -> None:
    again = site.run()
    assert again.returncode == 0, again.stderr
    assert ", 0 to build, 0 unknown yet" in again.stdout


def test_run_materializations_carry_content_digests_and_green_proofs(site: Site, instance: dg.DagsterInstance) -> None:
    event = instance.get_latest_materialization_event(dg.AssetKey(["assistant", "qlora_adapter"]))
    assert event is not None
    tags = event.asset_materialization.tags  # type: ignore[union-attr]
    assert tags["dagster/data_version"] == manifest(site, "qlora_adapter")["content_digest"]
    proofs = ("loss_mask", "serving_prompt", "parser", "control_tokens")
    keys = [dg.AssetCheckKey(dg.AssetKey(["assistant", "token_tensors"]), name) for name in proofs]
    summaries = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    assert {key.name for key, found in summaries.items() if found.status.value == "SUCCEEDED"} == set(proofs)


def test_run_materializations_show_the_columns_of_a_table_and_the_page_of_a_report(
    instance: dg.DagsterInstance,
) -> None:
    assert list(metadata(instance, "eval_report"))[:2] == ["verdict", "models"]
    assert "| candidate | turn | 1 |" in metadata(instance, "eval_report")["slices"].value
    columns = metadata(instance, "training_set")["dagster/column_schema"].value.columns
    assert [column.name for column in columns[:3]] == ["trajectory_id", "day", "side"]
    for asset in ("readiness_report", "eval_report"):
        assert "<!doctype html>" in Path(metadata(instance, asset)["page_path"].value).read_text()


@pytest.mark.parametrize("asset", PLOTS)
def test_run_draws_every_plot_as_a_picture_and_in_characters(asset: str, instance: dg.DagsterInstance) -> None:
    shown = metadata(instance, asset)
    assert {name.removeprefix("picture/") for name in shown if name.startswith("picture/")} == PLOTS[asset]
    for name in PLOTS[asset]:
        _, _, encoded = shown[f"picture/{name}"].value.partition("data:image/png;base64,")
        assert base64.b64decode(encoded.rstrip(")")).startswith(b"\x89PNG")
        assert shown[name].value


def test_run_chat_rows_show_one_row_of_each_category_with_its_mask(instance: dg.DagsterInstance) -> None:
    found = metadata(instance, "chat_rows")
    shown = {name: str(value.value) for name, value in found.items() if name.startswith("example/")}
    assert "example/single_call" in shown
    assert all("**trained** (loss)" in text and "masked (no loss)" in text for text in shown.values())
    assert found["catalog_tokens_saved_per_turn"].value > 100


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(site: Site, first_run: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`toolft ...` in this process, for commands that start no run: status, output, errors."""
    monkeypatch.chdir(site.root)
    for name in ("TOOLFT_AGENTS", "TOOLFT_WAREHOUSE", "DAGSTER_HOME"):
        monkeypatch.setenv(name, site.environment[name])

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main.run([*arguments])
        return status, *capsys.readouterr()

    return run


def test_explain_accepted_run_leads_from_its_log_line_to_every_trained_token(site: Site, here: Command) -> None:
    tensors = next((site.root / "data" / ".warehouse" / "assistant" / "token_tensors" / DAY).rglob("tensors.parquet"))
    row = pq.read_table(tensors).to_pylist()[0]
    status, out, _ = here("explain", "assistant", row["trajectory_id"], "--json")
    document = json.loads(out)
    assert (status, document["accepted"], document["day"]) == (0, True, DAY)
    source = document["source"]
    line = (site.root / source["file"]).read_bytes()[source["offset"] :].splitlines()[0]
    assert row["trajectory_id"] in line.decode()
    assert [rule["answer"] for rule in document["rules"]] == ["passed"] * 9
    (shown,) = document["rows"]
    assert [token for span in shown["spans"] if span["trained"] for token in range(span["start"], span["end"])] == [
        token for token, label in enumerate(row["labels"]) if label != -100
    ]
    assert all(span["as_served"] for span in shown["spans"] if span["trained"])

    status, out, _ = here("explain", "assistant", row["trajectory_id"])
    assert f"{source['file']}:{source['line']} (byte {source['offset']})" in out
    assert "\033" not in out


Trace = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def trace(
    site: Site, first_run: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Trace:
    """`toolft lineage assistant --json` in this process, on a copy of the warehouse in `tmp_path`: status, document."""
    copy = tmp_path / "warehouse"
    shutil.copytree(site.root / "data" / ".warehouse", copy, copy_function=os.link)
    monkeypatch.setenv("TOOLFT_AGENTS", site.environment["TOOLFT_AGENTS"])
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(copy))

    def run() -> tuple[int, dict[str, Any]]:
        status = main.run(["lineage", "assistant", "--json"])
        return status, json.loads(capsys.readouterr().out)

    return run


def test_lineage_leads_from_the_model_to_the_log_lines_that_it_was_trained_on(site: Site, trace: Trace) -> None:
    status, document = trace()
    assert (status, document["faults"], document["model"]) == (0, [], f"assistant/merged_model/{DAY}")
    training = json.loads(next((site.root / "data" / ".warehouse").rglob("training.json")).read_text())
    assert sum(run["rows"] for run in document["taught"]) == training["rows"]
    for run in document["taught"]:
        folder = site.root / "data" / "assistant" / ("" if run["golden"] else "logs")
        line = (folder / run["file"]).read_text().splitlines()[run["line"] - 1]
        assert run["trajectory_id"] in line
    logs = {name: digest for day in document["days"] for name, digest in day["files"].items()}
    assert len(logs) == 5
    for name, digest in logs.items():
        assert digest == hashlib.sha256((site.root / "data" / "assistant" / "logs" / name).read_bytes()).hexdigest()
    assert set(document["settings"]) >= {"qlora_adapter", "training_set", "verified_trajectories", "chat_rows"}


def test_lineage_names_one_altered_byte_in_each_kind_of_version_upstream(trace: Trace, tmp_path: Path) -> None:
    _, document = trace()
    kinds = {version["address"].split("/")[1]: Path(version["folder"]) for version in document["versions"]}
    assert len(kinds) == 10, kinds
    for folder in kinds.values():
        files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
        for path in {files[0], folder / "manifest.json"}:
            whole = path.read_bytes()
            middle = whole.rindex(b"20") if path.name == "manifest.json" else len(whole) // 2
            path.unlink()  # a link of the site's own file, which must stay as it is
            path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
            status, damaged = trace()
            assert status == 1
            assert [fault for fault in damaged["faults"] if str(path.parent) in fault], (path, damaged["faults"])
            path.write_bytes(whole)
    assert trace()[0] == 0


def test_prune_dry_run_of_a_fresh_installation_takes_nothing(here: Command) -> None:
    status, said, _ = here("prune", "assistant", "--dry-run")
    assert status == 0
    assert said.splitlines() == ["0 versions, 0 contents, 0 leftovers: 0 bytes", "dry run: nothing was deleted"]


def test_run_one_partition_of_one_stage_and_its_downstream_is_made_again_alone(site: Site, here: Command) -> None:
    day = "2026-10-02"
    asked = ["run", "assistant", *SETTINGS, "--from", day, "--to", day, "--stage", "chat_rows", "--data"]
    planned = here(*asked, "--force", "--dry-run")[1]
    steps = [line.split()[:3] for line in planned.splitlines() if line.startswith("  ")]
    assert steps == [["build", "chat_rows", day], ["build", "token_tensors", day]]
    before = version_records(site)
    made = site.toolft(*asked, "--force")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "token_tensors: " in made.stdout
    assert "raw_trajectories: " not in made.stdout
    assert version_records(site) == before, "the same content is in force"
    assert "0 to build" in here(*asked, "--dry-run")[1]


def test_run_setting_of_the_last_stage_rebuilds_that_stage_alone(site: Site, first_run: object) -> None:
    plan = site.run("--set", "gate.min_tasks=2", "--dry-run").stdout
    built = [line.split()[1] for line in plan.splitlines() if line.startswith("  build")]
    assert built == ["eval_report"]
    assert "changed: setting gate.min_tasks" in plan


def test_run_setting_of_curation_signs_no_day_again(site: Site, first_run: object) -> None:
    plan = site.run("--set", "curation.near_duplicate_threshold=0.9", "--dry-run").stdout
    steps = [line.split()[:2] for line in plan.splitlines() if line.startswith("  ")]
    assert ["build", "training_set"] in steps
    assert [asset for action, asset in steps if action == "build"] == ["training_set"]
    assert ["reuse", "run_signatures"] in steps
