from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolft_pipeline.ingest.file_kind import not_a_log
from toolft_pipeline_tests.ingest.samples import LINE_SAMPLES
from toolft_pipeline_tests.ingest.span_exports import EXPORTS

RUN = {"id": "a", "messages": [{"role": "user", "content": "é" * 30}] * 3}
LINES = (json.dumps(RUN) + "\n").encode() * 3


def written(folder: Path, data: bytes, name: str = "day.jsonl") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            lzma.compress(LINES),
            "compressed with xz, but a log has one run or span a line, in UTF-8; convert it: `xz -dc day.jsonl",
        ),
        (bz2.compress(LINES), "bzip2 -dc"),
        (gzip.compress(LINES), ".jsonl.gz"),
        (pa.compress(LINES, codec="zstd", asbytes=True), ".jsonl.zst"),
        *((LINES.decode().encode(name), "UTF-16") for name in ("utf-16", "utf-16-le", "utf-16-be")),
        (LINES.decode().encode("utf-32"), "UTF-32"),
    ],
)
def test_compressed_or_recoded_file_is_named_with_its_fix(data: bytes, said: str, tmp_path: Path) -> None:
    assert said in (not_a_log(written(tmp_path, data)) or "")


def test_tables_and_archives_are_not_logs(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.jsonl")
    with zipfile.ZipFile(tmp_path / "b.jsonl", "w") as archive:
        archive.writestr("day.jsonl", LINES)
    assert "parquet" in (not_a_log(tmp_path / "a.jsonl") or "")
    assert "`unzip -p b.jsonl > b.lines.jsonl`" in (not_a_log(tmp_path / "b.jsonl") or "")


@pytest.mark.parametrize("runs", [1, 3, 20_000])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_multiline_json_of_any_length_is_not_a_log(runs: int, ending: str, tmp_path: Path) -> None:
    array, objects = json.dumps([RUN] * runs, indent=1), "\n".join([json.dumps(RUN, indent=1)] * runs)
    advice = []
    for text in (array, objects):
        data = b"\xef\xbb\xbf\n" + text.encode()
        advice.append(not_a_log(written(tmp_path, gzip.compress(data, 1) if ending else data, f"day.jsonl{ending}")))
    assert "a JSON array of runs" in (advice[0] or "")
    assert "jq -c '.[]'" in (advice[0] or "")
    assert "one JSON document over many lines" in (advice[1] or "")
    assert ("gzip -dc day.jsonl.gz | jq -c ." in (advice[1] or "")) is (ending == ".gz")


@pytest.mark.parametrize("runs", [2, 20_000])
@pytest.mark.parametrize("format_", [*EXPORTS, *LINE_SAMPLES])
def test_one_line_array_of_runs_is_not_a_log(format_: str, runs: int, tmp_path: Path) -> None:
    row = EXPORTS[format_]()[0] if format_ in EXPORTS else LINE_SAMPLES[format_]()
    path = written(tmp_path, json.dumps([row] * (1 + runs * 400 // len(json.dumps(row)))).encode())
    assert "a JSON array of runs" in (not_a_log(path) or "")
    if isinstance(row, dict) and "messages" in row:
        assert not_a_log(written(tmp_path, json.dumps(row["messages"]).encode())) is None


LONG = json.dumps({"id": "b", "text": "x" * 3_000_000})


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["hello"],
        ["{broken", "hello"],
        ['{"id":', json.dumps(RUN)],
        ['{"id":', LONG, LONG],
        ['{"messages": [', *[json.dumps(RUN)] * 20_000],
        ["[", json.dumps(RUN), json.dumps(RUN)],
        [json.dumps([RUN, RUN]), json.dumps(RUN)],
        [json.dumps(RUN, indent=1), json.dumps(RUN)],
        ["[" * 100_000, json.dumps(RUN)],
        ["[" * 3_000_000],
        [LONG, "{"],
        ["BZh is no packer", json.dumps(RUN)],
        ["\x00", json.dumps(RUN)],
    ],
)
def test_log_with_an_odd_line_is_a_log(lines: list[str], tmp_path: Path) -> None:
    assert not_a_log(written(tmp_path, "\n".join([*lines, ""]).encode())) is None


def test_broken_archive_counts_as_a_log(tmp_path: Path) -> None:
    assert not_a_log(written(tmp_path, gzip.compress(LINES)[:-12], "day.jsonl.gz")) is None
    assert not_a_log(written(tmp_path, b"no archive", "day.jsonl.zst")) is None
