"""An installation before its first run: usage errors are one line; use of a network and a kept secret are found."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

from toolft_pipeline_tests.pipeline_site import SECRETS, Site, files_holding, install


def test_what_asks_a_network_is_refused_and_logged(tmp_path: Path) -> None:
    """The check of the whole flow's network use can fail: the same environment, and a process that asks."""
    site = Site(tmp_path)
    for asked in ("socket.socket().connect(('192.0.2.1', 80))", "socket.getaddrinfo('example.org', 80)"):
        command = [sys.executable, "-c", f"import socket; {asked}"]
        finished = subprocess.run(command, env=site.environment, capture_output=True, text=True, check=False)
        assert "refused by the test" in finished.stderr
    assert site.network_log.read_text().split() == ["socket.connect", "192.0.2.1", "socket.getaddrinfo", "example.org"]


def test_encoded_secret_is_found(tmp_path: Path) -> None:
    """The search for secrets after a whole run can fail."""
    (tmp_path / "log").write_text(base64.b64encode(SECRETS["TOOLFT_HMAC_KEY"].encode()).decode())
    assert files_holding(tmp_path, SECRETS) == [("log", "TOOLFT_HMAC_KEY")]


def test_run_unknown_stage_is_a_usage_error_that_names_them_all(tiny_model_folder: Path, tmp_path: Path) -> None:
    finished = install(tmp_path, tiny_model_folder).toolft("run", "assistant", "--stage", "no_such")
    assert (finished.returncode, finished.stderr.count("\n")) == (2, 1)
    assert "there are tool_catalog, base_model" in finished.stderr


def test_run_unknown_agent_and_bad_setting_are_usage_errors(tiny_model_folder: Path, tmp_path: Path) -> None:
    site = install(tmp_path, tiny_model_folder)
    unknown = site.toolft("run", "nobody")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    assert "found: assistant" in unknown.stderr
    wrong = site.toolft("run", "assistant", "--set", "training.epochs=-1")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "training.epochs" in wrong.stderr


def test_lineage_unknown_model_is_a_usage_error_that_says_what_to_name(tiny_model_folder: Path, tmp_path: Path) -> None:
    finished = install(tmp_path, tiny_model_folder).toolft("lineage", "nothing")
    assert (finished.returncode, finished.stderr.count("\n")) == (2, 1)
    assert "name an agent, a version's folder, or 6 or more characters" in finished.stderr
