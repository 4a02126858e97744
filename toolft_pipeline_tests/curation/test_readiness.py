"""The readiness report: every figure recounted by hand, and a verdict that each criterion can turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from toolft_pipeline.catalog.sources import catalog_from_file
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.curation.readiness import Readiness, count_tokens, measure
from toolft_pipeline.curation.readiness_page import render_readiness
from toolft_pipeline.settings import IncumbentSettings, ReadinessSettings
from toolft_pipeline.trajectories.record import Trajectory, Usage
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.conversations import calls, result, says, trajectory, user

CATALOG = catalog_from_file(REPOSITORY / "data" / "assistant" / "catalog.json")
LENIENT = ReadinessSettings(min_runs=1, min_runs_per_tool=1)
PRICES = IncumbentSettings(price_per_million_prompt_tokens=2.0, price_per_million_completion_tokens=10.0)


def run(id_: str, tool: str, **usage: Any) -> Trajectory:
    made = trajectory(user("hi"), calls(("a", tool, {})), result("a", tool, "{}"), says("done"))
    return msgspec.structs.replace(made, trajectory_id=id_, tools_digest="sha256:one", usage=Usage(**usage))


LOGGED = [
    run("1", "search", prompt_tokens=1000, completion_tokens=10, latency_ms=100.0, parse_failures=0),
    run("2", "search", prompt_tokens=3000, completion_tokens=30, latency_ms=300.0, parse_failures=2),
    run("3", "calculate", prompt_tokens=2000, completion_tokens=20, latency_ms=200.0, parse_failures=0),
    run("4", "forgotten"),
]


def report(
    *,
    logged: list[Trajectory] = LOGGED,
    accepted: list[Trajectory] = LOGGED[:3],
    faults: dict[str, int] | None = None,
    catalog: Catalog = CATALOG,
    catalog_tokens: int = 500,
    wanted: ReadinessSettings = LENIENT,
) -> Readiness:
    return measure(
        day="2026-10-02",
        days=2,
        logged=logged,
        accepted=accepted,
        faults={"catalog/unknown_tool": 1} if faults is None else faults,
        catalog=catalog,
        catalog_tokens=catalog_tokens,
        incumbent=PRICES,
        wanted=wanted,
    )


def test_readiness_figures_are_those_of_the_logs() -> None:
    found = report()
    incumbent, surface, behaviour = found.incumbent, found.surface, found.behaviour
    assert (incumbent.runs, incumbent.turns_per_run) == (4, 2.0)
    assert (incumbent.prompt_tokens_per_run, incumbent.completion_tokens_per_run) == (2000, 20)
    assert (incumbent.latency_ms_p50, incumbent.latency_ms_p95) == (200.0, 300.0)
    assert incumbent.runs_with_parse_failures == pytest.approx(1 / 3)  # run 4 says nothing of them
    assert incumbent.runs_with_bad_calls == 0.25
    assert incumbent.cost_per_1k_runs == pytest.approx(1000 * (2000 * 2 + 20 * 10) / 1e6)
    assert found.saving_per_1k_runs == pytest.approx(1000 * 500 * 2 * 2 / 1e6)
    assert (surface.tools, surface.catalogs_offered, surface.runs_that_fit_today) == (3, 1, 0.75)
    assert surface.thin_tools == {"send_email": 0}
    assert (behaviour.accepted, behaviour.accepted_share, behaviour.kinds) == (3, 0.75, 2)
    assert behaviour.repeated_share == pytest.approx(2 / 3)
    assert behaviour.rows_by_tool == {"calculate": 1, "search": 2}


def failed(found: Readiness) -> list[str]:
    assert found.fine_tune is not any(not criterion.holds for criterion in found.criteria)
    return [criterion.name for criterion in found.criteria if not criterion.holds]


READY = ReadinessSettings(min_runs=3, min_repeated=0.6, min_fit=0.7, min_accepted=0.7)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"faults": {"catalog/unknown_tool": 2}}, ["fixed tool surface"]),
        ({"wanted": READY.model_copy(update={"min_runs": 4})}, ["repetitive behaviour"]),
        ({"wanted": READY.model_copy(update={"min_repeated": 0.7})}, ["repetitive behaviour"]),
        ({"logged": LOGGED * 2, "faults": {}}, ["verifiable behaviour"]),
        ({"logged": [run(str(n), "search", prompt_tokens=900) for n in range(4)], "faults": {}}, []),
        (
            {"logged": [run(str(n), "search", prompt_tokens=9000) for n in range(4)], "faults": {}},
            ["something to gain"],
        ),
    ],
)
def test_readiness_verdict_turns_on_each_criterion(changed: dict[str, Any], expected: list[str]) -> None:
    assert failed(report(**{"wanted": READY, **changed})) == expected


def test_readiness_of_no_logs_is_keep_prompting_and_no_error() -> None:
    found = report(logged=[], accepted=[], faults={})
    assert not found.fine_tune
    assert found.incumbent.prompt_tokens_per_run is None
    assert "Keep prompting" in render_readiness(found, agent="desk")


def test_readiness_page_escapes_what_a_log_says_and_needs_no_network() -> None:
    hostile = "<script>alert(1)</script>"
    page = render_readiness(report(accepted=[run("1", hostile), run("2", hostile)]), agent="desk")
    assert hostile not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "runs logged" in page


def test_readiness_catalog_tokens_are_the_tokenizers_own(gemma_tokenizer_folder: Path) -> None:
    from transformers import AutoTokenizer

    compact = json.dumps(json.loads(CATALOG.text), separators=(",", ":"), ensure_ascii=False)
    expected = len(AutoTokenizer.from_pretrained(gemma_tokenizer_folder)(compact, add_special_tokens=False).input_ids)
    assert count_tokens(CATALOG, gemma_tokenizer_folder) == expected
