"""`dagster dev` killed with all that it started while a run goes on, as by a reboot, and started again.

The run is failed, its owners get an alert, and another agent is not kept waiting for it: a real daemon and webserver.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
import yaml

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.orchestration.runs.run_tags import AGENT_TAG
from toolft_pipeline.stages import tool_catalog
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.warehouse.store import Warehouse
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.orchestration.receivers import web_server

pytestmark = pytest.mark.faults

DAY = "2026-10-01"
HANGS = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(3600)"
LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on PythonError { message } }
}
"""


class Site:
    """Two agents, of which `assistant` hangs in its sandbox, and `dagster dev` over them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reached = root / "reached"
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = int(taken.getsockname()[1])
        self.environment = {
            **os.environ,
            "DAGSTER_HOME": str(root),
            "TOOLFT_AGENTS": str(root / "data"),
            "TOOLFT_WAREHOUSE": str(root / "data" / ".warehouse"),
            "PYTHONPATH": os.pathsep.join((str(REPOSITORY), os.environ.get("PYTHONPATH", ""))),
        }
        self.dev: psutil.Popen | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1"]
        with (self.root / "dev.log").open("ab") as log:
            self.dev = psutil.Popen(
                [*command, "-p", str(self.port)], cwd=self.root, env=self.environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """All processes at once and without a word."""
        if self.dev is None:
            return
        family = [*self.dev.children(recursive=True), self.dev]
        for process in family:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family)

    def launch(self, agent: str) -> None:
        selector = {
            "repositoryLocationName": "toolft_pipeline",
            "repositoryName": "__repository__",
            "jobName": f"{agent}_data",
        }
        tags = [{"key": "dagster/partition", "value": DAY}]
        params = {"selector": selector, "mode": "default", "executionMetadata": {"tags": tags}}
        said = self.ask(LAUNCH, {"params": params})
        assert said["data"]["launchRun"]["__typename"] == "LaunchRunSuccess", said

    def ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=HANG_S) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def is_up(self) -> bool:
        try:
            found = self.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }", {})
        except OSError:
            return False
        return bool(found["data"]["repositoriesOrError"].get("nodes"))

    def statuses(self, agent: str) -> set[dg.DagsterRunStatus]:
        with dg.DagsterInstance.from_config(str(self.root)) as instance:
            return {run.status for run in instance.get_runs(dg.RunsFilter(tags={AGENT_TAG: agent}))}

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + HANG_S
        while not condition():
            assert time.monotonic() < deadline, (self.root / "dev.log").read_text()[-4000:]
            time.sleep(0.5)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / "data" / ".dagster").mkdir(parents=True)
    for agent in ("assistant", "other"):
        folder = tmp_path / "data" / agent
        shutil.copytree(REPOSITORY / "data" / "assistant", folder)
        document = yaml.safe_load((folder / "agent.yaml").read_text()) | {"name": agent}
        if agent == "assistant":
            (folder / "hangs.py").write_text(HANGS)
            document["sandbox"]["command"] = ["python", "hangs.py", str(tmp_path / "reached")]
            document["sandbox"]["start_timeout_s"] = 3600
            document["schedule"] = {"running": True, "hour": 3}
            document["alerts"] = {"webhook": {"url_from": "HOOK"}}
            for log in sorted((folder / "logs").iterdir())[1:]:
                log.unlink()
        (folder / "agent.yaml").write_text(yaml.safe_dump(document))
        run_stage(
            tool_catalog.STAGE, load_agent(folder / "agent.yaml"), None, Warehouse(tmp_path / "data" / ".warehouse"),
            progress=lambda _line: None, run_id=None,
        )  # fmt: skip
    site = Site(tmp_path)
    yield site
    site.kill()
    for process in psutil.process_iter(["cmdline"]):
        if str(site.reached) in (process.info["cmdline"] or []):
            process.kill()


def test_run_of_a_killed_daemon_is_failed_and_reported_and_other_agents_go_on(site: Site) -> None:
    with web_server() as hook:
        site.environment["HOOK"] = f"http://127.0.0.1:{hook.port}/"
        site.start()
        site.until(site.is_up)
        site.launch("assistant")
        site.until(site.reached.exists)
        assert dg.DagsterRunStatus.STARTED in site.statuses("assistant")
        site.kill()
        site.start()
        site.until(site.is_up)
        site.launch("other")
        site.until(lambda: dg.DagsterRunStatus.FAILURE in site.statuses("assistant"))
        site.until(lambda: site.statuses("other") & {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE})
        site.until(lambda: any("ended without a word" in str(body["error"]) for body in hook.bodies))
