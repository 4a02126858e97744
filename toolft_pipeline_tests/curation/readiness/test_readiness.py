"""The readiness report: every figure recounted by hand, and a verdict that each criterion can turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.curation.readiness.accepted_runs import read_accepted_runs
from toolft_pipeline.curation.readiness.criteria import ReadinessVerdict
from toolft_pipeline.curation.readiness.logged_day import count_day, read_day, write_day
from toolft_pipeline.curation.readiness.production_stats import Share
from toolft_pipeline.curation.readiness.readiness_page import render_readiness
from toolft_pipeline.curation.run_signatures import write_signatures
from toolft_pipeline.settings import IncumbentSettings, ReadinessSettings
from toolft_pipeline.trajectories.record import Origin
from toolft_pipeline_tests.conversations import accepted, calls, result, says, trajectory, user
from toolft_pipeline_tests.curation.readiness.readiness_runs import (
    CATALOG,
    LOGGED,
    SOUND,
    accepted_runs,
    golden,
    report,
    run,
    valid,
)


def test_readiness_figures_are_those_of_the_logs() -> None:
    found = report()
    incumbent, surface, behaviour, saving = found.incumbent, found.surface, found.behaviour, found.saving
    assert (found.days, incumbent.runs, incumbent.turns_per_run) == (2, 4, 2.0)
    assert (incumbent.prompt_tokens_per_run, incumbent.completion_tokens_per_run) == (2000, 20)
    assert incumbent.prompt_tokens_per_turn == 6000 / 6  # run 4 says nothing of them, and adds no turns
    assert (incumbent.latency_ms_p50, incumbent.latency_ms_p95) == (200.0, 300.0)
    assert incumbent.runs_with_parse_failures == Share(n=1, of=3)
    assert incumbent.runs_with_bad_calls == Share(n=4, of=4)  # every call here lacks its arguments
    assert incumbent.runs_that_fit == Share(n=3, of=4)
    assert incumbent.cost_per_1k_runs == pytest.approx(1000 * (2000 * 2 + 20 * 10) / 1e6)
    assert (saving.tokens_per_turn, saving.share_of_prompt, saving.tokens_per_1k_runs) == (500, 0.5, 1_000_000)
    assert saving.money_per_1k_runs == pytest.approx(1000 * 500 * 2 * 2 / 1e6)
    assert (surface.tools, surface.churn.catalogs, surface.churn.tools_gone) == (3, 1, 1)
    assert surface.thin_tools == {"send_email": 0}
    assert (behaviour.accepted, behaviour.accepted_share, behaviour.kinds) == (3, 0.75, 2)
    assert behaviour.repeated_share == pytest.approx(2 / 3)
    assert behaviour.rows_by_tool == {"calculate": 1, "search": 2}
    assert {name for name, rows in behaviour.rows_by_category.items() if rows} == {"single_call"}
    assert len(behaviour.rows_by_category) == 6


READY = ReadinessSettings(min_runs=3, min_repeated=0.6, min_fit=0.7, min_accepted=0.7, min_runs_per_tool=1)


SURFACE, BEHAVIOUR, FORMAT = "fixed tool surface", "repetitive verifiable behaviour", "format reliability"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"logged": [*SOUND[:6], *(valid(str(n), "forgotten") for n in range(4))]}, [SURFACE]),
        ({"wanted": READY.model_copy(update={"min_runs": 11})}, [BEHAVIOUR]),
        ({"accepted": [*SOUND[:4], *LOGGED[2:]], "judged": 6}, [BEHAVIOUR]),  # a third of the kinds stands alone
        ({"judged": 20}, [BEHAVIOUR]),
        ({"catalog_tokens": 50}, [FORMAT]),
        ({"catalog_tokens": 50, "logged": [valid("1", prompt_tokens=900, parse_failures=1), *SOUND]}, []),
        ({"catalog_tokens": 50, "logged": [*SOUND, LOGGED[0]]}, []),
    ],
)
def test_readiness_verdict_turns_on_each_criterion(changed: dict[str, Any], expected: list[str]) -> None:
    given = {"logged": SOUND, "accepted": SOUND, "judged": 10, "wanted": READY.model_copy(update={"min_repeated": 0.7})}
    found = report(**{**given, **changed})
    assert [criterion.name for criterion in found.criteria if criterion.holds is not True] == expected
    assert found.verdict is (ReadinessVerdict.KEEP_PROMPTING if expected else ReadinessVerdict.FINE_TUNE)


def test_readiness_usage_without_logs_is_not_known() -> None:
    silent = [valid(str(n)) for n in range(200)]
    found = report(logged=silent, accepted=silent, catalog_tokens=5000, wanted=ReadinessSettings())
    assert found.verdict is ReadinessVerdict.NOT_KNOWN
    assert [criterion.holds for criterion in found.criteria] == [True, True, None]
    sentence = found.criteria[2].sentence
    assert "log usage.prompt_tokens" in sentence
    assert "log usage.parse_failures" in sentence
    page = render_readiness(found, agent="desk")
    assert "Not known yet" in page
    assert "not known: give usage.latency_ms" in page
    assert "0% of what" not in page


def test_readiness_zero_tokens_count_as_not_logged() -> None:
    zeros = [valid(str(n), prompt_tokens=0) for n in range(200)]
    found = report(logged=zeros, accepted=zeros, wanted=ReadinessSettings())
    assert found.saving.share_of_prompt is None


def test_readiness_golden_runs_are_in_no_share() -> None:
    kept = report(logged=SOUND, accepted=SOUND[:5], judged=10)
    with_golden = report(logged=SOUND, accepted=[*SOUND[:5], *map(golden, LOGGED * 10)], judged=10)
    assert with_golden.behaviour.accepted_share == kept.behaviour.accepted_share == 0.5
    assert with_golden.behaviour.repeated_share == kept.behaviour.repeated_share == 1.0
    assert with_golden.incumbent == kept.incumbent
    assert (with_golden.behaviour.accepted, with_golden.behaviour.golden) == (5, 40)
    assert with_golden.behaviour.rows_by_tool["calculate"] == 10  # they teach


def test_readiness_of_no_logs_is_not_known_and_no_error() -> None:
    found = report(logged=[], accepted=[])
    assert found.verdict is ReadinessVerdict.NOT_KNOWN
    assert (found.days, found.incumbent.turns_per_run, found.behaviour.accepted_share) == (0, None, None)
    page = render_readiness(found, agent="desk")
    assert "Not known yet" in page
    assert "0 days" in page


def test_readiness_of_one_run_on_one_day_says_so() -> None:
    found = report(logged=SOUND[:1], accepted=SOUND[:1])
    assert found.verdict is ReadinessVerdict.KEEP_PROMPTING  # one run is known to repeat nothing
    assert (found.behaviour.accepted_share, found.behaviour.repeated_share) == (1.0, 0.0)
    assert "1 day with logs" in render_readiness(found, agent="desk")


def test_readiness_saving_of_runs_is_capped_by_their_prompts() -> None:
    found = report(logged=SOUND, accepted=SOUND, catalog_tokens=5000)
    assert (found.saving.tokens_per_turn, found.saving.share_of_prompt) == (5000, 1.0)
    assert found.saving.tokens_per_1k_runs == 900_000


def test_readiness_saving_without_a_price_is_in_tokens() -> None:
    found = report(prices=IncumbentSettings())
    assert found.incumbent.cost_per_1k_runs is None
    assert (found.saving.tokens_per_1k_runs, found.saving.money_per_1k_runs) == (1_000_000, None)


def test_readiness_page_escapes_names_and_needs_no_network() -> None:
    hostile = "<script>alert(1)</script>"
    page = render_readiness(report(accepted=[run("1", hostile), run("2", hostile)]), agent="desk")
    assert hostile not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "runs logged" in page


def test_readiness_counts_a_repeated_conversation_once() -> None:
    said = [user("hi"), calls(("a", "search", {})), result("a", "search", "{}"), says("done")]
    said += [user("and?"), says("that is all"), user("thanks"), says("welcome")]
    again = [trajectory(*said[:end], id_=str(end)) for end in (4, 6, 8)]
    found = report(logged=again, accepted=again)
    behaviour = found.behaviour
    assert (behaviour.accepted, behaviour.accepted_share, behaviour.continued_in_another) == (3, 1.0, 2)
    assert (behaviour.rows_by_tool, behaviour.kinds, behaviour.repeated_share) == ({"search": 1}, 1, 0.0)
    sentences = [one.sentence for each in found.criteria for one in each.readings]
    assert "accepted runs, golden ones counted, a conversation once: 1, wanted 1" in sentences


def test_runs_that_our_server_answered_say_nothing_about_the_incumbent() -> None:
    served = [
        msgspec.structs.replace(made, trajectory_id=f"{origin}-{made.trajectory_id}", origin=origin)
        for origin in (Origin.SERVED, Origin.MIXED)
        for made in LOGGED
    ]
    before, after = report(judged=4), report(logged=[*LOGGED, *served], accepted=[*LOGGED[:3], *served[:2]], judged=4)
    assert after.incumbent == before.incumbent
    assert (after.behaviour.accepted, after.behaviour.accepted_share, after.behaviour.served) == (3, 0.75, 2)
    assert after.behaviour.rows_by_tool["search"] == before.behaviour.rows_by_tool["search"] + 2


def test_accepted_runs_of_signature_files_are_those_of_the_runs(tmp_path: Path) -> None:
    said = [user("hi"), calls(("a", "search", {})), result("a", "search", "{}"), says("done"), user("and?")]
    again = [trajectory(*said[:end], id_=str(end)) for end in (4, 5)]
    served = msgspec.structs.replace(LOGGED[0], trajectory_id="served", origin=Origin.SERVED)
    days = [[*LOGGED, again[0]], [*map(golden, LOGGED[:2]), again[1]], [served], []]
    files = [tmp_path / f"{number}.parquet" for number in range(len(days))]
    for runs, file in zip(days, files, strict=True):
        write_signatures(accepted(runs), file)
    assert read_accepted_runs(files) == accepted_runs([run for runs in days for run in runs])


def test_counts_of_a_day_are_read_as_they_were_written(tmp_path: Path) -> None:
    counts = count_day(LOGGED, day="2026-10-01", tools=CatalogValidator(CATALOG), redact=str.upper)
    write_day(counts, tmp_path / "counts.json")
    assert read_day(tmp_path / "counts.json") == counts
    assert set(counts.tools.gone) == {"FORGOTTEN"}
