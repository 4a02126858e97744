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
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest
import yaml

from toolft_pipeline.cli import main
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.evaluation.bfcl.test_questions import write_sets

LOOPBACK_ONLY = REPOSITORY / "toolft_pipeline_tests" / "loopback_only"
DAY = "2026-10-05"
TINY = {
    "training.epochs": "1",
    "training.token_budget": "1200",
    "training.packed_length": "256",
    "evaluation.max_tasks": "3",
    "evaluation.catalog_tasks": "2",
    "evaluation.compare": '["base", "base_catalog"]',
    "evaluation.max_new_tokens": "4",
    "evaluation.probes": "false",
    "evaluation.bfcl": "bfcl",
    "evaluation.bfcl_questions": "1",
    "evaluation.max_turns": "2",
    "gate.min_tasks": "1",
    "gate.shadow.runs": "2",
}
SETTINGS = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]

SECRETS = {
    name: f"canary-{name.lower()}-7f3a9c"
    for name in ("TOOLFT_HMAC_KEY", "OPENAI_API_KEY", "TOOLFT_SMTP_PASSWORD", "TOOLFT_WEBHOOK_URL", "SLACK_WEBHOOK_URL")
}
"""What only the environment may hold: the keys that settings name, and those of alerts and redaction."""


@dataclass(frozen=True)
class Site:
    """A fresh installation: its own agents, warehouse and instance."""

    root: Path
    reports: str = "http://127.0.0.1:3002"
    """Where the runs' reports are linked to."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DAGSTER_HOME": str(self.root),
            "TOOLFT_AGENTS": str(self.root / "data"),
            "TOOLFT_WAREHOUSE": str(self.root / "data" / ".warehouse"),
            "TOOLFT_NETWORK_LOG": str(self.network_log),
            "TOOLFT_REPORTS_URL": self.reports,
            **SECRETS,
            "PYTHONPATH": os.pathsep.join((str(LOOPBACK_ONLY), os.environ.get("PYTHONPATH", ""))),
        }

    @property
    def network_log(self) -> Path:
        """What any process of this installation asked of the network beyond this machine."""
        return self.root / "network.log"

    def toolft(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "toolft_pipeline.cli", *arguments]
        return subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False, timeout=HANG_S
        )

    def run(self, *extra: str) -> subprocess.CompletedProcess[str]:
        return self.toolft("run", "assistant", *SETTINGS, *extra)


def install(root: Path, model: Path) -> Site:
    shutil.copytree(REPOSITORY / "data" / "assistant", root / "data" / "assistant")
    write_sets(root / "data" / "assistant" / "bfcl", count=2)
    shutil.copy(REPOSITORY / "dagster.yaml", root)
    agent = root / "data" / "assistant" / "agent.yaml"
    document = yaml.safe_load(agent.read_text())
    document["base_model"] = {"folder": str(model)}
    agent.write_text(yaml.safe_dump(document))
    with socket.socket() as found:  # a port of its own, for whoever serves the reports
        found.bind(("127.0.0.1", 0))
        return Site(root, reports=f"http://127.0.0.1:{found.getsockname()[1]}")


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


def report_page(shown: str) -> Path:
    """The page that `toolft show` names; what a refusal means stands below it."""
    return next(Path(line) for line in shown.splitlines() if line.endswith("report.html"))


def manifest(site: Site, asset: str) -> dict[str, object]:
    shown = site.toolft("show", "assistant", asset, "--json")
    assert shown.returncode == 0, shown.stderr
    found: dict[str, object] = json.loads(shown.stdout)
    return found


def test_run_whole_flow_asks_nothing_of_a_network(site: Site, first_run: object) -> None:
    assert not site.network_log.exists(), site.network_log.read_text()


def _holding(root: Path, secrets: dict[str, str]) -> list[tuple[str, str]]:
    """Files below a folder that hold a secret, as it is or in base64 or hexadecimal."""
    forms = {
        form: name
        for name, secret in secrets.items()
        for form in (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"="), secret.encode().hex().encode())
    }
    return [
        (str(path.relative_to(root)), name)
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".safetensors"
        for form, name in forms.items()
        if form in path.read_bytes()
    ]


def test_run_leaves_no_secret_of_the_environment_in_instance_or_warehouse(site: Site, first_run: object) -> None:
    assert _holding(site.root, SECRETS) == []
    assert any(path.name == "index.db" for path in site.root.rglob("*")), "the instance's storage was looked at"


def test_what_holds_a_secret_is_found(site: Site, first_run: subprocess.CompletedProcess[str], tmp_path: Path) -> None:
    """The check above can fail: run config stands in the instance's storage, and so does whatever is put there."""
    assert _holding(site.root, {"EPOCHS": "training.epochs"})
    (tmp_path / "log").write_text(base64.b64encode(SECRETS["TOOLFT_HMAC_KEY"].encode()).decode())
    assert _holding(tmp_path, SECRETS) == [("log", "TOOLFT_HMAC_KEY")]


