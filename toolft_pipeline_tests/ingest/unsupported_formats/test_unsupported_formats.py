"""Unsupported formats are named, and supported ones are not affected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.ingest.unsupported_formats import UNSUPPORTED_FORMATS, recognize
from toolft_pipeline.settings import LogSettings
from toolft_pipeline_tests.ingest.samples import LINE_SAMPLES
from toolft_pipeline_tests.ingest.test_readers import JSON
from toolft_pipeline_tests.ingest.unsupported_formats.examples import EXAMPLES

LINES = [
    (name, line if isinstance(line, bytes) else json.dumps(line).encode())
    for name, lines in EXAMPLES.items()
    for line in lines
]


@pytest.mark.parametrize(("name", "line"), LINES)
def test_unsupported_format_is_named_with_its_fix(name: str, line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(line)
    (found,) = Logs([path], agent="desk", key=b"key", settings=LogSettings()).runs()
    assert isinstance(found.run, Rejection)
    assert found.run.reason is RejectReason.UNREAD_FORMAT
    assert name in found.run.detail
    assert "; " in found.run.detail


def test_every_unsupported_format_has_an_example() -> None:
    unseen = {one.name for one in UNSUPPORTED_FORMATS} - {one.name for _, line in LINES if (one := recognize(line))}
    assert not unseen


@pytest.mark.parametrize("format_", LINE_SAMPLES)
def test_supported_format_is_not_called_unsupported(format_: str) -> None:
    assert recognize(json.dumps(LINE_SAMPLES[format_]()).encode()) is None


@given(row=JSON)
def test_recognize_any_json_raises_nothing(row: object) -> None:
    recognize(json.dumps(row).encode())


@given(line=st.binary())
def test_recognize_any_bytes_raises_nothing(line: bytes) -> None:
    recognize(line)
