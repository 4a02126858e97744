"""After a prune, killed or not, all that a pointer or a model that serves rests on is there, byte for byte.

The oracle reads JSON and hashes files; it shares nothing with what it checks.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolft_pipeline.evaluation.promotion.model_registry import promote
from toolft_pipeline.evaluation.promotion.rollback import RollbackError, roll_back
from toolft_pipeline.orchestration.prune import PrunePlan, UnfinishedRuns, plan_pruning, prune
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse import gc
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline_tests.agents import agent
from toolft_pipeline_tests.evaluation.model_versions import AGENT, commit

DAYS = ("2026-10-01", "2026-10-02", "2026-10-03", "2026-10-04")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING_RUNS = UnfinishedRuns(runs=0, since=None, days=frozenset())


class Site:
    """A small flow on a real warehouse (raw <- verified <- adapter <- merged_model), one operation a day."""

    def __init__(self, root: Path) -> None:
        self.warehouse, self.now = Warehouse(root), EPOCH

    def current(self, asset: str, day: str | None) -> Version | None:
        return self.warehouse.current(ArtifactKey(agent=AGENT, asset=asset, partition=day))

    def made_from(self, *wanted: tuple[str, str | None]) -> dict[str, str]:
        found = {(asset, day): self.current(asset, day) for asset, day in wanted}
        return {
            f"{asset}/{day or 'all'}": version.manifest.content_digest
            for (asset, day), version in found.items()
            if version is not None
        }

    def log(self, day: str, text: int) -> None:
        """A new raw day, and the verified one made of it; texts 2 and 3 are verified to the same content."""
        commit(self.warehouse, "raw", day, f"raw {text}", inputs={"file:log": f"{text}"})
        commit(self.warehouse, "verified", day, f"verified {text // 2}", inputs=self.made_from(("raw", day)))

    def train(self, day: str, text: int) -> None:
        commit(self.warehouse, "base_model", None, f"base {text // 3}")
        days = [("verified", each) for each in DAYS if each <= day]
        inputs = self.made_from(("base_model", None), *days)
        commit(self.warehouse, "qlora_adapter", day, f"adapter {text}", inputs=inputs)
        inputs = self.made_from(("qlora_adapter", day), ("base_model", None))
        commit(self.warehouse, "merged_model", day, f"model {text} of {day}", inputs=inputs, files={"card": "text"})

    def serve(self, day: str, _text: int) -> None:
        model, records = self.current("merged_model", day), self.records("model_in_service", "all")
        serving = json.loads(records[-1].read_text())["content_digest"] if records else None
        if model is not None:
            promote(self.warehouse, AGENT, day=day, model=model, against=serving)

    def go_back(self, _day: str, _text: int) -> None:
        try:
            roll_back(self.warehouse, AGENT)
        except RollbackError:
            return

    def records(self, asset: str, partition: str) -> list[Path]:
        return sorted((self.warehouse.root / AGENT / asset / partition / "pointers").glob("*.json"))

    def do(self, operation: str, day: str, text: int) -> None:
        before = set(self.warehouse.root.rglob("pointers/*.json"))
        getattr(self, operation)(day, text)
        self.now += timedelta(days=1)
        for path in set(self.warehouse.root.rglob("pointers/*.json")) - before:
            record = json.loads(path.read_text())
            path.write_text(json.dumps(record | {"created_at": self.now.isoformat()}))

    def choose(self, unfinished: UnfinishedRuns = NOTHING_RUNS, **retention: int) -> PrunePlan:
        return plan_pruning(self.settings(**retention), self.warehouse, unfinished=unfinished, now=self.now)

    def settings(self, **retention: int) -> AgentSettings:
        return agent(self.warehouse.root, name=AGENT, retention=retention)

    def prune(self, pruning: PrunePlan) -> None:
        prune(self.settings(), self.warehouse, pruning, progress=lambda _line: None)


class Oracle:
    """What is wrong with a warehouse, by reading it from the records down."""

    def __init__(self, root: Path, *, weights: int) -> None:
        self.agent, self.weights = root / AGENT, weights

    def wrong(self) -> list[str]:
        return sorted(set(self._wrong()))

    def _wrong(self) -> Iterator[str]:
        for folder in sorted(self.agent.glob("[!.]*/*/pointers")):
            record = json.loads(max(folder.glob("*.json")).read_text())
            if folder.parent.parent.name == "model_in_service":
                day, _, name = record["version"].partition("/")
                yield from self._version(self.agent / "merged_model" / day / "versions" / name, must_be_whole=True)
            else:
                yield from self._version(folder.parent / "versions" / record["version"])
        for day in sorted(each.name for each in self.agent.glob("merged_model/*"))[-self.weights :]:
            folder = self.agent / "merged_model" / day
            record = json.loads(max((folder / "pointers").glob("*.json")).read_text())
            yield from self._version(folder / "versions" / record["version"], must_be_whole=True)

    def _version(self, folder: Path, *, must_be_whole: bool = False) -> Iterator[str]:
        if not (folder / "manifest.json").is_file():
            yield f"{folder} is gone"
            return
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
        missing = [entry["path"] for entry in manifest["files"] if not (folder / entry["path"]).is_file()]
        content = [entry["path"] for entry in manifest["files"] if entry["content"]]
        reclaimed = missing == content and "merged_model" in folder.parts and not must_be_whole
        for entry in manifest["files"]:
            path = folder / entry["path"]
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
                yield f"{path} is altered"
            if not path.is_file() and not reclaimed:
                yield f"{path} is gone"
        for name, digest in manifest["inputs"].items():
            if not name.startswith("file:"):
                yield from self._input(name, digest)

    def _input(self, name: str, digest: str) -> Iterator[str]:
        ways = [
            list(self._version(each.parent))
            for each in self.agent.glob(f"{name}/versions/*/manifest.json")
            if json.loads(each.read_text())["content_digest"] == digest
        ]
        yield from min(ways, key=len, default=[f"nothing holds {name} {digest[:12]}"])


class Killed(BaseException):
    """What nothing catches."""


@contextmanager
def killed_after(steps: int) -> Iterator[None]:
    """The process dies before the next folder is set aside, or with one file of what lies aside deleted."""
    left = iter(range(steps))
    make_place, real = tempfile.mkdtemp, shutil.rmtree

    def mkdtemp(**named: Any) -> str:
        if next(left, None) is None:
            raise Killed
        return make_place(**named)

    def rmtree(folder: Path, **named: Any) -> None:
        if next(left, None) is None:
            next((path for path in folder.rglob("*") if path.is_file()), folder / "nothing").unlink(missing_ok=True)
            raise Killed
        real(folder, **named)

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        patch.setattr(gc.tempfile, "mkdtemp", mkdtemp)
        patch.setattr(gc.shutil, "rmtree", rmtree)
        yield


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
