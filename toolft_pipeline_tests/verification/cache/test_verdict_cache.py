"""What a day takes from its previous version changes no byte, whatever the catalog becomes; anything else is redone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from msgspec import structs

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import build_catalog
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.verification import check_runs
from toolft_pipeline.verification.cache import replay_cache, verdict_cache
from toolft_pipeline.verification.cache.day_record import read_record, write_record
from toolft_pipeline.verification.catalog_impact import VerifiedDay, preview_day
from toolft_pipeline.verification.day import DaySources, VerificationSummary
from toolft_pipeline.verification.rules.rule_set import load_rules
from toolft_pipeline.verification.rules.verdict import Verdict, read_verdicts
from toolft_pipeline_tests.agents import read_agent_day, verify_agent_day

DAY = "2026-10-01"
FILES = ("accepted.parquet", "verdicts.parquet", "verdict_keys.parquet")


@dataclass(frozen=True)
class BuildOutput:
    out: Path
    catalog: Path
    summary: VerificationSummary

    @property
    def verdicts(self) -> list[Verdict]:
        return read_verdicts(self.out / "verdicts.parquet")

    @property
    def accepted(self) -> set[str]:
        return {verdict.trajectory_id for verdict in self.verdicts if verdict.accepted}


@dataclass(frozen=True)
class Site:
    """A copy of the assistant. Its first day is read when it is first built, and again after `read_logs`."""

    settings: AgentSettings
    root: Path

    def build(
        self, name: str, *, before: BuildOutput | None = None, backend: str = "b", runs: Any = "r"
    ) -> BuildOutput:
        raw, out, catalog = self.root / "raw", self.root / name, self.root / f"{name}_catalog"
        if not raw.exists():
            self.read_logs()
        out.mkdir()
        catalog.mkdir()
        build_catalog(self.settings, catalog)
        summary = verify_agent_day(
            self.settings,
            day=DAY,
            raw=raw,
            catalog=catalog,
            out=out,
            sources=DaySources(backend=backend, runs=runs),
            previous=None if before is None else before.out,
        )
        return BuildOutput(out, catalog, summary)

    def read_logs(self) -> None:
        raw = self.root / "raw"
        shutil.rmtree(raw, ignore_errors=True)
        raw.mkdir()
        read_agent_day(self.settings, day=DAY, out=raw)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.settings.path(name)
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def changed(self, **overrides: str) -> Site:
        overrides = {"sandbox.sessions": "1"} | {name.replace("__", "."): value for name, value in overrides.items()}
        return Site(load_agent(self.settings.folder / "agent.yaml", overrides=overrides), self.root)


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Site:
    return Site(load_agent(assistant_folder / "agent.yaml", overrides={"sandbox.sessions": "1"}), tmp_path)


def same_files(one: BuildOutput, two: BuildOutput) -> bool:
    same = all((one.out / file).read_bytes() == (two.out / file).read_bytes() for file in FILES)
    records = [read_record(built.out) for built in (one, two)]
    return same and len({(each.catalog_lookups, each.catalog_digest, each.context) for each in records if each}) == 1


def test_unchanged_day_is_copied_and_its_rows_are_not_read(site: Site) -> None:
    first = site.build("first")
    assert (first.summary.cached_replays, first.summary.cached_verdicts) == (0, 0)
    (site.root / "raw" / "trajectories.parquet").unlink()
    again = site.build("again", before=first)
    assert (again.summary.replayed, again.summary.cached_verdicts) == (0, first.summary.trajectories)
    assert same_files(again, first)
    assert again.summary.accepted == first.summary.accepted
    assert again.summary.faults == first.summary.faults


def test_catalog_edit_checks_only_runs_that_use_the_tool(site: Site) -> None:
    first = site.build("first")
    site.edit("catalog.json", '"maximum": 10', '"maximum": 11')  # of search
    edited, fresh = site.build("edited", before=first), site.build("fresh")
    assert same_files(edited, fresh)
    used = [verdict for verdict in first.verdicts if "search" in verdict.tools]
    assert edited.summary.cached_verdicts == first.summary.trajectories - len(used) > 0
    assert 0 < edited.summary.replayed <= len(used)


def test_edit_of_a_tool_that_no_run_uses_reads_no_row(site: Site) -> None:
    document = json.loads(site.settings.path("catalog.json").read_text())
    unused = {"name": "archive", "description": "Archive.", "inputSchema": {"type": "object", "properties": {}}}
    site.settings.path("catalog.json").write_text(json.dumps({"tools": [*document["tools"], unused]}))
    first = site.build("first")
    site.edit("catalog.json", '"properties": {}}', '"properties": {"trace": {"type": "boolean"}}}')
    shutil.move(site.root / "raw", site.root / "gone")
    (site.root / "raw").mkdir()
    edited = site.build("edited", before=first)
    assert edited.summary.cached_verdicts == first.summary.trajectories
    shutil.rmtree(site.root / "raw")
    shutil.move(site.root / "gone", site.root / "raw")
    assert same_files(edited, site.build("fresh"))


def test_removed_tool_rejects_its_runs_though_they_were_cached(site: Site) -> None:
    first = site.build("first")
    site.edit("catalog.json", '"name": "search"', '"name": "look_up"')
    edited, fresh = site.build("edited", before=first), site.build("fresh")
    assert same_files(edited, fresh)
    assert not any(verdict.accepted and "search" in verdict.tools for verdict in edited.verdicts)


def cached(built: BuildOutput) -> int:
    return built.summary.cached_verdicts


def test_other_backend_checks_and_replays_every_run(site: Site) -> None:
    first = site.build("first")
    other = site.build("other", before=first, backend="c")
    assert (cached(other), other.summary.cached_replays) == (0, 0)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("verification__max_turns", "1"),
        ("verification__error_forms", '["Sorry"]'),
        ("verification__redaction__allow", "[]"),
        ("sandbox__volatile", "[took_ms, other]"),
        ("chat__format", "qwen3"),
    ],
)
def test_changed_setting_checks_every_run(site: Site, setting: str, value: str) -> None:
    site = site.changed(verification__require_replay="false")
    first = site.build("first")
    changed = site.changed(verification__require_replay="false", **{setting: value})
    edited, fresh = changed.build("edited", before=first), changed.build("fresh")
    assert cached(edited) == 0
    assert same_files(edited, fresh)


def test_display_setting_checks_no_run(site: Site) -> None:
    first = site.build("first")
    again = site.changed(verification__min_accepted="500").build("again", before=first)
    assert cached(again) == first.summary.trajectories


def test_changed_surrogate_key_checks_every_run(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    first = site.build("first")
    monkeypatch.setenv("TOOLFT_HMAC_KEY", "another")
    edited = site.build("edited", before=first)
    assert cached(edited) == 0
    assert same_files(edited, site.build("fresh"))


def test_changed_rule_checks_every_run(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    first = site.build("first")
    monkeypatch.setattr(verdict_cache, "code_digest", lambda *_: "other code")
    assert cached(site.build("edited", before=first)) == 0


def test_changed_replay_code_replays_every_run(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    first = site.build("first")
    monkeypatch.setattr(verdict_cache, "code_digest", lambda *_: "other code")
    monkeypatch.setattr(replay_cache, "code_digest", lambda *_: "other code")
    assert site.build("edited", before=first).summary.cached_replays == 0


def test_other_runs_are_read_and_only_new_ones_checked(site: Site) -> None:
    first = site.build("first")
    log = site.settings.path(f"logs/{DAY}.jsonl")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    row = next(row for row in rows if row["id"] in first.accepted and row["messages"][-2]["role"] == "tool")
    added = deepcopy(row) | {"id": "added"}
    row["messages"][-2]["content"] = "forged"
    row["messages"][-1]["content"] = "Done."
    log.write_text("".join(json.dumps(row) + "\n" for row in [*rows, added]))
    site.read_logs()
    altered, fresh = site.build("altered", before=first, runs="s"), site.build("fresh")
    assert same_files(altered, fresh)
    by_id = {verdict.trajectory_id: verdict for verdict in altered.verdicts}
    assert (by_id[row["id"]].rule, by_id[row["id"]].fault) == ("replay", "result_differs")
    assert by_id["added"].accepted
    assert 0 < cached(altered) < first.summary.trajectories


def test_verdict_on_a_failed_backend_is_not_cached(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    first = site.build("first")
    path = first.out / "verdicts.parquet"
    verdicts = pq.read_table(path)
    faults = ["sandbox_crashed" if fault == "result_differs" else fault for fault in verdicts["fault"].to_pylist()]
    assert "sandbox_crashed" in faults
    pq.write_table(verdicts.set_column(3, "fault", pa.array(faults, pa.string())), path)
    record = read_record(first.out)
    assert record is not None
    write_record(structs.replace(record, backend_failures=faults.count("sandbox_crashed")), first.out)
    again = site.build("again", before=first)
    assert again.summary.replayed == faults.count("sandbox_crashed")
    assert "sandbox_crashed" not in {verdict.fault for verdict in again.verdicts}


def test_version_without_keys_is_no_cache_of_verdicts(site: Site) -> None:
    first = site.build("first")
    (first.out / "verification.json").unlink()
    (first.out / "verdict_keys.parquet").unlink()
    again = site.build("again", before=first)
    assert cached(again) == 0
    assert again.summary.cached_replays > 0


TEXT = {"type": "object", "properties": {"query": {"type": "string"}}}
WORDS = (
    "the limit is 500",
    "form AB-12",
    "Ursula Stone",
    "kind of notes",
    "1,200",
    "3",
    "Paris",
    "none",
    'say \\"x\\"',
)
SAID = [
    ("What is the limit?", "It is 500."),
    ("Which form?", "Take form AB-12."),
    ("Whom do I ask?", "Ask our Ursula Stone."),
    ("What does it cost?", "It costs 1200 euros."),
    ("How many results?", "I show 3."),
]


def added_rows() -> list[dict[str, Any]]:
    """Runs whose verdicts depend on what the catalog says, on choices, on renames and on redaction."""

    def row(number: int, *messages: dict[str, Any]) -> dict[str, Any]:
        return {"id": f"added-{number}", "messages": list(messages), "outcome": {"status": "success"}}

    def call(name: str, **arguments: Any) -> dict[str, Any]:
        function = {"name": name, "arguments": json.dumps(arguments)}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        }

    answer = {"role": "tool", "tool_call_id": "c", "content": "[]"}
    done = {"role": "assistant", "content": "Done."}
    talks = [({"role": "user", "content": ask}, {"role": "assistant", "content": says}) for ask, says in SAID]
    calls = [
        ({"role": "user", "content": "Look in the notes."}, call("search", query="x", kind=kind), answer, done)
        for kind in ("notes", "contacts", "all")
    ]
    calls += [
        (
            {"role": "user", "content": "Do it for jo.smith@firma.de"},
            call(name, query="jo.smith@firma.de"),
            answer,
            done,
        )
        for name in ("look_up", "find", "archive")
    ]
    return [row(number, *messages) for number, messages in enumerate([*talks, *calls])]


def random_edit(random: Random, tools: list[dict[str, Any]], renames: dict[str, str]) -> None:
    """Change a catalog: a tool comes, goes, gets another name, parameter, description, choice or order."""
    tool = random.choice(tools)
    schema = tool["inputSchema"]
    properties: dict[str, Any] = schema.setdefault("properties", {})

    def describe() -> None:
        place = random.choice([tool, *(each for each in properties.values() if isinstance(each, dict))])
        place["description"] = f"{random.choice(WORDS)} {random.choice(WORDS)}"

    def parameter() -> None:
        name = random.choice(["query", "kind", "trace", "limit"])
        properties[name] = random.choice(
            [{"type": "string"}, {"type": "integer", "default": 500}, {"type": "string", "enum": ["notes", "all"]}]
        )

    def drop_parameter() -> None:
        if properties:
            name = random.choice(sorted(properties))
            del properties[name]
            schema["required"] = [each for each in schema.get("required", []) if each != name]

    def require() -> None:
        schema["required"] = sorted({*schema.get("required", []), random.choice(["query", "kind", "trace"])})

    def relax() -> None:
        schema["required"] = []

    def enum() -> None:
        properties["kind"] = {
            "type": "string",
            "enum": random.sample(["contacts", "notes", "all"], random.choice([1, 2, 3])),
        }

    def add() -> None:
        name = random.choice(["look_up", "find", "archive"])
        if name not in [each["name"] for each in tools] and name not in renames:
            tools.append({"name": name, "description": random.choice(WORDS), "inputSchema": deepcopy(TEXT)})

    def remove() -> None:
        if len(tools) > 2 and tool["name"] not in renames.values():
            tools.remove(tool)

    def rename() -> None:
        name = random.choice(["look_up", "find", "archive", "seek"])
        taken = {each["name"] for each in tools} | renames.keys() | set(renames.values())
        if name not in taken and tool["name"] not in renames.values():
            if random.random() < 0.5:
                renames[tool["name"]] = name
            tool["name"] = name

    def alias() -> None:
        name = random.choice(["look_up", "find", "archive"])
        if name not in [each["name"] for each in tools] and name not in renames.values():
            renames[name] = tool["name"]

    def forget() -> None:
        if renames:
            del renames[random.choice(sorted(renames))]

    def reorder() -> None:
        random.shuffle(tools)
        tool["inputSchema"] = dict(random.sample(list(schema.items()), len(schema)))

    edits: list[Callable[[], None]] = [describe, describe, parameter, drop_parameter, require, relax, enum, add, remove]
    edits += [rename, alias, forget, reorder]
    random.choice(edits)()


def fast_site(folder: Path, tmp_path: Path) -> Site:
    """The assistant without a sandbox and with more runs: every rule but replay, in milliseconds."""
    log = folder / "logs" / f"{DAY}.jsonl"
    log.write_text(log.read_text() + "".join(json.dumps(row) + "\n" for row in added_rows()))
    agent = yaml.safe_load((folder / "agent.yaml").read_text())
    agent["catalog"]["renames"] = "renames.yaml"
    agent["verification"]["require_replay"] = False
    (folder / "agent.yaml").write_text(yaml.safe_dump(agent))
    (folder / "renames.yaml").write_text("{}\n")
    settings = load_agent(folder / "agent.yaml").model_copy(update={"sandbox": None})
    return Site(settings, tmp_path)


@pytest.mark.parametrize("seed", range(3))
def test_random_edits_give_the_bytes_of_a_full_rebuild(seed: int, assistant_folder: Path, tmp_path: Path) -> None:
    site, random = fast_site(assistant_folder, tmp_path), Random(seed)
    path = site.settings.path("catalog.json")
    tools, renames = json.loads(path.read_text())["tools"], dict[str, str]()
    last = site.build("start")
    taken = copied = 0
    for number in range(10):
        for _ in range(random.choice([1, 1, 2])):
            random_edit(random, tools, renames)
        path.write_text(json.dumps({"tools": tools}))
        site.settings.path("renames.yaml").write_text(yaml.safe_dump(renames))
        edited, fresh = site.build(f"edited-{number}", before=last), site.build(f"fresh-{number}")
        assert same_files(edited, fresh)
        taken += cached(edited)
        copied += cached(edited) == edited.summary.trajectories
        today, proposal = (
            load_rules(catalog=built.catalog, settings=site.settings, key=surrogate_key()) for built in (last, fresh)
        )
        day = VerifiedDay(day=DAY, raw=site.root / "raw", verified=last.out, sources=DaySources(backend="b", runs="r"))
        preview = preview_day(day, settings=site.settings, today=today, proposal=proposal)
        assert {run.trajectory_id for run in preview.lost} == last.accepted - fresh.accepted
        assert (preview.kept, preview.regained) == (
            len(last.accepted & fresh.accepted),
            len(fresh.accepted - last.accepted),
        )
        assert dict(preview.tools) == fresh.summary.tools
        last = edited
    assert copied > 0
    assert taken > 10


def test_description_of_another_tool_reopens_what_it_grounds(assistant_folder: Path, tmp_path: Path) -> None:
    site = fast_site(assistant_folder, tmp_path)
    first = site.build("first")
    assert "added-0" not in first.accepted
    site.edit("catalog.json", "Work out an arithmetic expression.", "Work out an expression of at most 500 signs.")
    edited = site.build("edited", before=first)
    assert "added-0" in edited.accepted
    assert same_files(edited, site.build("fresh"))
    assert cached(edited) > 0


def test_new_rename_reopens_runs_with_the_old_name(assistant_folder: Path, tmp_path: Path) -> None:
    site = fast_site(assistant_folder, tmp_path)
    first = site.build("first")
    site.settings.path("renames.yaml").write_text("look_up: search\n")
    edited = site.build("edited", before=first)
    assert cached(edited) == first.summary.trajectories - 1
    assert edited.summary.renamed == 1
    assert same_files(edited, site.build("fresh"))


def test_lookups_in_the_files_cannot_be_read_without_the_key(
    assistant_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = fast_site(assistant_folder, tmp_path)
    first = read_record(site.build("first").out)
    monkeypatch.setenv("TOOLFT_HMAC_KEY", "another")
    other = read_record(site.build("other").out)
    assert first is not None
    assert other is not None
    assert not set(first.catalog_lookups) & set(other.catalog_lookups)
    assert check_runs.verify_runs.__name__ in verdict_cache._RULES
