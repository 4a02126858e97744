"""What `toolft lint` says of every shape of log that people report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolft_pipeline.cli.main import run
from toolft_pipeline_tests.log_shapes import SHAPES


@pytest.mark.parametrize("name", SHAPES)
def test_lint_says_of_each_shape_what_a_person_needs(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shape = SHAPES[name]
    path, catalog = tmp_path / "runs.jsonl", tmp_path / "catalog.json"
    path.write_bytes(shape.data)
    catalog.write_text(json.dumps(shape.catalog))
    settings = [argument for setting in shape.settings for argument in ("--set", setting)]
    run(["lint", str(path), "--catalog", str(catalog), *settings])
    printed = capsys.readouterr()
    said = printed.out + printed.err
    runs = sum(1 for line in shape.data.splitlines() if line.strip())
    assert f"{runs} run{'' if runs == 1 else 's'}, {shape.kept} would be kept" in said, said
    for words in shape.said:
        assert words in said, said
    for words in shape.not_said:
        assert words not in said, said


def test_lint_names_the_shape_of_a_catalog_that_it_does_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs.jsonl").write_bytes(SHAPES["outcome not logged"].data)
    (tmp_path / "catalog.json").write_text('[{"functionDeclarations": [{"name": "get_weather"}]}]')
    assert run(["lint", str(tmp_path / "runs.jsonl"), "--catalog", str(tmp_path / "catalog.json")]) == 1
    assert "is in Gemini's shape (functionDeclarations)" in capsys.readouterr().err
