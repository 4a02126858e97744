"""The registry of formats: detection, and a test that names what a format lacks."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from toolft_pipeline.ingest import lines, spans
from toolft_pipeline.ingest.formats import FORMATS, LINE_FORMATS, SPAN_FORMATS
from toolft_pipeline.ingest.log_file import LogError, LogFile, detect_format
from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.ingest.parsing.log_format import LineFormat
from toolft_pipeline.ingest.spans.otel_genai import OTEL
from toolft_pipeline.ingest.spans.span import KEEP_ALL_CALLS, SpanFormat
from toolft_pipeline.ingest.spans.span_attributes import AttributeConvention
from toolft_pipeline.ingest.spans.span_conventions import CONVENTIONS
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.ingest.samples import CONVENTION_SAMPLES, LINE_SAMPLES, SPAN_SAMPLES, langchain_row
from toolft_pipeline_tests.ingest.span_conversation import as_json_lines

DOCS = REPOSITORY / "docs" / "log_formats.md"
PLAIN = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}


def detected(tmp_path: Path, *lines: object) -> str | None:
    path = tmp_path / "2026-10-01.jsonl"
    written = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path.write_bytes(b"\n".join(written))
    return detect_format(path, max_line_bytes=100_000, key=b"key")


def sample(name: str) -> list[dict[str, Any]]:
    if name in LINE_SAMPLES:
        return [LINE_SAMPLES[name]()]
    assert name in SPAN_SAMPLES, f"format {name}: add a sample to toolft_pipeline_tests/ingest/samples.py"
    return SPAN_SAMPLES[name]()


@pytest.mark.parametrize("name", FORMATS)
def test_registered_format_has_sample_and_reader(name: str, tmp_path: Path) -> None:
    path = tmp_path / "2026-10-01.jsonl"
    path.write_bytes(b"\n".join(as_json_lines(sample(name))))
    runs = [entry.run for entry in Logs([path], agent="desk", key=b"key", settings=LogSettings(format=name)).runs()]
    assert [type(run) for run in runs] == [Trajectory], f"format {name}: its reader does not read its sample: {runs}"


@pytest.mark.parametrize("name", FORMATS)
def test_registered_format_alone_recognizes_its_sample(name: str) -> None:
    for row in sample(name):
        recognizing = [other for other, format_ in FORMATS.items() if format_.recognizes(row)]
        assert name in recognizing, f"format {name}: `recognizes` must accept every line of its sample"
        assert recognizing[0] == name, f"format {name}: {recognizing[0]} recognizes its lines; register it earlier"


@pytest.mark.parametrize("part", [*FORMATS.values(), *CONVENTIONS], ids=lambda part: part.name)
def test_registered_format_has_a_row_in_the_docs(part: Any) -> None:
    row = f"| `{part.name}` | {part.description} |"
    assert row in DOCS.read_text(encoding="utf-8").splitlines(), f"add to {DOCS.name}: {row}"


def test_every_declared_format_is_registered() -> None:
    known = [*FORMATS.values(), *CONVENTIONS]
    declared = list(_declared(lines, spans))
    assert len(declared) >= len(known), "the search finds no declarations"
    missing = [f"{module}: {part.name}" for module, part in declared if not any(part is one for one in known)]
    assert not missing, "add it to _REGISTERED in ingest/formats.py, or to CONVENTIONS in ingest/spans/"


def _declared(*packages: ModuleType) -> Iterator[tuple[str, Any]]:
    """Every format and convention that a module of the packages holds, with the module that declares it."""
    for package in packages:
        for found in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{found.name}")
            for part in vars(module).values():
                if isinstance(part, LineFormat | SpanFormat | AttributeConvention):
                    yield found.name, part


def test_docs_and_samples_have_no_unknown_format() -> None:
    known = {*FORMATS, *(one.name for one in CONVENTIONS)}
    rows = [line.split("`")[1] for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert not {*rows, *LINE_SAMPLES, *SPAN_SAMPLES, *CONVENTION_SAMPLES} - {*known}


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda convention: convention.name)
def test_attribute_convention_reads_its_sample(convention: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = convention.name
    assert name in CONVENTION_SAMPLES, f"convention {name}: add a sample to toolft_pipeline_tests/ingest/samples.py"
    monkeypatch.setattr("toolft_pipeline.ingest.spans.span_conventions.CONVENTIONS", (convention,))
    pieces = [piece for row in CONVENTION_SAMPLES[name]() for piece in OTEL.split(json.dumps(row).encode())]
    spans = [OTEL.read(piece.data, side_calls=KEEP_ALL_CALLS) for piece in pieces]
    assert any(span.model_call is not None and span.model_call.answer for span in spans)
    assert any(span.tool is not None and span.tool.result for span in spans)


@pytest.mark.parametrize("name", LINE_FORMATS)
def test_line_format_is_detected_after_ambiguous_lines(name: str, tmp_path: Path) -> None:
    assert detected(tmp_path, b"", b"not json", b"\xff\xfe", PLAIN, b"[" * 90, 7, *sample(name)) == name


@pytest.mark.parametrize("name", SPAN_FORMATS)
def test_span_format_is_detected_by_any_line(name: str, tmp_path: Path) -> None:
    for row in sample(name):
        assert detected(tmp_path, PLAIN, row) == name


def test_bare_list_of_langchain_messages_is_detected(tmp_path: Path) -> None:
    assert detected(tmp_path, langchain_row()["messages"]) == "langchain"


@pytest.mark.parametrize("lines", [(), (PLAIN,), (b"{",), ({"messages": 3},), ({"messages": [3, None]},), (None,)])
def test_ambiguous_file_is_read_as_openai(lines: tuple[object, ...], tmp_path: Path) -> None:
    assert detected(tmp_path, *lines) is None
    file = LogFile(tmp_path / "2026-10-01.jsonl", format_="auto", max_line_bytes=100_000, key=b"key")
    assert (file.format, file.format_detected) == ("openai", False)


def test_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"no log format named 'opnai'; set logs\.format to auto or one of otel, "):
        LogFile(tmp_path / "2026-10-01.jsonl", format_="opnai", max_line_bytes=100_000, key=b"key")
