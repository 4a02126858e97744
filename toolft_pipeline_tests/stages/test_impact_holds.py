"""Impact analyses of many kinds of catalog edits, each held against a real run that then puts the edit in force.

Each edit is taken back afterwards, with an analysis of its own: what the first direction loses, the second regains.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.settings import AgentSettings, BaseModelSettings
from toolft_pipeline.stages.planning.impact_analysis import ImpactAnalysis, analyze_impact
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.manifest import ArtifactKey, Manifest
from toolft_pipeline.warehouse.store import Warehouse
from toolft_pipeline_tests.conftest import REPOSITORY

DAYS = ["2026-10-01", "2026-10-02"]
MADE = (
    "tool_catalog",
    "base_model",
    "raw_trajectories",
    "verified_trajectories",
    "run_signatures",
    "chat_rows",
    "token_tensors",
    "training_set",
)
"""The stages up to the model, which needs none to be trained."""

Document = dict[str, Any]
Edit = Callable[[Document], None]
Runs = set[tuple[str, str]]


@dataclass(frozen=True)
class Site:
    settings: AgentSettings
    warehouse: Warehouse

    @property
    def catalog(self) -> Path:
        return self.settings.path("catalog.json")

    def make(self) -> None:
        for stage in STAGES:
            if stage.asset in MADE:
                for day in DAYS if stage.asset != "training_set" else DAYS[-1:]:
                    run_stage(stage, self.settings, day, self.warehouse, progress=lambda _line: None, run_id=None)

    def manifest(self, asset: str, partition: str | None) -> Manifest | None:
        found = self.warehouse.current(ArtifactKey(agent=self.settings.name, asset=asset, partition=partition))
        return None if found is None else found.manifest

    def in_force(self) -> dict[tuple[str, str | None], tuple[str, str]]:
        """Fingerprint and content of every version in force."""
        places: list[tuple[str, str | None]] = []
        for stage in STAGES:
            days = DAYS[-1:] if stage.asset == "training_set" else DAYS
            places += [(stage.asset, day) for day in days] if stage.partitioned else [(stage.asset, None)]
        found = {place: self.manifest(*place) for place in places if place[0] in MADE}
        return {place: (each.fingerprint, each.content_digest) for place, each in found.items() if each is not None}

    def accepted(self) -> Runs:
        keys = {
            day: ArtifactKey(agent=self.settings.name, asset="verified_trajectories", partition=day) for day in DAYS
        }
        versions = {day: self.warehouse.current(address) for day, address in keys.items()}
        return {
            (day, id_)
            for day, version in versions.items()
            if version is not None
            for id_ in pq.read_table(version.file("accepted.parquet"))["trajectory_id"].to_pylist()
        }

    def replayed(self) -> list[object]:
        found = (self.manifest("verified_trajectories", day) for day in DAYS)
        return [each.headline["replayed"] for each in found if each is not None]

    def analyze_impact(self, document: Document) -> ImpactAnalysis:
        proposed = self.catalog.with_name("proposed.json")
        proposed.write_text(json.dumps(document))
        return analyze_impact(STAGES, self.settings, self.warehouse, catalog=proposed, days=DAYS)


def installed(root: Path, agent: str, model: Path, **changes: Any) -> Site:
    folder = shutil.copytree(
        REPOSITORY / "data" / agent, root / agent, ignore=shutil.ignore_patterns("2026-10-0[3-9]*")
    )
    for log in (folder / "logs").glob("????-??-??.jsonl"):
        log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:40]))
    document = yaml.safe_load((folder / "agent.yaml").read_text())
    document["catalog"]["renames"] = "renames.yaml"
    for section, values in changes.items():
        document.setdefault(section, {}).update(values)
    (folder / "agent.yaml").write_text(yaml.safe_dump(document))
    (folder / "renames.yaml").write_text("{}")
    (folder / "catalog.json").write_text(json.dumps(json.loads((folder / "catalog.json").read_text())))
    tiny = {"base_model": BaseModelSettings(folder=str(model))}
    settings = load_agent(folder / "agent.yaml", overrides={"sandbox.sessions": "1"}).model_copy(update=tiny)
    site = Site(settings, Warehouse(root / "warehouse"))
    site.make()
    return site


def tool(document: Document, name: str) -> Document:
    return next(each for each in document["tools"] if each["name"] == name)


def properties(document: Document, name: str) -> Document:
    return tool(document, name)["inputSchema"]["properties"]


def require(document: Document) -> None:
    properties(document, "calculate")["precision"] = {"type": "integer"}
    tool(document, "calculate")["inputSchema"]["required"].append("precision")


def drop_tool(document: Document) -> None:
    document["tools"].remove(tool(document, "send_email"))


def rename_tool(document: Document) -> None:
    tool(document, "calculate")["name"] = "compute"


def reorder(document: Document) -> None:
    document["tools"].reverse()


def new_tool(document: Document) -> None:
    document["tools"].append({"name": "weather", "description": "Tell the weather.", "inputSchema": {"type": "object"}})


EDITS: dict[str, Edit] = {
    "enum value more": lambda document: properties(document, "search")["kind"]["enum"].append("files"),
    "enum value less": lambda document: properties(document, "search")["kind"]["enum"].remove("notes"),
    "no enum": lambda document: properties(document, "search")["kind"].pop("enum"),
    "enum where none was": lambda document: properties(document, "send_email")["subject"].update(enum=["Hello"]),
    "optional parameter": lambda document: properties(document, "search").update(fuzzy={"type": "boolean"}),
    "required parameter": require,
    "description": lambda document: tool(document, "calculate").update(description="Reckon."),
    "description of a parameter": lambda document: properties(document, "search")["query"].update(description="Words."),
    "tighter limit": lambda document: properties(document, "search")["limit"].update(maximum=2),
    "tool less": drop_tool,
    "tool more": new_tool,
    "tools in another order": reorder,
    "tool renamed": rename_tool,
}
LOSING = ("enum value less", "required parameter", "tool less", "tool renamed")
"""Edits that lose runs, and taken back regain them: what the analyses are held against is not nothing."""
RENAMES = {"tool renamed": "calculate: compute\n"}


def check(site: Site, document: Document, renames: str, *, replays: bool) -> tuple[Runs, Runs]:
    """Analyse the impact, then make the edit; the runs lost and those that came back."""
    site.settings.path("renames.yaml").write_text(renames)
    before, accepted = site.in_force(), site.accepted()
    found = site.analyze_impact(document)
    assert site.in_force() == before
    site.catalog.write_text(json.dumps(document))
    site.make()
    lost, back = accepted - site.accepted(), site.accepted() - accepted
    assert {(run.day, run.trajectory_id) for run in found.lost} == lost
    assert sum(day.regained for day in found.days) == len(back)
    assert sum(day.kept for day in found.days) == len(accepted & site.accepted())
    assert sum(day.unproven for day in found.days) == 0
    after = site.in_force()
    predicted = {each.asset: (each.rebuilt, each.same, each.kept) for each in found.assets if each.asset in MADE}
    done = {}
    for asset in MADE:
        places = [place for place in before if place[0] == asset]
        rebuilt = [place for place in places if after[place][0] != before[place][0]]
        same = [place for place in rebuilt if after[place][1] == before[place][1]]
        done[asset] = (len(rebuilt), len(same), len(places) - len(rebuilt))
    assert predicted == done
    if replays and done["verified_trajectories"][0]:
        assert [day.replayed for day in found.days] == site.replayed()
    return lost, back


def there_and_back(site: Site, edit: str) -> tuple[Runs, Runs]:
    original = site.catalog.read_text()
    document = json.loads(original)
    EDITS[edit](document)
    lost, _ = check(site, document, RENAMES.get(edit, "{}"), replays=True)
    _, back = check(site, json.loads(original), "{}", replays=False)
    site.catalog.write_text(original)
    return lost, back


@pytest.fixture(scope="module")
def assistant(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return installed(tmp_path_factory.mktemp("assistant"), "assistant", tiny_model_folder)


@pytest.mark.parametrize("edit", EDITS)
def test_impact_of_an_edit_is_what_a_run_then_does_and_so_is_that_of_taking_it_back(assistant: Site, edit: str) -> None:
    lost, back = there_and_back(assistant, edit)
    assert lost == back
    assert lost or edit not in LOSING


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["names", "full"])
def test_impact_with_the_catalog_in_the_prompt_holds(mode: str, tiny_model_folder: Path, tmp_path: Path) -> None:
    site = installed(tmp_path, "assistant", tiny_model_folder, chat={"catalog_mode": mode})
    for edit in ("description", "tool more", "tools in another order"):
        there_and_back(site, edit)


def test_impact_with_pasted_tools_stripped_holds(tiny_model_folder: Path, tmp_path: Path) -> None:
    site = installed(tmp_path, "assistant", tiny_model_folder, chat={"system_prompt": "strip_tools"})
    for edit in ("description", "tool less"):
        there_and_back(site, edit)


def test_impact_of_the_help_desk_holds(tiny_model_folder: Path, tmp_path: Path) -> None:
    site = installed(tmp_path, "helpdesk", tiny_model_folder)
    original = site.catalog.read_text()
    document = json.loads(original)
    enums = [
        (each["name"], name)
        for each in document["tools"]
        for name, schema in each["inputSchema"].get("properties", {}).items()
        if "enum" in schema
    ]
    for name, parameter in enums:
        properties(document, name)[parameter].pop("enum")
    check(site, document, "{}", replays=True)
    check(site, json.loads(original), "{}", replays=False)
