"""Tiles stand beside the best model that has the figure; tools that the candidate gets wrong are listed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from toolft_pipeline.evaluation.report.reference import lost_tools, subject, tiles
from toolft_pipeline.evaluation.scoring.intervals import wilson
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline_tests.evaluation.figures import figures
from toolft_pipeline_tests.evaluation.report.test_logged_model import column

MODELS = {"candidate": figures(80), "base": figures(4), "in_service": figures(75)}


def _notes(models: dict[str, ModelMetrics], **others: Any) -> dict[str, str]:
    return {tile.label: tile.note for tile in tiles(models, saved=0, **others)}


def test_tiles_stand_beside_the_model_in_service_if_there_is_one() -> None:
    assert _notes(MODELS, logged=column())["task success"] == "in service 75.0%"


def test_tiles_stand_beside_the_incumbent_then_the_base_and_say_which() -> None:
    without = {name: MODELS[name] for name in ("candidate", "base")}
    notes = _notes(without, logged=column())
    assert notes["task success"] == "incumbent (logs) 75.0%"
    assert notes["right tool"].startswith("base ")  # the logs cannot say which tool was right
    assert _notes(without, logged=None)["task success"] == "base 4.0%"
    assert _notes({"candidate": MODELS["candidate"]}, logged=None)["task success"] == "nothing to compare with"


def test_tiles_do_not_stand_beside_the_candidate_behind_a_net() -> None:
    models = {"candidate": MODELS["candidate"], "candidate+constrained": figures(90), "base": MODELS["base"]}
    assert _notes(models, logged=None)["task success"] == "base 4.0%"


def test_tiles_of_speed_and_cost_show_the_incumbent_too() -> None:
    timed = {name: replace(model, latency_ms_single_p50=25.0) for name, model in MODELS.items()}
    notes = _notes(timed, logged=column())
    assert notes["latency of a single request p50, ms"] == "in service 25, incumbent (logs) 300"
    assert notes["cost of 1,000 tasks"] == "incumbent (logs) 1.50; ours needs evaluation.machine_hour_price"
    dear = {"candidate": replace(MODELS["candidate"], cost_per_1k_tasks=0.12)}
    (cost,) = [tile for tile in tiles(dear, logged=column(), saved=0) if tile.label == "cost of 1,000 tasks"]
    assert (cost.value, cost.note) == ("0.12", "incumbent (logs) 1.50")


def test_page_is_about_the_candidate_wherever_it_stands() -> None:
    assert subject({"base": MODELS["base"], "candidate": MODELS["candidate"]}) == "candidate"
    assert subject({"base": MODELS["base"]}) == "base"


def test_lost_tools_are_those_with_the_most_wrong_turns() -> None:
    def slices(**right: tuple[int, int]) -> dict[str, Any]:
        return {
            name: {"n_steps": n, "n_tasks": 0, "exact_match": wilson(good, n), "right_tool": wilson(n, n)}
            for name, (good, n) in right.items()
        }

    ours = replace(figures(80), by_tool=slices(search=(1, 9), send=(4, 6), pay=(3, 3)))
    theirs = replace(figures(80), by_tool=slices(search=(9, 9)))
    found = lost_tools({"base": figures(1), "candidate": ours, "in_service": theirs})
    assert [(tool.name, tool.failed, tool.n_steps) for tool in found] == [("search", 8, 9), ("send", 2, 6)]
    assert [None if tool.reference is None else tool.reference.value for tool in found] == [1.0, None]


def test_lost_tools_of_turns_without_calls_go_by_the_right_tool() -> None:
    part: Any = {"n_steps": 4, "n_tasks": 0, "exact_match": None, "right_tool": wilson(1, 4)}
    (tool,) = lost_tools({"candidate": replace(figures(80), by_tool={"(answers)": part})})
    assert (tool.name, tool.failed) == ("(answers)", 3)
