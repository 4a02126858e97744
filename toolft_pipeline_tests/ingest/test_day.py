from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import stat
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.ingest import day as day_module
from toolft_pipeline.ingest.day import LogError, RawSummary, SeenIds, read_golden_runs
from toolft_pipeline.ingest.file_kind import not_a_log
from toolft_pipeline.ingest.parsing.rejects import line_hmac
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline_tests.agents import agent, read_agent_day
from toolft_pipeline_tests.ingest.samples import LINE_SAMPLES
from toolft_pipeline_tests.ingest.span_conversation import as_json_lines
from toolft_pipeline_tests.ingest.span_exports import EXPORTS
from toolft_pipeline_tests.pictures import chart, data_uri

DAY = "2026-10-01"


def good(id_: str) -> bytes:
    return json.dumps({"id": id_, "messages": [{"role": "user", "content": "hi"}]}).encode()


@pytest.fixture
def desk(tmp_path: Path) -> AgentSettings:
    (tmp_path / "logs").mkdir()
    return agent(tmp_path)


def write(desk: AgentSettings, data: bytes, name: str = f"{DAY}.jsonl") -> None:
    (desk.folder / "logs" / name).write_bytes(data)


def read(desk: AgentSettings, out: Path) -> RawSummary:
    out.mkdir(parents=True)
    return read_agent_day(desk, day=DAY, out=out)


def test_mixed_lines_are_trajectories_or_rejects(desk: AgentSettings, tmp_path: Path) -> None:
    write(desk, b"\n".join([good("a"), b"{broken", b"", good("b"), good("a"), b"x" * 50, b""]))
    summary = read(desk, tmp_path / "out")
    assert (summary.lines, summary.blank_lines, summary.trajectories, summary.rejects) == (5, 1, 2, 3)
    assert summary.reasons == {"malformed_json": 1, "repeated_id": 1, "truncated_line": 1}
    runs = list(read_trajectories(tmp_path / "out" / "trajectories.parquet"))
    assert [(run.trajectory_id, run.source.line) for run in runs] == [("a", 1), ("b", 4)]
    rejects = pq.read_table(tmp_path / "out" / "rejects.parquet").to_pylist()
    assert [reject["line"] for reject in rejects] == [2, 5, 6]
    whole = (desk.folder / "logs" / f"{DAY}.jsonl").read_bytes()
    assert whole[rejects[2]["offset"] :].startswith(b"xxx")
    assert runs[1].source.offset == whole.index(good("b"))


def test_reject_hmac_identifies_its_line_in_the_file(
    desk: AgentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLFT_HMAC_KEY", "k1")
    lines = [b"\xef\xbb\xbf{broken", *(good("a") + b" " * 4_000_000 + end for end in (b"1", b"2"))]
    write(desk, b"\n".join(lines))
    assert read(desk, tmp_path / "out").rejects == 3
    found = pq.read_table(tmp_path / "out" / "rejects.parquet")["hmac"].to_pylist()
    assert found == [line_hmac(line, key=b"k1") for line in lines]


@pytest.mark.parametrize("format_", ["auto", "openai"])
def test_day_not_a_log_file_is_one_reject_with_its_fix(format_: str, tmp_path: Path) -> None:
    desk = agent(tmp_path, logs={"format": format_})
    (tmp_path / "logs").mkdir()
    pretty = json.dumps(json.loads(good("a")), indent=2).encode()
    write(desk, b'{"messages": [\n' + b"\n".join(good(str(number)) for number in range(3)))
    assert (summary := read(desk, tmp_path / "odd")).trajectories == 3
    assert summary.reasons == {"truncated_line": 1}
    write(desk, pretty, f"{DAY}-b.jsonl")
    summary = read(desk, tmp_path / "out")
    assert (summary.trajectories, summary.reasons) == (3, {"not_a_log": 1, "truncated_line": 1})
    rejects = pq.read_table(tmp_path / "out" / "rejects.parquet").to_pylist()
    (reject,) = [each for each in rejects if each["reason"] == "not_a_log"]
    assert (reject["file"], reject["line"], reject["hmac"]) == (
        f"{DAY}-b.jsonl",
        1,
        line_hmac(pretty, key=surrogate_key()),
    )
    assert "is one JSON document over many lines, but a log has one run or span a line" in reject["detail"]
    assert f"jq -c . {DAY}-b.jsonl" in reject["detail"]


def showing(id_: str, *images: bytes, url: str = "") -> bytes:
    blocks = [{"type": "image_url", "image_url": {"url": url or data_uri(image)}} for image in images]
    messages = [{"role": "user", "content": "hi"}, {"role": "tool", "tool_call_id": "c", "content": blocks}]
    return json.dumps({"id": id_, "messages": messages}).encode()


def test_day_images_are_stored_by_hash(desk: AgentSettings, tmp_path: Path) -> None:
    one, two, lost = chart(1, 2), chart(3, 4), chart(5, 6)
    lines = [showing("a", one, two, one), good("b"), showing("c", two), showing("a", lost), showing("d", lost, url="x")]
    write(desk, b"\n".join(lines))
    summary = read(desk, tmp_path / "out")
    assert (summary.trajectories, summary.rejects) == (3, 2)
    assert summary.reasons == {"repeated_id": 1, "image_not_in_log": 1}
    hashes = [hashlib.sha256(image).hexdigest() for image in (one, two)]
    runs = {run.trajectory_id: run for run in read_trajectories(tmp_path / "out" / "trajectories.parquet")}
    assert [part.image_sha256 for part in runs["a"].messages[1].content] == [*hashes, hashes[0]]
    files = {path.name: path for path in (tmp_path / "out" / "images").iterdir()}
    assert {name: path.read_bytes() for name, path in files.items()} == dict(zip(hashes, (one, two), strict=True))
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}


