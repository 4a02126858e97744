from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import build_catalog, load_catalog
from toolft_pipeline.catalog.tool import CatalogError


def test_build_writes_a_catalog_that_loads_with_the_same_digest(assistant_folder: Path, tmp_path: Path) -> None:
    summary = build_catalog(load_agent(assistant_folder / "agent.yaml"), tmp_path)
    catalog = load_catalog(tmp_path)
    assert summary.tools == catalog.names == ("search", "calculate", "send_email")
    assert summary.digest == catalog.digest
    assert summary.tool_digests == catalog.digests
    assert load_catalog(tmp_path / "catalog.json") == catalog


def test_build_twice_writes_the_same_bytes(assistant_folder: Path, tmp_path: Path) -> None:
    settings = load_agent(assistant_folder / "agent.yaml")
    texts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        build_catalog(settings, tmp_path / name)
        texts.append((tmp_path / name / "catalog.json").read_bytes())
    assert texts[0] == texts[1]


def test_broken_schema_names_file_and_tool_and_writes_nothing(assistant_folder: Path, tmp_path: Path) -> None:
    file = assistant_folder / "catalog.json"
    document = json.loads(file.read_text())
    document["tools"][1]["inputSchema"]["properties"]["expression"]["type"] = "txt"
    file.write_text(json.dumps(document))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(CatalogError, match=r"catalog\.json: tool 'calculate': .*\"txt\" is not allowed.*fix"):
        build_catalog(load_agent(assistant_folder / "agent.yaml"), out)
    assert list(out.iterdir()) == []
