"""What a day takes from its previous version changes no byte, whatever the catalog becomes; anything else is redone."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs

from toolft_pipeline.verification.cache import replay_cache, verdict_cache
from toolft_pipeline.verification.cache.day_record import read_record, write_record
from toolft_pipeline_tests.verification.cache.site import DAY, Site, cached, same_files


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
    row["messages"][-2]["content"] = '{"value":"forged"}'
    row["messages"][-1]["content"] = "It is forged."
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
