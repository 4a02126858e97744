"""The report as a person sees it: a headless Chromium opens the file at the width of a desk and of a phone.

Screenshots stay in build/screenshots (ignored by git). Without playwright or a Chromium these tests are skipped.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.evaluation.promotion.gate import CandidateStatus, ChampionResult, decide_promotion
from toolft_pipeline.evaluation.promotion.kept_abilities import AbilityAnswers, ComparedAbilities, compare_abilities
from toolft_pipeline.evaluation.report.report import write_report
from toolft_pipeline.evaluation.report.report_content import ReportContent, read_evaluation
from toolft_pipeline.evaluation.report.trend import TrendPoint, read_trend_point
from toolft_pipeline.evaluation.scoring.evaluate import evaluate, read_metrics
from toolft_pipeline.settings import GateSettings
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.report.test_logged_model import column
from toolft_pipeline_tests.evaluation.scripted import Message, ScriptedModel, call, oracle, prepared

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCREENSHOTS = REPOSITORY / "build" / "screenshots"
WIDTHS = {"desk": 1280, "phone": 390}
AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml")
HOSTILE = "<script>document.title = 'broken into'</script><img src='http://evil.example/x'>"
PLAIN = load_tasks(AGENT.path(AGENT.evaluation.tasks))[:8]
TASKS = [PLAIN[0], replace(PLAIN[1], family=HOSTILE, user_turns=(HOSTILE,)), *PLAIN[2:]]
EVERYBODY = "Karin Luca Mona Nils Olga Pablo Rosa Stefan"


def _searches_and_gives_up(messages: list[Message]) -> str:
    """Six contacts are a result of more than 400 characters; then a call that the catalog has not."""
    if messages[-1]["role"] == "user":
        return call("search", query=EVERYBODY, kind="contacts", limit=10)
    return call("serch", query=EVERYBODY)


GATE = GateSettings(
    min_tasks=5,
    parse_rate=0.5,
    right_tool=0.5,
    valid_arguments=0.3,
    hallucinated_tool=1.0,
    ability_margin=0.5,
    irrelevance_margin=1.0,
    wrong_promotions_per_year=18.0,
)
ABILITIES = compare_abilities(
    ComparedAbilities(
        candidate=AbilityAnswers(
            general={f"q{n}": n < 60 for n in range(251)}, no_tool={f"q{n}": n < 22 for n in range(245)}
        ),
        base=AbilityAnswers(
            general={f"q{n}": n < 90 for n in range(251)}, no_tool={f"q{n}": n < 240 for n in range(245)}
        ),
    ),
    gate=GATE,
)
CHANGES = ("new days in the window: 2026-10-05 (219 rows)", "tools whose schema or description changed: search")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A candidate that does everything right beside a model in service that does not, and two reports before."""
    folder = tmp_path_factory.mktemp("report")
    models = {"candidate": ScriptedModel(oracle(PLAIN)), "in_service": ScriptedModel(_searches_and_gives_up)}
    for name, model in models.items():
        (folder / name).mkdir()
        evaluate(
            prepared(model, name, catalog_tokens_saved_per_turn=321), tasks=PLAIN, settings=AGENT,
            catalog=load_catalog(AGENT.path("catalog.json")), out=folder / name, progress=lambda _line: None,
        )  # fmt: skip
    metrics = {name: read_metrics(folder / name) for name in models}
    verdict = decide_promotion(
        candidate=metrics["candidate"],
        candidate_status=CandidateStatus(as_of="2026-10-05", proofs={"loss_mask": True}),
        champion=ChampionResult(day="2026-10-04", content_digest="c" * 64, metrics=metrics["in_service"]),
        gate=GATE,
    )  # fmt: skip
    out = folder / "out"
    out.mkdir()

    def write(past: list[TrendPoint]) -> None:
        content = ReportContent(
            agent="assistant", day="2026-10-05", tasks=TASKS, verdict=verdict, proofs={"loss_mask": True}, past=past,
            models=[read_evaluation(name, folder / name) for name in models], gate=GATE, abilities=ABILITIES,
            logged=column(), loss=[(step, 3 / step) for step in range(1, 181)], last_day="2026-10-04", changes=CHANGES,
        )  # fmt: skip
        write_report(content, out)

    write([])
    days = ("2026-10-03", "2026-10-04")
    points = [
        read_trend_point(out / "metrics.json", model="in_service", day=day, made_at=f"{day}T02:00") for day in days
    ]
    write([dataclasses.replace(point, promoted=False) for point in points if point is not None])
    return out


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": WIDTHS["desk"], "height": 900})
    opened.goto((report / "report.html").as_uri())
    yield opened
    opened.close()


def _metrics(report: Path) -> dict[str, Any]:
    """The figures of the evaluated models."""
    models: dict[str, Any] = json.loads((report / "metrics.json").read_text())["models"]
    return {name: figures for name, figures in models.items() if name != "incumbent"}


def _shown(page: Page) -> int:
    return page.locator("details.card:visible").count()