def test_what_asks_a_network_is_refused_and_noted(tmp_path: Path) -> None:
    """The check above can fail: the same environment, and a process that asks."""
    site = Site(tmp_path)
    for asked in ("socket.socket().connect(('192.0.2.1', 80))", "socket.getaddrinfo('example.org', 80)"):
        command = [sys.executable, "-c", f"import socket; {asked}"]
        finished = subprocess.run(command, env=site.environment, capture_output=True, text=True, check=False)
        assert "refused by the test" in finished.stderr
    assert site.network_log.read_text().split() == ["socket.connect", "192.0.2.1", "socket.getaddrinfo", "example.org"]


def test_run_days_side_by_side_make_the_same_versions(
    site: Site, first_run: object, tiny_model_folder: Path, tmp_path: Path
) -> None:
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
    site: Site, instance: dg.DagsterInstance, first_run: object
) -> None:
    def metadata(asset: str) -> dict[str, Any]:
        event = instance.get_latest_materialization_event(dg.AssetKey(["assistant", asset]))
        return dict(event.asset_materialization.metadata)  # type: ignore[union-attr]

    assert list(metadata("eval_report"))[:2] == ["verdict", "models"]
    assert "| candidate | turn | 1 |" in metadata("eval_report")["slices"].value
    columns = metadata("training_set")["dagster/column_schema"].value.columns
    assert [column.name for column in columns[:3]] == ["trajectory_id", "day", "side"]
    for asset in ("readiness_report", "eval_report"):
        assert "<!doctype html>" in Path(metadata(asset)["page_path"].value).read_text()


def test_run_chat_rows_show_one_row_of_each_category_with_its_mask(site: Site, instance: dg.DagsterInstance) -> None:
    event = instance.get_latest_materialization_event(dg.AssetKey(["assistant", "chat_rows"]))
    assert event is not None
    metadata = dict(event.asset_materialization.metadata)  # type: ignore[union-attr]
    shown = {name: str(value.value) for name, value in metadata.items() if name.startswith("example/")}
    assert "example/single_call" in shown
    assert all("**trained** (loss)" in text and "masked (no loss)" in text for text in shown.values())
    assert metadata["catalog_tokens_saved_per_turn"].value > 100


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
    assert [rule["answer"] for rule in document["rules"]] == ["passed"] * 8
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


def test_lineage_unknown_model_is_a_usage_error_that_says_what_to_name(here: Command) -> None:
    status, _, said = here("lineage", "nothing")
    assert (status, said.count("\n")) == (2, 1)
    assert "name an agent, a version's folder, or 6 or more characters" in said


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
    before = _records(site)
    made = site.toolft(*asked, "--force")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "token_tensors: " in made.stdout
    assert "raw_trajectories: " not in made.stdout
    assert _records(site) == before, "the same content is in force"
    assert "0 to build" in here(*asked, "--dry-run")[1]


def test_run_unknown_stage_is_a_usage_error_that_names_them_all(here: Command) -> None:
    status, _, said = here("run", "assistant", "--stage", "no_such")
    assert (status, said.count("\n")) == (2, 1)
    assert "there are tool_catalog, base_model" in said


def _records(site: Site) -> dict[str, list[str]]:
    root = site.root / "data" / ".warehouse" / "assistant"
    return {
        str(folder.relative_to(root)): sorted(path.name for path in folder.iterdir())
        for folder in root.glob("*/*/versions")
    }


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


def test_run_unknown_agent_and_bad_setting_are_usage_errors(site: Site) -> None:
    unknown = site.toolft("run", "nobody")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    assert "found: assistant" in unknown.stderr
    wrong = site.toolft("run", "assistant", "--set", "training.epochs=-1")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "training.epochs" in wrong.stderr
