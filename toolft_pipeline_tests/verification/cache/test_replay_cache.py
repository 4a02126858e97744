"""A remembered replay is one that would pass again, and what it spares changes no byte of the result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.record import Source, Trajectory
from toolft_pipeline.verification.cache.replay_cache import ReplayCache, load_replay_cache
from toolft_pipeline.verification.day import VerificationSummary, verify_day
from toolft_pipeline.verification.rules.verdict import Verdict, read_verdicts
from toolft_pipeline_tests.agents import read_agent_day
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user

DAY = "2026-10-01"
FILES = ("accepted.parquet", "verdicts.parquet")


def run(**changes: Any) -> Trajectory:
    asked = calls(("a", "search", {"query": "x"}))
    fields = {"initial_state_ref": "s", "final_state_ref": "sha256:1"} | changes
    return trajectory(user("find x"), asked, result("a", "search", "[]"), says("Nothing."), **fields)


@pytest.mark.parametrize(
    "other",
    [
        run(initial_state_ref="t"),
        run(final_state_ref="sha256:2"),
        msgspec.structs.replace(run(), messages=run().messages[:-1]),
    ],
)
def test_key_changes_with_what_replay_reads_of_the_run(other: Trajectory) -> None:
    memory = ReplayCache(ground="g", tool_digests={"search": "1"})
    assert memory.key(other) != memory.key(run())


def test_key_stays_where_the_run_only_moved_or_was_judged_otherwise() -> None:
    memory = ReplayCache(ground="g", tool_digests={"search": "1"})
    moved = run(id_="other", status="failure", golden=True)
    moved = msgspec.structs.replace(moved, source=Source(file="f", line=9, offset=99, format="atif"))
    assert memory.key(moved) == memory.key(run())


def test_key_changes_with_the_schemas_of_the_tools_that_the_run_uses_and_with_no_others() -> None:
    keys = [
        ReplayCache(ground="g", tool_digests=digests).key(run())
        for digests in ({"search": "1"}, {"search": "1", "mail": "1"}, {"search": "2"}, {"mail": "1"})
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_key_changes_with_a_tools_words_only_where_they_tell_what_the_run_used() -> None:
    named = trajectory(
        user("Buy one."), calls(("a", "search", {"query": "Night Book"})), result("a", "search", "[]"), says("Nothing.")
    )
    schemas = [{"search": {"description": words}} for words in ("Look.", "Look again.", "Look in the Night Book.")]
    plain, reworded, telling = (ReplayCache(ground="g", tool_digests={}, schemas=each) for each in schemas)
    assert plain.key(named) == reworded.key(named) != telling.key(named)
    assert plain.key(run()) == telling.key(run())


@pytest.mark.parametrize(
    "changed", [{"sandbox.volatile": "[x]"}, {"sandbox.reset_tool": "other"}, {"verification.grounding": "false"}]
)
def test_ground_changes_with_what_replay_reads_of_the_settings(assistant_folder: Path, changed: dict[str, str]) -> None:
    def ground(overrides: dict[str, str], backend: str = "b") -> str:
        settings = load_agent(assistant_folder / "agent.yaml", overrides=overrides)
        return load_replay_cache(settings=settings, backend=backend, tool_digests={}, before=None).ground

    assert ground({}) == ground({"sandbox.sessions": "1", "verification.max_turns": "9"})
    assert ground(changed) != ground({}) != ground({}, backend="c")


@dataclass(frozen=True)
class BuildOutput:
    out: Path
    summary: VerificationSummary

    @property
    def verdicts(self) -> list[Verdict]:
        return read_verdicts(self.out / "verdicts.parquet")


@dataclass(frozen=True)
class Site:
    """A copy of the assistant, its first day read."""

    settings: AgentSettings
    root: Path

    def build(self, name: str, *, before: BuildOutput | None = None, backend: str = "b") -> BuildOutput:
        raw, out = self.root / f"{name}_raw", self.root / name
        raw.mkdir()
        out.mkdir()
        read_agent_day(self.settings, day=DAY, out=raw)
        summary = verify_day(
            raw=raw,
            catalog=self.settings.path("catalog.json"),
            settings=self.settings,
            day=DAY,
            out=out,
            progress=print,
            backend=backend,
            before=None if before is None else before.out,
        )
        return BuildOutput(out, summary)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.settings.path(name)
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Site:
    return Site(load_agent(assistant_folder / "agent.yaml", overrides={"sandbox.sessions": "1"}), tmp_path)


def same_files(one: BuildOutput, two: BuildOutput) -> bool:
    return all((one.out / file).read_bytes() == (two.out / file).read_bytes() for file in FILES)


def test_nothing_changed_every_replay_is_remembered_and_no_sandbox_starts(site: Site) -> None:
    first = site.build("first")
    assert first.summary.remembered == 0
    rejected = sum(verdict.rule == "replay" for verdict in first.verdicts)
    again = site.build("again", before=first)
    assert (again.summary.replayed, again.summary.remembered) == (rejected, first.summary.replayed - rejected)
    assert same_files(again, first)


def test_catalog_edit_replays_only_the_runs_that_use_the_tool_and_gives_the_same_bytes(site: Site) -> None:
    first = site.build("first")
    site.edit("catalog.json", '"maximum": 10', '"maximum": 11')  # of search
    edited, fresh = site.build("edited", before=first), site.build("fresh")
    assert same_files(edited, fresh)
    asked_again = [v for v in first.verdicts if v.rule == "replay" or (v.accepted and "search" in v.tools)]
    assert edited.summary.replayed == len(asked_again)
    assert edited.summary.remembered == fresh.summary.replayed - len(asked_again) > 0


def test_tool_that_is_gone_is_no_matter_of_memory(site: Site) -> None:
    first = site.build("first")
    site.edit("catalog.json", '"name": "search"', '"name": "look_up"')
    edited, fresh = site.build("edited", before=first), site.build("fresh")
    assert same_files(edited, fresh)
    assert not any(verdict.accepted and "search" in verdict.tools for verdict in edited.verdicts)


def test_other_backend_remembers_nothing(site: Site) -> None:
    first = site.build("first")
    assert site.build("other", before=first, backend="c").summary.remembered == 0


def test_run_whose_result_was_altered_since_is_replayed_and_rejected(site: Site) -> None:
    first = site.build("first")
    log = site.settings.path(f"logs/{DAY}.jsonl")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    accepted = {verdict.trajectory_id for verdict in first.verdicts if verdict.accepted}
    row = next(row for row in rows if row["id"] in accepted and row["messages"][-2]["role"] == "tool")
    row["messages"][-2]["content"] = "forged"
    row["messages"][-1]["content"] = "Done."
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    altered = next(v for v in site.build("altered", before=first).verdicts if v.trajectory_id == row["id"])
    assert (altered.rule, altered.fault) == ("replay", "result_differs")


def test_forged_key_is_not_used(site: Site) -> None:
    first = site.build("first")
    verdicts = first.out / "verdicts.parquet"
    table = pq.read_table(verdicts)
    keys = [None if key is None else key[::-1] for key in table.column("replay_key").to_pylist()]
    place = table.schema.get_field_index("replay_key")
    pq.write_table(table.set_column(place, "replay_key", pa.array(keys, pa.string())), verdicts)
    assert site.build("again", before=first).summary.remembered == 0


def test_verdicts_that_were_written_before_there_were_keys_are_no_memory(site: Site) -> None:
    first = site.build("first")
    verdicts = first.out / "verdicts.parquet"
    pq.write_table(pq.read_table(verdicts).drop_columns(["replay_key"]), verdicts)
    assert site.build("again", before=first).summary.remembered == 0
