from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from toolft_pipeline.curation.oversampling import repeats_of, weight_of
from toolft_pipeline.settings import CategoryName, CurationSettings
from toolft_pipeline.trajectories.category import Category

ROWS = {"common": 100, "rare": 5}


def weight(category: Category, *tools: str, **curation: Any) -> float:
    return weight_of(category, tools, rows_by_tool=ROWS, curation=CurationSettings(**curation))


def test_settings_name_the_categories_that_there_are() -> None:
    assert set(get_args(CategoryName)) == {category.value for category in Category}
    with pytest.raises(ValidationError, match=r"weights.singel_call"):
        CurationSettings(weights={"singel_call": 2})  # type: ignore[dict-item]


def test_weight_is_one_by_default() -> None:
    assert weight(Category.MULTI_STEP, "common", "rare") == 1


@pytest.mark.parametrize(
    ("category", "tools", "curation", "expected"),
    [
        (Category.ERROR_THEN_RETRY, ("common",), {"weights": {"error_then_retry": 3}}, 3),
        (Category.SINGLE_CALL, ("common",), {"weights": {"error_then_retry": 3}}, 1),
        (Category.SINGLE_CALL, ("common", "rare"), {"repeat_tools_to": 12}, 3),
        (Category.SINGLE_CALL, ("common",), {"repeat_tools_to": 12}, 1),
        (Category.SINGLE_CALL, ("rare",), {"repeat_tools_to": 1000, "max_weight": 6}, 6),
        (Category.SINGLE_CALL, ("rare",), {"repeat_tools_to": 10, "weights": {"single_call": 3}}, 3),
        (Category.NO_TOOL, (), {"repeat_tools_to": 12}, 1),
    ],
)
def test_weight_is_the_larger_of_category_and_rarest_tool(
    category: Category, tools: tuple[str, ...], curation: dict[str, Any], expected: int
) -> None:
    assert weight(category, *tools, **curation) == expected


def test_fraction_of_a_weight_repeats_that_share_of_the_runs_once_more() -> None:
    runs = [f"run-{number}" for number in range(4000)]
    repeats = [repeats_of(run, weight=2.25, seed=0) for run in runs]
    assert set(repeats) == {2, 3}
    assert sum(repeats) / len(runs) == pytest.approx(2.25, abs=0.03)
    assert repeats == [repeats_of(run, weight=2.25, seed=0) for run in runs]
    assert repeats != [repeats_of(run, weight=2.25, seed=1) for run in runs]
    assert all(repeats_of(run, weight=2.5, seed=0) >= few for run, few in zip(runs, repeats, strict=True))
    assert {repeats_of(run, weight=3, seed=0) for run in runs} == {3}
