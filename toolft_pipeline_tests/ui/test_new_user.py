"""What a new user does in the UI, in a headless Chromium on a real webserver and daemon: `make ui`.

The pictures of the pages come from here: docs/pictures, in 256 colours.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.pipeline_site import DAY, Site
from toolft_pipeline_tests.ui.installation import filled, reports_served, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.ui

PICTURES = REPOSITORY / "docs" / "pictures"
LARGEST = 150_000
"""Bytes of a picture at most."""


@pytest.fixture(scope="module")
def site(browser: Browser, tiny_model_folder: Any, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return filled(tmp_path_factory.mktemp("ui"), tiny_model_folder)


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    with reports_served(site), served(site, "dagster dev") as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1440, "height": 900})
    opened.set_default_timeout(600_000)
    yield opened
    opened.close()


def shoot(page: Page, name: str, *, height: int = 900) -> None:
    """Keep what is shown as a picture of 256 colours."""
    from PIL import Image

    PICTURES.mkdir(parents=True, exist_ok=True)
    page.set_viewport_size({"width": 1440, "height": height})
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)  # what is drawn by animation
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    path = PICTURES / f"{name}.png"
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    assert path.stat().st_size < LARGEST


def see(page: Page, text: str, *, exact: bool = True) -> None:
    page.get_by_text(text, exact=exact).filter(visible=True).first.wait_for()


def ask(address: str, query: str) -> dict[str, Any]:
    body = json.dumps({"query": query}).encode()
    request = Request(f"{address}/graphql", data=body, headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=HANG_S) as answer:
        found: dict[str, Any] = json.loads(answer.read())["data"]
    return found


def test_lineage_of_a_group_draws_every_asset_with_its_checks(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 1060})
    page.goto(f"{address}/locations/toolft_pipeline/asset-groups/assistant_data/lineage")
    for asset in ("raw_trajectories", "verified_trajectories", "run_signatures", "chat_rows", "token_tensors"):
        see(page, asset)
    see(page, "5 / 5 Passed")
    shoot(page, "lineage", height=1060)


def test_partition_page_shows_figures_and_plots_at_once(page: Page, address: str) -> None:
    page.goto(f"{address}/assets/assistant/verified_trajectories?view=partitions&partition={DAY}")
    for name in ("rows/accepted", "accepted_share", "accepted_share_by_day", "accepted_by_category"):
        see(page, name)
    assert page.locator("tr", has_text="calls_by_tool").first.inner_text().count("█") > 20
    shoot(page, "partition", height=1420)
    page.locator("tr", has_text="picture/accepted_by_category").get_by_text("[Show Markdown]").click()
    image = page.locator("img[alt=accepted_by_category]")
    image.wait_for()
    assert image.evaluate("each => each.naturalWidth") > 300


def test_report_page_begins_with_the_verdict_and_the_models_side_by_side(page: Page, address: str) -> None:
    page.goto(f"{address}/assets/assistant/eval_report?view=partitions&partition={DAY}")
    see(page, "verdict")
    names = page.locator("tr > td:first-child:not(td td)").all_inner_texts()  # not the cells of tables among the values
    assert [name for name in names if name][:2] == ["verdict", "models"]
    see(page, "refused")
    assert [name for name in names if len(name) >= 32] == [], "longer names print over their values"
    shoot(page, "report", height=1300)


def test_report_opens_from_its_link_in_the_ui(page: Page, address: str, site: Site) -> None:
    page.goto(f"{address}/assets/assistant/eval_report?view=partitions&partition={DAY}")
    link = page.locator("tr", has_text="page").get_by_role("link").first
    with page.expect_popup() as opened:
        link.click()
    report = opened.value
    report.get_by_role("heading", level=1).first.wait_for()
    assert "assistant" in report.title()
    report.close()


def test_refused_champion_is_not_plain_green(page: Page, address: str) -> None:
    page.goto(f"{address}/assets/assistant/champion?view=partitions&partition={DAY}")
    see(page, "outcome")
    page.goto(f"{address}/assets/assistant/champion?view=checks")
    see(page, "candidate_serves")
    see(page, "Failed")
    shoot(page, "champion")


def test_overview_answers_for_all_agents(page: Page, address: str, site: Site) -> None:
    page.goto(f"{address}/assets/agents_overview?view=events")
    see(page, "assistant")
    see(page, "the candidate of", exact=False)
    shoot(page, "overview-asset")
    page.goto(site.reports)
    see(page, "was refused", exact=False)
    page.get_by_role("link", name="report").click()
    page.get_by_role("heading", level=1).first.wait_for()
    page.goto(site.reports)
    shoot(page, "overview", height=420)


def test_checks_say_what_they_prove_and_on_how_many_rows(page: Page, address: str) -> None:
    page.goto(f"{address}/assets/assistant/token_tensors?view=checks")
    see(page, "No content holds a control token.")
    for check in ("control_tokens", "loss_mask", "no_turn_is_lost", "parser", "serving_prompt"):
        see(page, check)
    see(page, "rows_checked")
    shoot(page, "checks")


def test_jobs_page_has_the_runs_of_the_command_line(page: Page, address: str) -> None:
    page.goto(f"{address}/locations/toolft_pipeline/jobs/assistant_model/runs")
    see(page, "Success")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("force: maybe", 'Invalid scalar at path root:resources:assistant_agent:config:force. Value "maybe"'),
        ("epochs: 3", 'Received unexpected config entry "epochs"'),
        (
            "overrides: {training.epochs: 3}",
            'Value "3" of type "<class \'int\'>" is not valid for expected type "String"',
        ),
    ],
)
def test_launchpad_explains_a_wrong_value_and_will_not_launch(page: Page, address: str, config: str, said: str) -> None:
    page.goto(f"{address}/locations/toolft_pipeline/jobs/assistant_data/playground")
    see(page, "No errors")
    page.locator(".CodeMirror").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(f"resources:\n  assistant_agent:\n    config:\n      {config}\n")
    see(page, said, exact=False)
    assert page.get_by_role("button", name="Launch Run").is_disabled()
    if config.startswith("force"):
        shoot(page, "launchpad")


def test_backfill_of_three_days_is_launched_by_hand_and_completes(page: Page, address: str) -> None:
    page.goto(f"{address}/assets/assistant/run_signatures?view=partitions")
    page.get_by_role("button", name="Materialize").first.click()
    days = page.get_by_role("dialog").locator("input:not([type=checkbox])").filter(visible=True).first
    days.fill("[2026-10-01...2026-10-03]")
    days.press("Enter")
    page.get_by_role("dialog").get_by_text("3 partitions").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Launch backfill").click()
    see(page, "Created backfill", exact=False)
    page.get_by_text("View", exact=True).filter(visible=True).last.click()
    page.set_default_timeout(600_000)
    see(page, "100% completed")
    see(page, "Succeeded")
    shoot(page, "backfill", height=360)


def test_read_only_server_shows_everything_and_launches_nothing(page: Page, site: Site) -> None:
    with served(site, "dagster-webserver", "--read-only") as address:
        page.goto(f"{address}/assets/assistant/verified_trajectories?view=partitions&partition={DAY}")
        see(page, "rows/accepted")
        assert page.get_by_role("button", name="Materialize").first.is_disabled()
        forged = """mutation { reportRunlessAssetEvents(eventParams: {eventType: ASSET_MATERIALIZATION,
            assetKey: {path: ["assistant", "champion"]}}) { __typename ... on UnauthorizedError { message } } }"""
        assert ask(address, forged)["reportRunlessAssetEvents"]["__typename"] == "UnauthorizedError"
