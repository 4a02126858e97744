"""The whole flow of `assistant` with `training.method: full` and `lora`, on a real Dagster instance: logs to report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolft_pipeline_tests.pipeline_site import DAY, install, manifest


@pytest.mark.slow
@pytest.mark.parametrize(("method", "files"), [("full", {"config.json"}), ("lora", {"adapter_config.json"})])
def test_run_trains_merges_and_evaluates(method: str, files: set[str], tiny_model_folder: Path, tmp_path: Path) -> None:
    site = install(tmp_path, tiny_model_folder)
    ran = site.run("--set", f"training.method={method}", "--set", "training.learning_rate=1e-4")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    adapter = manifest(site, "qlora_adapter")
    named = {Path(each["path"]).name for each in adapter["files"]}  # type: ignore[attr-defined]
    assert files <= named
    assert adapter["settings"]["changed"]["method"] == method  # type: ignore[index]
    checks = next((site.root / "data" / ".warehouse").glob(f"**/merged_model/{DAY}/**/checks.json"), None)
    assert checks is not None
    assert all(check["passed"] for check in json.loads(checks.read_text()).values())
    assert manifest(site, "eval_report")["rows"]