@pytest.mark.parametrize("width", WIDTHS)
def test_page_opens_from_a_file_loads_nothing_and_fits_the_screen(browser: Browser, report: Path, width: str) -> None:
    opened = browser.new_page(viewport={"width": WIDTHS[width], "height": 900})
    asked: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    address = (report / "report.html").as_uri()
    opened.goto(address)
    opened.locator("details.card[data-model=in_service] > summary").nth(1).click()
    whole = {"width": WIDTHS[width], "height": opened.evaluate("document.documentElement.scrollHeight")}
    opened.set_viewport_size(whole)  # type: ignore[arg-type]  # cards out of sight are not drawn
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    opened.screenshot(path=SCREENSHOTS / f"report-{width}.png")
    assert (asked, complaints) == ([address], [])
    assert opened.title() == "assistant 2026-10-05: evaluation"
    assert opened.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]
    opened.close()


def test_page_says_first_what_was_decided_and_how_good_the_candidate_is(page: Page, report: Path) -> None:
    assert page.locator(".verdict strong").inner_text() == "Promoted"
    tile = page.locator(".tile").first
    assert tile.locator("b").inner_text() == f"{_metrics(report)['candidate']['task_success']['value']:.1%}"
    assert tile.bounding_box()["y"] < 900  # type: ignore[index]  # in sight without scrolling


def test_page_warns_in_red_of_margins_that_let_a_loss_pass_and_says_what_changed(page: Page) -> None:
    warnings = page.locator(".warning").all_inner_texts()
    assert ["a model that lost 12.0 points passes" in text for text in warnings] == [True, False]
    assert "gate.irrelevance_margin is 100 points (5 by default): a model that lost 89.0 points passes" in warnings[1]
    red = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--bad')")
    shown = page.locator(".warning").first.evaluate(
        "(each, red) => { const probe = document.createElement('i'); probe.style.color = red;"
        " document.body.append(probe); return [getComputedStyle(each).color, getComputedStyle(probe).color]; }",
        red,
    )
    assert shown[0] == shown[1]
    assert page.locator("[data-part=changes] li").all_inner_texts() == [*CHANGES]
    assert page.locator("[data-part=thresholds] tr.holds").count() == 4  # all but what is left out of the gate
    assert {"0", "3", "training step", "loss"} <= {*page.locator("svg.loss text").all_text_contents()}


def test_page_trend_has_a_dot_for_every_report_and_this_one_is_the_last(page: Page) -> None:
    assert page.locator(".trend g").first.locator("circle").count() == 3
    titles = page.locator(".trend g").first.locator("circle title").all_text_contents()
    assert [title[:10] for title in titles] == ["2026-10-03", "2026-10-04", "2026-10-05"]
    assert page.locator(".trend g").first.locator("circle.in").count() == 1  # only this one was promoted


def test_page_filters_leave_what_the_metrics_count(page: Page, report: Path) -> None:
    models = _metrics(report)
    assert _shown(page) == sum(model["n_tasks"] for model in models.values())
    page.select_option("select[name=outcome]", "passed")
    assert _shown(page) == sum(sum(model["task_outcomes"].values()) for model in models.values())
    page.select_option("select[name=outcome]", "")
    page.select_option("select[name=model]", "in_service")
    assert _shown(page) == models["in_service"]["n_tasks"]
    failed = [task for task, passed in models["in_service"]["task_outcomes"].items() if not passed]
    page.select_option("select[name=outcome]", "failed")
    assert _shown(page) == len(failed)
    page.select_option("select[name=failure]", "unknown_tool")
    assert _shown(page) == models["in_service"]["failures"]["unknown_tool"]
    page.select_option("select[name=tool]", "serch")
    assert _shown(page) == models["in_service"]["failures"]["unknown_tool"]
    page.fill("input[name=text]", failed[0])
    assert _shown(page) == 1
    assert page.locator("#shown").inner_text() == f"1 of {2 * len(TASKS)}"


def test_page_filters_are_in_the_address_and_open_with_it(page: Page, browser: Browser) -> None:
    page.select_option("select[name=outcome]", "failed")
    seen, again = _shown(page), browser.new_page()
    again.goto(page.url)
    assert page.url.endswith("#outcome=failed")
    assert (_shown(again), again.input_value("select[name=outcome]")) == (seen, "failed")
    again.close()


@pytest.mark.parametrize(("width", "beside"), [("desk", True), ("phone", False)])
def test_page_shows_expected_beside_actual_and_below_it_on_a_phone(page: Page, width: str, beside: bool) -> None:
    page.set_viewport_size({"width": WIDTHS[width], "height": 900})
    card = page.locator("details.card[data-model=in_service]").first
    card.locator("> summary").click()
    happened, expected = (card.locator(".sides > div").nth(number).bounding_box() for number in (0, 1))
    assert happened is not None
    assert expected is not None
    assert (happened["y"] == expected["y"]) is beside
    assert expected["x"] + expected["width"] <= WIDTHS[width]


def test_page_folds_a_long_tool_result_and_unfolds_it_whole(page: Page) -> None:
    card = page.locator("details.card[data-model=in_service]").first
    card.locator("> summary").click()
    result = card.locator(".turn.tool details.long").first
    whole = result.locator(".text")
    assert not whole.is_visible()
    result.locator("summary").click()
    assert whole.is_visible()
    assert len(json.loads(whole.inner_text())["results"]) == 6


def test_page_shows_hostile_text_and_runs_none_of_it(page: Page) -> None:
    page.fill("input[name=text]", "broken into")
    assert _shown(page) == 2
    assert page.title() == "assistant 2026-10-05: evaluation"
    assert page.locator("details.card:visible img").count() == 0
