"""Broken trace files and any JSON: every line becomes part of a run or of a rejection."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.ingest.file_kind import not_a_log
from toolft_pipeline.ingest.formats import SPAN_FORMATS
from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.table import from_batch, to_batch
from toolft_pipeline_tests.ingest.span_conversation import as_json_lines
from toolft_pipeline_tests.ingest.span_runs import ALL, found

_PIECES = [b"null", b"[]", b"{}", b'""', b"-1", b"1e999", b"[[[[[[", b'{"a":', b"\xff", b"true", b'"\\ud800"', b"\n"]


EXPORTED = {export: b"\n".join(as_json_lines(rows())) for export, (_, rows) in ALL.items()}


@pytest.mark.parametrize("export", ALL)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_bytes_add_up_to_runs_and_rejections(
    export: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A real file, cut, spliced and overwritten: `runs` itself compares the lines and spans read with those given."""
    content = bytearray(EXPORTED[export])
    for _ in range(data.draw(st.integers(0, 5))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8) | st.sampled_from(_PIECES))
    path = tmp_path_factory.mktemp("fuzz") / "f.jsonl"
    path.write_bytes(content)
    settings = LogSettings(format=ALL[export][0])
    runs = list(Logs([path], agent="desk", key=b"key", settings=settings).runs())
    blank = sum(one.run is None for one in runs)
    lines = bytes(content).split(b"\n")
    expected = len(lines) - (lines[-1] == b"") if not_a_log(path) is None else 1
    assert sum(one.lines for one in runs if one.run is not None) + blank == expected
    for one in runs:
        if isinstance(one.run, Trajectory):
            assert from_batch(to_batch([one.run])) == [one.run]


KEYS = sorted(
    {
        *("id", "trace_id", "run_type", "inputs", "outputs", "messages", "generations", "extra", "resourceSpans"),
        *("scopeSpans", "spans", "traceId", "spanId", "attributes", "key", "value", "stringValue", "info", "data"),
        *("type", "input", "output", "observations", "role", "content", "tool_calls", "parts", "metadata"),
    }
)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["llm", "GENERATION", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)


@pytest.mark.parametrize("format_", SPAN_FORMATS)
@given(rows=st.lists(JSON, max_size=4))
@settings(deadline=None)
def test_any_json_adds_up_to_runs_and_rejections(
    format_: str, rows: list[object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = [json.dumps(row).encode() for row in rows]
    runs = found(tmp_path_factory.mktemp("fuzz"), list(lines), format_=format_)
    assert sum(one.lines for one in runs) == len(rows)
