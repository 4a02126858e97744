"""Reading BFCL's files: the right ones, all of them, and an error that names the fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.bfcl.questions import (
    BfclError,
    QuestionSet,
    json_schema,
    load_questions,
    question_files,
)

NESTED = {
    "type": "dict",
    "properties": {
        "where": {"type": "dict", "properties": {"at": {"type": "tuple", "items": {"type": "float"}}}},
        "what": {"type": "any"},
    },
    "required": ["where"],
}


def write_sets(folder: Path, *, count: int = 5) -> Path:
    """All four sets, and files of other sets whose names end alike."""
    (folder / "possible_answer").mkdir(parents=True)
    for of in (*QuestionSet, "live_multiple", "parallel_multiple"):
        ids = [f"{of}_{number}" for number in range(count)]
        functions = [{"name": f"{of}.do", "description": "Does it.", "parameters": NESTED}]
        asked = [
            {"id": id_, "question": [[{"role": "user", "content": f"do {id_}"}]], "function": functions} for id_ in ids
        ]
        answers = [
            {"id": id_, "ground_truth": [{f"{of}.do": {"where": [{"at": [[1.5]]}], "what": [""]}}]} for id_ in ids
        ]
        _write(folder / f"BFCL_v4_{of}.json", asked)
        if of != QuestionSet.IRRELEVANCE:
            _write(folder / "possible_answer" / f"BFCL_v4_{of}.json", answers)
    return folder


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text(
        "\n".join(map(json.dumps, rows)), encoding="utf-8"
    )  # without an end of the last line, as BFCL's are


@pytest.mark.parametrize("of", QuestionSet)
def test_load_questions_reads_the_sets_own_files_and_no_other(tmp_path: Path, of: QuestionSet) -> None:
    found = load_questions(write_sets(tmp_path), of=of)
    assert sorted(each.id for each in found) == [f"{of}_{number}" for number in range(5)]
    assert all(len(each.expected) == (of is not QuestionSet.IRRELEVANCE) for each in found)


def test_load_questions_a_larger_draw_holds_the_smaller(tmp_path: Path) -> None:
    folder = write_sets(tmp_path, count=9)
    draws = [{each.id for each in load_questions(folder, of=QuestionSet.MULTIPLE, at_most=n)} for n in (2, 5, 9)]
    assert [len(draw) for draw in draws] == [2, 5, 9]
    assert draws[0] < draws[1] < draws[2]


def test_load_questions_from_an_empty_folder_says_where_the_files_are(tmp_path: Path) -> None:
    with pytest.raises(BfclError, match=r"no BFCL_v4_multiple\.json; set evaluation\.bfcl to the folder"):
        load_questions(tmp_path, of=QuestionSet.MULTIPLE)


def test_load_questions_without_the_answers_of_one_names_it(tmp_path: Path) -> None:
    folder = write_sets(tmp_path)
    _write(folder / "possible_answer" / "BFCL_v4_parallel.json", [])
    with pytest.raises(BfclError, match=r"parallel_\d has no possible answer"):
        load_questions(folder, of=QuestionSet.PARALLEL)


def test_load_questions_of_a_torn_line_names_file_and_line(tmp_path: Path) -> None:
    folder = write_sets(tmp_path)
    with (folder / "BFCL_v4_irrelevance.json").open("a") as file:
        file.write('\n{"id": "x"')
    with pytest.raises(BfclError, match=r"BFCL_v4_irrelevance\.json:6: not a BFCL question"):
        load_questions(folder, of=QuestionSet.IRRELEVANCE)


def test_question_files_are_those_that_are_read(tmp_path: Path) -> None:
    names = [path.relative_to(tmp_path).as_posix() for path in question_files(write_sets(tmp_path))]
    assert len(names) == 7
    assert not [name for name in names if "live" in name or "parallel_multiple" in name]


def test_catalog_of_a_question_is_json_schema_that_validates(tmp_path: Path) -> None:
    (asked, *_) = load_questions(write_sets(tmp_path), of=QuestionSet.SIMPLE_PYTHON)
    validator = CatalogValidator(asked.catalog)
    assert validator.check("simple_python.do", '{"where": {"at": [1.5]}, "what": "x"}') is None
    assert validator.check("simple_python.do", '{"where": {"at": ["x"]}}') is not None
    assert json_schema(NESTED)["properties"]["where"]["properties"]["at"] == {
        "type": "array",
        "items": {"type": "number"},
    }
