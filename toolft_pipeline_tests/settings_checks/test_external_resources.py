"""Resources that an agent file names and this machine lacks are reported before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.cli.main import run
from toolft_pipeline.settings_checks.external_resources import missing_resources

ENDPOINT = {"base_url": "https://models.example/v1", "model": "m", "key_from": "TOOLFT_TEST_NO_SUCH_KEY"}
HOST = {"base_url": "http://127.0.0.1:1/v1", "model": "small-1", "key_from": "TOOLFT_TEST_NO_SUCH_KEY"}


def configure(folder: Path, **sections: Any) -> None:
    path = folder / "agent.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | sections))


def missing(folder: Path, *, for_model: bool = True) -> dict[str, str]:
    return {
        each.key: each.message for each in missing_resources(load_agent(folder / "agent.yaml"), for_model=for_model)
    }


@pytest.mark.parametrize(
    ("sections", "key", "words"),
    [
        ({"logs": {"folder": "lgos"}}, "logs.folder", "lgos does not exist"),
        ({"logs": {"golden": "gold.jsonl"}}, "logs.golden", "gold.jsonl does not exist"),
        ({"catalog": {"file": "c.json"}}, "catalog.file", "c.json does not exist"),
        ({"catalog": {"module": "no_such.tools"}}, "catalog.module", "'no_such.tools'"),
        ({"catalog": {"file": "catalog.json", "renames": "r.yaml"}}, "catalog.renames", "r.yaml does not exist"),
        ({"base_model": {"folder": "base"}}, "base_model.folder", "base does not exist"),
        ({"base_model": {"package": "no-such-model"}}, "base_model.package", "is not installed"),
        ({"sandbox": {"command": ["pyhton", "x"]}}, "sandbox.command", "no program pyhton"),
        ({"sandbox": {"command": ["python", "back.py"]}}, "sandbox.command", "back.py does not exist"),
        ({"sandbox": {"command": ["python", "-m", "no_such_server"]}}, "sandbox.command", "'no_such_server'"),
        ({"evaluation": {"tasks": "t.jsonl"}}, "evaluation.tasks", "t.jsonl does not exist"),
        ({"evaluation": {"bfcl": "data"}}, "evaluation.bfcl", "data does not exist"),
        (
            {"evaluation": {"compare": ["big"], "endpoints": {"big": ENDPOINT}}},
            "evaluation.endpoints.big.key_from",
            "TOOLFT_TEST_NO_SUCH_KEY is not set",
        ),
        ({"managed": HOST}, "managed.key_from", "TOOLFT_TEST_NO_SUCH_KEY is not set"),
    ],
    ids=str,
)
def test_missing_resource_is_named_with_its_key(
    assistant_folder: Path, sections: dict[str, Any], key: str, words: str
) -> None:
    assert missing(assistant_folder) == {}
    configure(assistant_folder, **sections)
    found = missing(assistant_folder)
    assert set(found) == {key}
    assert words in found[key]


def test_run_with_missing_resources_lists_all_and_starts_nothing(
    assistant_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = assistant_folder.parent.parent
    for name, place in {
        "DAGSTER_HOME": home,
        "TOOLFT_AGENTS": home / "agents",
        "TOOLFT_WAREHOUSE": home / "wh",
    }.items():
        monkeypatch.setenv(name, str(place))
    (assistant_folder / "tasks.jsonl").unlink()
    (assistant_folder / "golden.jsonl").unlink()
    for arguments in (["run", "assistant"], ["run", "assistant", "--dry-run"]):
        assert run(arguments) == 1
        said = capsys.readouterr().err.splitlines()
        assert [line.rpartition("/")[2] for line in said] == [
            "golden.jsonl does not exist",
            "tasks.jsonl does not exist",
        ]
    assert not (home / "wh").exists()
    assert run(["run", "assistant", "--dry-run", "--set", "evaluation.tasks=other.jsonl"]) == 1
    assert "toolft: --set evaluation.tasks=other.jsonl: evaluation.tasks: " in capsys.readouterr().err
    (assistant_folder / "golden.jsonl").touch()
    assert run(["run", "assistant", "--data", "--dry-run"]) == 0