def test_read_day_without_images_has_no_folder_for_them(desk: AgentSettings, tmp_path: Path) -> None:
    write(desk, b"\n".join([good("a"), showing("b", chart(1), url="https://x.test")]))
    read(desk, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["rejects.parquet", "trajectories.parquet"]


def test_read_day_caps_on_images_are_the_agents_own(desk: AgentSettings, tmp_path: Path) -> None:
    large = chart(1, size=(60, 50))
    write(desk, b"\n".join([showing("few", chart(1, size=(50, 50))), showing("many", large)]))
    capped = desk.model_copy(update={"logs": desk.logs.model_copy(update={"max_image_pixels": 2_500})})
    assert read(capped, tmp_path / "pixels").reasons == {"image_too_large": 1}
    capped = desk.model_copy(update={"logs": desk.logs.model_copy(update={"max_image_bytes": 50})})
    assert read(capped, tmp_path / "bytes").reasons == {"image_too_large": 2}
    assert read(desk, tmp_path / "defaults").rejects == 0


def test_files_of_a_day_are_read_by_name(desk: AgentSettings, tmp_path: Path) -> None:
    write(desk, good("b"), f"{DAY}.part2.jsonl")
    write(desk, gzip.compress(good("a")), f"{DAY}.part1.jsonl.gz")
    write(desk, good("c"), "2026-10-02.jsonl")
    write(desk, b"not a log", f"{DAY}.sha256")
    summary = read(desk, tmp_path / "out")
    assert list(summary.formats) == [f"{DAY}.part1.jsonl.gz", f"{DAY}.part2.jsonl"]
    assert [run.trajectory_id for run in read_trajectories(tmp_path / "out" / "trajectories.parquet")] == ["a", "b"]


def test_read_day_without_logs_gives_empty_tables_and_says_so(desk: AgentSettings, tmp_path: Path) -> None:
    summary = read(desk, tmp_path / "out")
    assert (summary.formats, summary.lines) == ({}, 0)
    assert list(read_trajectories(tmp_path / "out" / "trajectories.parquet")) == []
    assert pq.read_table(tmp_path / "out" / "rejects.parquet").num_rows == 0


def test_read_day_same_logs_give_the_same_bytes(desk: AgentSettings, tmp_path: Path) -> None:
    write(desk, b"\n".join([good("a"), b"{broken"]))
    for out in ("one", "two"):
        read(desk, tmp_path / out)
    for name in ("trajectories.parquet", "rejects.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_read_day_raw_tables_are_readable_by_their_owner_alone(desk: AgentSettings, tmp_path: Path) -> None:
    write(desk, good("a"))
    read(desk, tmp_path / "out")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}
    assert modes == {0o600}


def test_read_day_reject_carries_a_keyed_digest_and_not_the_line(
    desk: AgentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLFT_HMAC_KEY", "k1")
    write(desk, b'{"password": "hunter2"')
    read(desk, tmp_path / "out")
    reject = pq.read_table(tmp_path / "out" / "rejects.parquet").to_pylist()[0]
    assert reject["hmac"] == line_hmac(b'{"password": "hunter2"', key=b"k1")
    assert "hunter2" not in str(reject)


def test_missing_log_folder_is_one_error_with_its_fix(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"logs: the log folder cannot be read \(No such file.*logs\.folder") as caught:
        read(agent(tmp_path), tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_one_error_with_its_fix(desk: AgentSettings, tmp_path: Path) -> None:
    write(desk, good("a"))
    (desk.folder / "logs" / f"{DAY}.jsonl").chmod(0)
    with pytest.raises(LogError, match="cannot be read"):
        read(desk, tmp_path / "out")


def test_folder_instead_of_a_file_is_one_error_with_its_fix(desk: AgentSettings, tmp_path: Path) -> None:
    (desk.folder / "logs" / f"{DAY}.jsonl").mkdir()
    with pytest.raises(LogError, match=r"2026-10-01\.jsonl: cannot be read"):
        read(desk, tmp_path / "out")


@pytest.mark.parametrize("day", ["../../etc", "2026-10", "*", ""])
def test_read_day_text_that_is_no_day_is_refused(desk: AgentSettings, tmp_path: Path, day: str) -> None:
    with pytest.raises(LogError, match="not a day"):
        read_agent_day(desk, day=day, out=tmp_path)


LINES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"", b" ", good("a"), good("b"), good("c")[:-3], b"[" * 400]),
        st.sampled_from("abc").map(good),
    ),
    max_size=12,
)


