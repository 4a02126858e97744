"""The source of a catalog is looked at: one request for one state, whatever the source is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from toolft_pipeline.catalog.tool import CatalogError
from toolft_pipeline.orchestration.sensors.catalog_watch import evaluate_catalog
from toolft_pipeline.stages import tool_catalog
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.verification.rules.rule_set import load_rules
from toolft_pipeline_tests.orchestration.site import NOON, Site, opened

MODULE = '''from pydantic import BaseModel


class search(BaseModel):
    """Search."""

    query: str
'''


@pytest.fixture
def site(assistant_folder: Path, tmp_path: Path) -> Iterator[Site]:
    with opened(assistant_folder, tmp_path / "warehouse") as site:
        yield site


def look(site: Site) -> dg.RunRequest | dg.SkipReason:
    """One tick of the agent's sensor, as the daemon evaluates it."""
    definitions = site.definitions
    sensor = definitions.resolve_sensor_def(f"{site.settings.name}_catalog")
    context = dg.build_sensor_context(instance=site.instance, repository_def=definitions.get_repository_def())
    tick = sensor.evaluate_tick(context)
    return tick.run_requests[0] if tick.run_requests else dg.SkipReason(tick.skip_message)


def build(site: Site) -> None:
    """What the requested run does."""
    run_stage(tool_catalog.STAGE, site.settings, None, site.warehouse, progress=lambda _line: None, run_id=None)


def key(found: dg.RunRequest | dg.SkipReason) -> str | None:
    assert isinstance(found, dg.RunRequest), found
    return found.run_key


def as_built(site: Site) -> bool:
    found = look(site)
    return isinstance(found, dg.SkipReason) and "has not changed since version" in (found.skip_message or "")


def test_watch_file_asks_once_for_a_state_and_again_for_one_that_comes_back(site: Site) -> None:
    path = site.folder / "catalog.json"
    first = path.read_text()
    asked = [key(look(site)), key(look(site))]
    build(site)
    assert as_built(site)
    path.write_text(first.replace('"maximum": 10', '"maximum": 11'))
    asked.append(key(look(site)))
    build(site)
    path.write_text(first)
    asked.append(key(look(site)))
    build(site)
    assert as_built(site)
    assert asked[0] == asked[1]
    assert len(set(asked)) == 3


def test_watch_broken_file_asks_once_until_it_is_fixed(site: Site) -> None:
    build(site)
    (site.folder / "catalog.json").write_text("{")
    asked = key(look(site))
    with pytest.raises(CatalogError, match="cannot be read as JSON"):
        build(site)
    assert key(look(site)) == asked  # Dagster starts one run for a key


def test_watch_module_sees_an_edit_of_its_source(site: Site) -> None:
    module = site.folder / "tools.py"
    module.write_text(MODULE)
    site.configure(catalog={"module": "tools"})
    build(site)
    assert as_built(site)
    module.write_text(MODULE.replace("query: str", "query: str\n    limit: int = 3"))
    key(look(site))
    build(site)
    assert "new parameter limit" in str(site.current("tool_catalog").manifest.headline["change"])


def test_watch_live_server_sees_tools_change_though_no_file_of_the_command_does(site: Site, tmp_path: Path) -> None:
    """The tools come from outside of the agent's folder, as those of a remote server do."""
    outside = tmp_path / "elsewhere"
    site.folder.joinpath("backend").rename(outside)
    script = site.folder / "proxy.py"
    script.write_text(f"import runpy, sys\nsys.path.insert(0, {str(outside)!r})\n"
                      f"runpy.run_path({str(outside / 'server.py')!r}, run_name='__main__')\n")  # fmt: skip
    site.configure(catalog={"mcp": True}, sandbox={"command": ["python", "proxy.py"], "volatile": ["took_ms"]})
    build(site)
    before = site.current("tool_catalog").manifest.content_digest
    assert as_built(site)
    server = outside / "server.py"
    server.write_text(server.read_text().replace("Work out an arithmetic expression.", "Reckon."))
    key(look(site))
    build(site)
    assert as_built(site)
    built = site.current("tool_catalog").manifest
    assert built.content_digest != before
    assert built.headline["change"] == "~ calculate (compatible): description"


def test_watch_renames_ride_with_the_catalog_that_they_lead_to(site: Site) -> None:
    build(site)
    plain = site.current("tool_catalog").manifest.content_digest
    renames = site.folder / "renames.yaml"
    renames.write_text("look_up: search\n")
    site.configure(catalog={"file": "catalog.json", "renames": "renames.yaml"})
    key(look(site))
    build(site)
    built = site.current("tool_catalog")
    assert built.manifest.content_digest != plain
    renames.write_text("look_up: nowhere\n")  # a run that goes on reads what it began with
    assert load_rules(catalog=built.folder, settings=site.settings, key=b"key").renames == {"look_up": "search"}


def test_watch_change_waits_for_the_agents_own_runs(site: Site) -> None:
    build(site)
    (site.folder / "catalog.json").write_text((site.folder / "catalog.json").read_text() + "\n")
    run = dg.DagsterRun(
        job_name="assistant_data", status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": "2026-10-02"}
    )
    other = dg.DagsterRun(
        job_name="helpdesk_data", status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": "2026-10-01"}
    )
    site.instance.add_run(run)
    site.instance.add_run(other)
    found = evaluate_catalog(site.settings, site.warehouse, site.instance, now=NOON)
    assert isinstance(found, dg.SkipReason)
    assert f"waiting for run {run.run_id} of 2026-10-02" in (found.skip_message or "")
    site.instance.report_run_canceled(run)
    key(look(site))
