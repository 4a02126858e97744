"""Tasks that cannot be done are left out for every model, named, and checked once per catalog and backend."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import build_catalog
from toolft_pipeline.evaluation.tasks.check_tasks import ImpossibleTask
from toolft_pipeline.stages.evaluations.task_check import IMPOSSIBLE_FILE, checked_tasks, write_impossible
from toolft_pipeline.stages.spec.stage import BuildContext, StageError
from toolft_pipeline.warehouse.manifest import ArtifactKey, fingerprint_of
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse


class Site:
    """The assistant in a folder of the test's own."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.agent_file = folder / "agent.yaml"
        self.tasks = folder / "tasks.jsonl"
        self.catalog = folder / "catalog.json"
        self.warehouse = Warehouse(root / "warehouse")
        self.root = root
        self.lines: list[str] = []

    def check(self) -> tuple[list[str], list[str]]:
        """Ids of the tasks that count, and of those that do not."""
        self.lines.clear()
        possible, impossible = checked_tasks(self.context())
        return [task.task_id for task in possible], [each.task_id for each in impossible]

    def context(self) -> BuildContext:
        settings = load_agent(self.agent_file, overrides={"sandbox.sessions": "1"})
        return BuildContext(
            settings=settings, partition="2026-10-05", inputs={"tool_catalog": {"all": self._catalog_version()}},
            out=self.root, scratch=self.root, warehouse=self.warehouse, progress=self.lines.append, run_id=None,
        )  # fmt: skip

    def _catalog_version(self) -> Version:
        address = ArtifactKey(agent="assistant", asset="tool_catalog")
        text = self.catalog.read_text()
        fingerprint = fingerprint_of(code_version="1", settings={}, inputs={"file": text})
        recipe = Recipe(address=address, fingerprint=fingerprint, code_version="1", settings={}, inputs={})
        with self.warehouse.staging(address) as staged:
            build_catalog(load_agent(self.agent_file), staged)
            built = BuildOutput(content=("catalog.json",), rows={}, headline={})
            return self.warehouse.commit(staged, recipe, built, run_id=None, started=0.0)

    def drop_tool(self, name: str) -> None:
        document = json.loads(self.catalog.read_text())
        document["tools"] = [tool for tool in document["tools"] if tool["name"] != name]
        self.catalog.write_text(json.dumps(document))


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Site:
    return Site(assistant_folder, tmp_path)


def users(site: Site, tool: str) -> list[str]:
    rows = [json.loads(line) for line in site.tasks.read_text().splitlines()]
    return [row["task_id"] for row in rows if any(call["name"] == tool for call in row["plan"])]


def test_checked_tasks_leave_out_those_of_a_removed_tool_and_name_them(site: Site) -> None:
    possible, impossible = site.check()
    assert (len(possible), impossible) == (20, [])
    site.drop_tool("calculate")
    gone = users(site, "calculate")
    assert site.check() == ([name for name in possible if name not in gone], gone)
    assert any(line.startswith(f"task {gone[0]} cannot be done") for line in site.lines)
    assert any(f"{len(gone)} of 20 tasks cannot be done" in line for line in site.lines)


def test_checked_tasks_are_checked_once_per_tasks_catalog_and_backend(site: Site) -> None:
    def checked() -> bool:
        site.check()
        return any("checking 20 tasks" in line for line in site.lines)

    assert [checked(), checked()] == [True, False]
    site.drop_tool("calculate")
    assert [checked(), checked()] == [True, False]
    with (site.agent_file.parent / "backend" / "server.py").open("a") as file:
        file.write("# another backend\n")
    assert [checked(), checked()] == [True, False]
    lines = site.tasks.read_text().splitlines(keepends=True)
    site.tasks.write_text("".join(reversed(lines)))
    assert [checked(), checked()] == [True, False]


def test_checked_tasks_with_none_left_are_an_error_that_says_what_to_renew(site: Site) -> None:
    text = site.tasks.read_text()
    site.tasks.write_text("".join(line for line in text.splitlines(keepends=True) if '"name": "calculate"' in line))
    site.drop_tool("calculate")
    with pytest.raises(StageError, match=r"none of the \d+ evaluation tasks can be done.*renew"):
        site.check()


def test_impossible_tasks_are_written_for_people_to_read(tmp_path: Path) -> None:
    found = [ImpossibleTask(task_id="a", reason="gone")]
    write_impossible(found, tmp_path)
    assert msgspec.json.decode((tmp_path / IMPOSSIBLE_FILE).read_bytes(), type=list[ImpossibleTask]) == found
    assert len((tmp_path / IMPOSSIBLE_FILE).read_text().splitlines()) > 1
