"""A small flow on a real warehouse, what must be left of it after a prune, and a prune that is killed half-way.

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