@given(lines=LINES, packed=st.booleans(), cut=st.integers(0, 40))
@settings(max_examples=150)
def test_read_day_any_bytes_add_up_to_trajectories_and_rejects(
    lines: list[bytes], packed: bool, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("agent")
    (folder / "logs").mkdir()
    data = b"\n".join(lines)
    desk = agent(folder, logs={"max_line_bytes": 100})
    write(desk, gzip.compress(data)[: -cut or None] if packed else data, f"{DAY}.jsonl" + ".gz" * packed)
    summary = read(desk, folder / "out")
    rows = len(list(read_trajectories(folder / "out" / "trajectories.parquet")))
    rejects = pq.read_table(folder / "out" / "rejects.parquet")
    assert summary.lines == rows + rejects.num_rows == summary.trajectories + summary.rejects
    if not_a_log(folder / "logs" / (f"{DAY}.jsonl" + ".gz" * packed)) is not None:
        assert (summary.lines, summary.reasons) == (1, {"not_a_log": 1})
    elif not packed:
        expected = data.split(b"\n")
        assert summary.lines + summary.blank_lines == len(expected) - (expected[-1] == b"")


def test_golden_runs_of_the_committed_agent_are_read(assistant_folder: Path) -> None:
    settings = load_agent(assistant_folder / "agent.yaml")
    runs = read_golden_runs(settings.logs, folder=settings.folder, agent=settings.name)
    assert runs
    assert all(run.golden and run.origin == "golden" for run in runs)


def test_broken_golden_run_names_file_line_and_fix(desk: AgentSettings) -> None:
    (desk.folder / "golden.jsonl").write_bytes(good("a") + b"\n\n{broken\n")
    named = agent(desk.folder, logs={"golden": "golden.jsonl"})
    with pytest.raises(LogError, match=r"golden\.jsonl:3: not a run: .*fix or remove the line"):
        read_golden_runs(named.logs, folder=named.folder, agent=named.name)


def test_files_of_a_day_may_differ_in_format(desk: AgentSettings, tmp_path: Path) -> None:
    for format_, row in LINE_SAMPLES.items():
        write(desk, json.dumps(row() | {"id": format_, "trajectory_id": format_}).encode(), f"{DAY}.{format_}.jsonl")
    summary = read(desk, tmp_path / "out")
    assert summary.formats == {f"{DAY}.{format_}.jsonl": format_ for format_ in sorted(LINE_SAMPLES)}
    runs = list(read_trajectories(tmp_path / "out" / "trajectories.parquet"))
    assert {run.trajectory_id: run.source.format for run in runs} == {format_: format_ for format_ in LINE_SAMPLES}
    assert summary.rejects == 0


def test_read_day_traces_of_every_span_format_add_up(desk: AgentSettings, tmp_path: Path) -> None:
    for format_, export in EXPORTS.items():
        write(desk, b"\n".join([*as_json_lines(export()), b"", b"{broken"]), f"{DAY}.{format_}.jsonl")
    summary = read(desk, tmp_path / "out")
    assert summary.formats == {f"{DAY}.{format_}.jsonl": format_ for format_ in sorted(EXPORTS)}
    assert (summary.runs, summary.trajectories, summary.rejects, summary.blank_lines) == (8, 4, 4, 4)
    assert summary.reasons == {"truncated_line": 4}
    assert summary.lines == sum(len(export()) for export in EXPORTS.values()) + 4
    assert (summary.lines_of_rejects, summary.spans) == (4, 6 + 6 + 6 + 7)


def test_bad_trace_is_one_reject_at_its_first_line(desk: AgentSettings, tmp_path: Path) -> None:
    rows = [row for row in EXPORTS["langsmith"]() if row["run_type"] != "llm"]
    write(desk, b"\n".join([b"", *as_json_lines(rows)]))
    summary = read(desk, tmp_path / "out")
    assert (summary.lines, summary.lines_of_rejects, summary.runs, summary.rejects) == (3, 3, 1, 1)
    reject = pq.read_table(tmp_path / "out" / "rejects.parquet").to_pylist()[0]
    assert (reject["line"], reject["reason"]) == (2, "no_model_call")


def test_read_day_format_that_the_agent_names_is_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    named = agent(tmp_path, logs={"format": "langchain"})
    write(named, json.dumps(LINE_SAMPLES["openai"]()).encode())
    assert read(named, tmp_path / "out").reasons == {"wrong_shape": 1}


@pytest.mark.parametrize("recent", [1, 7, 1 << 16])
def test_seen_ids_agree_with_a_set_of_the_ids(recent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_module, "_RECENT", recent)
    draw = random.Random(recent)
    ids = [f"run-{draw.randrange(300)}" for _ in range(1000)] + ["", "\ud800", "run-1\0"]
    seen, plain = SeenIds(), set[str]()
    for id_ in ids:
        assert seen.add(id_) is (id_ not in plain)
        plain.add(id_)
