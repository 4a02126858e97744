"""A fresh installation of `assistant` with a tiny model: commands, reports, manifests, and what files hold."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

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
    "evaluation.bfcl_irrelevance": "1",
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


def report_page(shown: str) -> Path:
    """The page that `toolft show` names; what a refusal means stands below it."""
    return next(Path(line) for line in shown.splitlines() if line.endswith("report.html"))


def manifest(site: Site, asset: str) -> dict[str, object]:
    shown = site.toolft("show", "assistant", asset, "--json")
    assert shown.returncode == 0, shown.stderr
    found: dict[str, object] = json.loads(shown.stdout)
    return found


def metadata(instance: dg.DagsterInstance, asset: str) -> dict[str, Any]:
    """The metadata of an asset's last materialization."""
    event = instance.get_latest_materialization_event(dg.AssetKey(["assistant", asset]))
    assert event is not None
    return dict(event.asset_materialization.metadata)  # type: ignore[union-attr]


def files_holding(root: Path, secrets: dict[str, str]) -> list[tuple[str, str]]:
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


def version_records(site: Site) -> dict[str, list[str]]:
    root = site.root / "data" / ".warehouse" / "assistant"
    return {
        str(folder.relative_to(root)): sorted(path.name for path in folder.iterdir())
        for folder in root.glob("*/*/versions")
    }
