"""`toolft serve` where nothing can be served: one clear line, exit status 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.cli.main import run


@pytest.fixture(autouse=True)
def roots(assistant_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLFT_AGENTS", str(assistant_folder.parent))
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(tmp_path / "warehouse"))


def test_nothing_in_service_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "assistant", "--port", "0"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("toolft: assistant: no model is in service; `toolft run assistant` makes")


def test_missing_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "assistant", "--port", "0", "--version", "2026-10-01"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("toolft: assistant: no merged model as of 2026-10-01")


def test_open_host_without_keys_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "assistant", "--host", "0.0.0.0"]) == 2
    assert "is reached by others: name keys in serving.keys_from" in capsys.readouterr().err


def test_port_is_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["serve", "assistant", "--port", "http"])
    assert ended.value.code == 2
    assert "--port" in capsys.readouterr().err
