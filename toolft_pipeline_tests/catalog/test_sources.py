from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.sources import catalog_from_file, catalog_from_module, read_source
from toolft_pipeline.catalog.tool import CatalogError
from toolft_pipeline.settings import AgentSettings

MODULE = '''
from pydantic import BaseModel, ConfigDict, Field


class _Shared(BaseModel):
    tag: str = ""


class Zoom(BaseModel):
    """Look closer."""

    factor: float = Field(gt=0)


class SendMail(_Shared):
    """Send a mail."""

    model_config = ConfigDict(title="send_mail")
    to: str
'''


def agent(folder: Path, source: str) -> AgentSettings:
    text = (folder / "agent.yaml").read_text().replace("  file: catalog.json", f"  {source}")
    (folder / "agent.yaml").write_text(text)
    return load_agent(folder / "agent.yaml")


def test_pydantic_module_gives_its_public_models_in_order(assistant_folder: Path) -> None:
    (assistant_folder / "tools.py").write_text(MODULE)
    catalog = read_source(agent(assistant_folder, "module: tools"))
    assert catalog.names == ("Zoom", "send_mail")
    assert catalog.tools[0].description == "Look closer."
    assert list(catalog.tools[1].parameters["properties"]) == ["tag", "to"]
    assert catalog.tools[1].parameters["required"] == ["to"]


def test_modules_of_two_agents_with_one_name_never_meet(tmp_path: Path) -> None:
    for name, text in {"one": MODULE, "two": MODULE.replace("Zoom", "Pan")}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "tools.py").write_text(text)
    assert catalog_from_module("tools", folder=tmp_path / "one").names[0] == "Zoom"
    assert catalog_from_module("tools", folder=tmp_path / "two").names[0] == "Pan"


def test_module_with_all_takes_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(MODULE + '\n__all__ = ["Zoom"]\n')
    assert catalog_from_module("tools", folder=tmp_path).names == ("Zoom",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = = 1", r"catalog\.module tools: cannot be imported \(.*\); fix the module"),
        ("x = 1", r"catalog\.module tools: must be a list of tools"),
    ],
)
def test_module_that_gives_no_tools_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "tools.py").write_text(text)
    with pytest.raises(CatalogError, match=message):
        catalog_from_module("tools", folder=tmp_path)


def test_module_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="No module named 'no_such_tools'"):
        catalog_from_module("no_such_tools", folder=tmp_path)


def test_file_that_is_missing_or_no_json_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"no such file; set catalog\.file in the agent file"):
        catalog_from_file(tmp_path / "catalog.json")
    (tmp_path / "catalog.json").write_text("{")
    with pytest.raises(CatalogError, match=r"catalog\.json: cannot be read as JSON .*; fix the file"):
        catalog_from_file(tmp_path / "catalog.json")


def test_server_source_without_a_sandbox_is_one_line(assistant_folder: Path) -> None:
    settings = agent(assistant_folder, "mcp: true").model_copy(update={"sandbox": None})
    with pytest.raises(CatalogError, match=r"catalog\.mcp needs a sandbox section"):
        read_source(settings)


def test_tools_that_the_agent_file_declares_to_read_are_so_in_the_catalog(assistant_folder: Path) -> None:
    catalog = read_source(agent(assistant_folder, "file: catalog.json\n  reads: [search, calculate]"))
    assert catalog.reads == {"search": True, "calculate": True}


def test_reading_tool_that_the_catalog_does_not_have_is_refused(assistant_folder: Path) -> None:
    with pytest.raises(CatalogError, match=r"catalog\.reads names 'serch'"):
        read_source(agent(assistant_folder, "file: catalog.json\n  reads: [serch]"))
