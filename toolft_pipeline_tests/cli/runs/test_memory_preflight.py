"""`toolft preflight` says what training takes from a config alone: there are no weights in the folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolft_pipeline.cli.main import run
from toolft_pipeline_tests.training.hub_configs import CONFIGS

AGENT = """
first_day: "2026-10-01"
catalog: {{file: catalog.json}}
base_model: {{folder: "{base}"}}
chat: {{max_length: 2048}}
"""


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "agents" / "sized"
    base = tmp_path / "llama"
    for place in (folder, base):
        place.mkdir(parents=True)
    (base / "config.json").write_text(json.dumps(CONFIGS["llama-3.1-8b"]))
    (folder / "agent.yaml").write_text(AGENT.format(base=base))
    (folder / "catalog.json").write_text("[]")
    monkeypatch.setenv("TOOLFT_AGENTS", str(tmp_path / "agents"))
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(tmp_path / "warehouse"))
    return "sized"


def test_preflight_prints_each_part_and_what_fits(agent: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["preflight", agent, "--gpu", "16", "24"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("sized: llama, 8.03 B parameters in 4 bit, 41.9 M trained, bfloat16 on a GPU")
    assert said[1].startswith("computed from the shapes of its config")
    assert said[2].split()[-2:] == ["512", "2,048"]
    assert [line.split()[0] for line in said[3:6]] == ["libraries", "weights", "mapped"]
    assert "the longest training.packed_length that fits is " in said[-1]


def test_preflight_names_settings_that_help(agent: str, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["preflight", agent, "--gpu", "12", "--length", "1024", "--set", "training.method=lora"]
    assert run(ask) == 1
    assert "1,024 does not fit; what fits: training.method=qlora" in capsys.readouterr().out


def test_preflight_document_is_labelled_computed(agent: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["preflight", agent, "--gpu", "24", "--length", "4096", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (size,) = found["lengths"]
    assert (found["basis"], found["device"], size["length"]) == ("computed", "cuda", 4096)
    assert size["total_gb"] == pytest.approx(sum(size["gb"].values()))
    (place,) = found["places"]
    assert place["fits"] == [4096]
    assert place["longest"] > 4096


def test_preflight_without_a_config_says_what_is_missing(
    agent: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "llama" / "config.json").unlink()
    assert run(["preflight", agent, "--gpu", "24"]) == 1
    assert "no config.json; name a model folder in Hugging Face layout" in capsys.readouterr().err
