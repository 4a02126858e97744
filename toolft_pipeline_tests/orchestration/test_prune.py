"""After a prune, killed or not, all that a pointer or a model that serves rests on is there, byte for byte.

The oracle reads JSON and hashes files; it shares nothing with what it checks.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.evaluation.promotion.rollback import roll_back
from toolft_pipeline.orchestration.prune import PrunePlan, UnfinishedRuns
from toolft_pipeline_tests.evaluation.model_versions import AGENT
from toolft_pipeline_tests.orchestration.prune_site import DAYS, EPOCH, Oracle, Site, killed_after

operations = st.lists(
    st.tuples(
        st.sampled_from(["log", "log", "train", "train", "serve", "go_back"]),
        st.sampled_from(DAYS),
        st.integers(0, 5),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=15)
@given(
    done=operations,
    keep_days=st.integers(1, 6),
    keep_versions=st.integers(1, 2),
    weights=st.integers(1, 2),
    steps=st.integers(0, 6),
)
def test_prune_killed_or_not_leaves_all_that_is_in_force_or_serves_whole(
    done: list[tuple[str, str, int]], keep_days: int, keep_versions: int, weights: int, steps: int
) -> None:
    with tempfile.TemporaryDirectory() as root:
        site = Site(Path(root))
        for operation in done:
            site.do(*operation)
        before = Oracle(Path(root), weights=weights)
        assert before.wrong() == []
        chosen = site.choose(keep_days=keep_days, keep_versions=keep_versions, merged_models=weights)
        with killed_after(steps):
            site.prune(chosen)
        assert before.wrong() == []
        rest = site.choose(keep_days=keep_days, keep_versions=keep_versions, merged_models=weights)
        assert rest.size <= chosen.size
        site.prune(rest)
        assert before.wrong() == []
        assert site.choose(keep_days=keep_days, keep_versions=keep_versions, merged_models=weights).size == 0
        assert not (Path(root) / AGENT / ".removed").exists()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def names(pruning: PrunePlan) -> tuple[list[str], list[str]]:
    lines = [
        sorted(str(leaving.version.manifest.address).partition("/")[2] for leaving in each)
        for each in (pruning.removal.versions, pruning.removal.contents)
    ]
    return lines[0], lines[1]


def test_prune_takes_what_is_old_and_replaced_and_the_weights_of_older_models(site: Site) -> None:
    for text in (0, 2, 4):
        site.do("log", DAYS[0], text)
    for day in DAYS:
        site.do("train", day, 1)
    site.do("serve", DAYS[0], 0)
    chosen = site.choose(keep_days=1, keep_versions=1, merged_models=2)
    old = [f"{asset}/{DAYS[0]}" for asset in ("raw", "raw", "verified", "verified")]
    assert names(chosen) == (old, [f"merged_model/{DAYS[1]}"])
    size = sum(path.stat().st_size for path in site.warehouse.root.rglob("*") if path.is_file())
    site.prune(chosen)
    after = sum(path.stat().st_size for path in site.warehouse.root.rglob("*") if path.is_file())
    records = sum(path.stat().st_size for path in site.warehouse.root.rglob("reclaimed/*"))
    assert size - after == chosen.size - records


def test_prune_keeps_days_and_versions_that_the_settings_ask_for(site: Site) -> None:
    for text in (0, 2, 4):
        site.do("log", DAYS[0], text)
    site.now += timedelta(days=1.5)
    assert names(site.choose(keep_days=2, keep_versions=1)) == ([f"raw/{DAYS[0]}", f"verified/{DAYS[0]}"], [])
    assert names(site.choose(keep_days=1, keep_versions=3)) == ([], [])


def test_prune_keeps_what_a_model_in_service_was_made_from_though_its_day_was_made_again(site: Site) -> None:
    site.do("log", DAYS[0], 0)
    site.do("train", DAYS[0], 0)
    site.do("serve", DAYS[0], 0)
    for text in (2, 4):
        site.do("log", DAYS[0], text)
        site.do("train", DAYS[0], text)
    site.now += timedelta(days=2)
    gone, contents = names(site.choose(keep_days=1, keep_versions=1))
    assert (gone, contents) == (
        [f"{each}/{DAYS[0]}" for each in ("merged_model", "qlora_adapter", "raw", "verified")],
        [],
    )


def test_prune_keeps_what_was_in_force_when_the_oldest_run_began_and_the_weights_of_its_day(site: Site) -> None:
    for day in DAYS:
        site.do("train", day, 1)
    site.do("log", DAYS[0], 0)
    began = site.now
    site.do("log", DAYS[0], 2)
    site.now += timedelta(days=90)
    runs = UnfinishedRuns(runs=1, since=began, days=frozenset({DAYS[1]}))
    weights = [f"merged_model/{day}" for day in DAYS[:3]]
    replaced = [f"raw/{DAYS[0]}", f"verified/{DAYS[0]}"]
    assert names(site.choose(runs, keep_versions=1, merged_models=1)) == ([], [weights[0], weights[2]])
    of_a_range = UnfinishedRuns(runs=1, since=began, days=None)
    assert names(site.choose(of_a_range, keep_versions=1, merged_models=1)) == ([], [])
    assert names(site.choose(keep_versions=1, merged_models=1)) == (replaced, weights)


def test_prune_version_that_came_into_force_since_it_was_chosen_stays(site: Site) -> None:
    site.do("log", DAYS[0], 0)
    old = site.current("raw", DAYS[0])
    assert old is not None
    site.do("log", DAYS[0], 2)
    site.do("log", DAYS[0], 4)
    site.now += timedelta(days=1)
    chosen = site.choose(keep_days=1, keep_versions=1)
    assert old.folder in {leaving.version.folder for leaving in chosen.removal.versions}
    site.warehouse.reuse(old.manifest.address, old.manifest.fingerprint)
    site.prune(chosen)
    assert old.folder.is_dir()


def test_prune_model_that_was_put_back_into_service_since_it_was_chosen_stays_whole(site: Site) -> None:
    for day in DAYS:
        site.do("train", day, 1)
        site.do("serve", day, 0)
    chosen = site.choose(merged_models=1, served_models=2)
    assert names(chosen)[1] == [f"merged_model/{DAYS[0]}", f"merged_model/{DAYS[1]}"]
    roll_back(site.warehouse, AGENT, to=DAYS[0])
    site.prune(chosen)
    assert Oracle(site.warehouse.root, weights=1).wrong() == []


def test_prune_checkpoints_go_when_nobody_took_them_up_and_stay_beside_a_run(site: Site) -> None:
    site.do("train", DAYS[0], 0)
    checkpoint = site.warehouse.root / AGENT / "qlora_adapter" / DAYS[0] / "scratch" / "f" / "checkpoint-5"
    checkpoint.mkdir(parents=True)
    (checkpoint / "state").write_text("12345")
    site.now = datetime.now(UTC) + timedelta(days=2)
    left = site.choose(keep_days=1)
    assert (left.leftovers, left.size) == ((checkpoint.parent,), 5)
    assert site.choose(UnfinishedRuns(runs=1, since=EPOCH, days=frozenset()), keep_days=1).leftovers == ()
    site.prune(left)
    assert not checkpoint.exists()
