"""The assistant's first day, verified again and again after edits."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import build_catalog
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.verification.cache.day_record import read_record
from toolft_pipeline.verification.day import DaySources, VerificationSummary
from toolft_pipeline.verification.rules.verdict import Verdict, read_verdicts
from toolft_pipeline_tests.agents import read_agent_day, verify_agent_day

DAY = "2026-10-01"
FILES = ("accepted.parquet", "verdicts.parquet", "verdict_keys.parquet")


@dataclass(frozen=True)
class DayBuild:
    out: Path
    catalog: Path
    summary: VerificationSummary

    @property
    def verdicts(self) -> list[Verdict]:
        return read_verdicts(self.out / "verdicts.parquet")

    @property
    def accepted(self) -> set[str]:
        return {verdict.trajectory_id for verdict in self.verdicts if verdict.accepted}


@dataclass(frozen=True)
class Site:
    """A copy of the assistant. Its first day is read when it is first built, and again after `read_logs`."""

    settings: AgentSettings
    root: Path

    def build(self, name: str, *, before: DayBuild | None = None, backend: str = "b", runs: Any = "r") -> DayBuild:
        raw, out, catalog = self.root / "raw", self.root / name, self.root / f"{name}_catalog"
        if not raw.exists():
            self.read_logs()
        out.mkdir()
        catalog.mkdir()
        build_catalog(self.settings, catalog)
        summary = verify_agent_day(
            self.settings,
            day=DAY,
            raw=raw,
            catalog=catalog,
            out=out,
            sources=DaySources(backend=backend, runs=runs),
            previous=None if before is None else before.out,
        )
        return DayBuild(out, catalog, summary)

    def read_logs(self) -> None:
        raw = self.root / "raw"
        shutil.rmtree(raw, ignore_errors=True)
        raw.mkdir()
        read_agent_day(self.settings, day=DAY, out=raw)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.settings.path(name)
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def changed(self, **overrides: str) -> Site:
        overrides = {"sandbox.sessions": "1"} | {name.replace("__", "."): value for name, value in overrides.items()}
        return Site(load_agent(self.settings.folder / "agent.yaml", overrides=overrides), self.root)


def same_files(one: DayBuild, two: DayBuild) -> bool:
    same = all((one.out / file).read_bytes() == (two.out / file).read_bytes() for file in FILES)
    records = [read_record(built.out) for built in (one, two)]
    return same and len({(each.catalog_lookups, each.catalog_digest, each.context) for each in records if each}) == 1


def cached(built: DayBuild) -> int:
    return built.summary.cached_verdicts
