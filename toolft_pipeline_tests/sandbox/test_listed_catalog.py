from __future__ import annotations

import shutil
from pathlib import Path

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.sources import read_source
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.sandbox.listed_catalog import listed_catalog


def of_server(folder: Path) -> Catalog:
    text = (folder / "agent.yaml").read_text().replace("  file: catalog.json", "  mcp: true")
    (folder / "agent.yaml").write_text(text)
    settings = load_agent(folder / "agent.yaml")
    assert settings.sandbox is not None
    return read_source(settings, listed=listed_catalog(settings.sandbox, cwd=settings.folder))


def test_live_server_and_committed_file_give_the_same_catalog(assistant_folder: Path) -> None:
    from_file = read_source(load_agent(assistant_folder / "agent.yaml"))
    from_server = of_server(assistant_folder)
    assert from_server.text == from_file.text
    assert from_server.names == ("search", "calculate", "send_email")


def test_server_runs_in_the_agents_own_folder(assistant_folder: Path, tmp_path: Path) -> None:
    moved = shutil.move(assistant_folder, tmp_path / "elsewhere")
    assert len(of_server(Path(moved)).tools) == 3
