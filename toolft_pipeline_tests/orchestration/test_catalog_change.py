"""A catalog that changes: one request, one backfill over the window, and nothing made that came out the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from toolft_pipeline.orchestration.sensors.catalog_watch import evaluate_catalog
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.orchestration.site import Site, opened

WINDOW = ["2026-10-04", "2026-10-05"]
FOLLOWING = ("verified_trajectories", "run_signatures", "chat_rows", "token_tensors")


@dataclass(frozen=True)
class Change:
    """What one edit of the catalog led to. Versions are by asset and day, before and after."""

    ticks: list[list[dg.RunRequest]]
    before: dict[tuple[str, str], str]
    after: dict[tuple[str, str], str]
    diff: str
    replays: dict[str, tuple[int, int]]
    """Runs of a day that were replayed, and runs whose verdict or replay came from the cache."""

    def moved(self, asset: str) -> list[str]:
        """Days whose content is another."""
        return [day for day in WINDOW if self.before[asset, day] != self.after[asset, day]]


@pytest.fixture(scope="module")
def site(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The window of `assistant` built once, and the automation's first tick behind it."""
    root = tmp_path_factory.mktemp("site")
    folder = root / "agents" / "assistant"
    shutil.copytree(REPOSITORY / "data" / "assistant", folder)
    with opened(folder, root / "warehouse") as site:
        site.configure(window_days=2, base_model={"folder": str(tiny_model_folder)})
        site.run("sources")
        for day in WINDOW:
            site.run("data", day)
        assert site.evaluate() == []
        yield site


def contents(site: Site) -> dict[tuple[str, str], str]:
    return {(asset, day): site.current(asset, day).manifest.content_digest for asset in FOLLOWING for day in WINDOW}


def edit(site: Site, change: Callable[[dict[str, dict]], None]) -> None:  # type: ignore[type-arg]
    path = site.folder / "catalog.json"
    document = json.loads(path.read_text())
    change({tool["name"]: tool for tool in document["tools"]})
    path.write_text(json.dumps(document))


def carried_out(site: Site) -> Change:
    """The watch's request, its run, the automation's ticks and the backfill that it asks for."""
    before = contents(site)
    request = evaluate_catalog(site.settings, site.warehouse, site.instance, now=datetime.now(UTC))
    assert isinstance(request, dg.RunRequest)
    assert request.asset_selection == [site.key("tool_catalog")]
    site.run("sources", assets=["tool_catalog"])
    ticks = [site.evaluate(), site.evaluate()]
    for asset, day in asked_for(ticks[0]):
        assert asset in FOLLOWING
        assert day in WINDOW
    for day in WINDOW:
        site.run("data", day, assets=FOLLOWING)
    ticks += [site.evaluate(), site.evaluate()]
    headlines = {day: site.current("verified_trajectories", day).manifest.headline for day in WINDOW}
    replays = {
        day: (line["replayed"], line["cached_verdicts"] + line["cached_replays"])  # type: ignore[operator]
        for day, line in headlines.items()
    }
    diff = str(site.current("tool_catalog").manifest.headline["change"])
    return Change(ticks, before, contents(site), diff, replays)  # type: ignore[arg-type]


def asked_for(requests: list[dg.RunRequest]) -> set[tuple[str, str]]:
    """What a tick asks for, backfills unfolded."""
    found = set()
    for request in requests:
        assert request.asset_graph_subset is not None, "a run of its own instead of a part of the backfill"
        found |= {
            (each.asset_key.path[-1], each.partition_key or "")
            for each in request.asset_graph_subset.iterate_asset_partitions()
        }
    return found


@pytest.fixture(scope="module")
def described(site: Site) -> Change:
    """A compatible change: another description of `calculate`."""
    edit(site, lambda tools: tools["calculate"].update(description="Reckon an arithmetic expression."))
    return carried_out(site)


@pytest.fixture(scope="module")
def narrowed(site: Site, described: Change) -> Change:
    """A breaking change: `send_email` wants one parameter more, which no logged call has."""

    def narrow(tools: dict[str, dict]) -> None:  # type: ignore[type-arg]
        schema = tools["send_email"]["inputSchema"]
        schema["properties"]["signature"] = {"type": "string"}
        schema["required"].append("signature")

    edit(site, narrow)
    return carried_out(site)


@pytest.mark.parametrize("change", ["described", "narrowed"])
def test_catalog_change_asks_for_one_backfill_over_the_window_and_then_for_nothing(
    change: str, request: pytest.FixtureRequest
) -> None:
    made: Change = request.getfixturevalue(change)
    assert [len(tick) for tick in made.ticks] == [1, 0, 0, 0]
    assert asked_for(made.ticks[0]) == {(asset, day) for asset in FOLLOWING for day in WINDOW}


def test_catalog_change_of_a_description_touches_no_row_and_no_token(described: Change) -> None:
    assert described.diff == "~ calculate (compatible): description"
    assert described.before == described.after
    assert all(replayed == 0 and cached > 0 for replayed, cached in described.replays.values())


def test_catalog_change_that_breaks_a_tool_judges_its_runs_alone_and_cuts_off_the_other_days(
    site: Site, narrowed: Change
) -> None:
    assert "~ send_email (breaking)" in narrowed.diff
    assert all(replayed == 0 for replayed, _ in narrowed.replays.values())  # its runs fall before the sandbox
    moved = narrowed.moved("verified_trajectories")
    assert moved
    for asset in ("run_signatures", "chat_rows", "token_tensors"):
        assert narrowed.moved(asset) == moved
    for day in WINDOW:
        assert "send_email" not in site.current("verified_trajectories", day).manifest.headline["tools"]  # type: ignore[operator]


def test_catalog_of_a_run_holds_though_another_comes_into_force_between_two_of_its_stages(
    site: Site, narrowed: Change
) -> None:
    day = WINDOW[0]
    old = site.current("tool_catalog").manifest.content_digest

    @dg.success_hook
    def catalog_changes(context: dg.HookContext) -> None:
        if context.step_key == "assistant__verified_trajectories":
            edit(site, lambda tools: tools["search"].update(description="Find contacts or notes."))
            site.run("sources", assets=["tool_catalog"])

    log = site.folder / "logs" / f"{day}.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))  # so that every stage builds
    job = site.definitions.resolve_job_def("assistant_data").with_hooks({catalog_changes})
    assert job.execute_in_process(instance=site.instance, partition_key=day).success
    assert site.current("tool_catalog").manifest.content_digest != old
    for asset in ("verified_trajectories", "chat_rows"):
        assert site.current(asset, day).manifest.inputs["tool_catalog/all"] == old
