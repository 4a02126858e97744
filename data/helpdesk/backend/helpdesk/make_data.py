"""Everything under data/helpdesk from a seed: `python -m helpdesk.make_data --out data/helpdesk`.

Invariant: the same arguments give the same bytes, on any machine, through the MCP server or in process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

import msgspec

from helpdesk.agent import Assignment, Run, assign, work
from helpdesk.client import Backend, open_mcp_desk
from helpdesk.desk import Desk
from helpdesk.draw import NothingFitsError
from helpdesk.families import FAMILIES
from helpdesk.family import Family, Level
from helpdesk.faults import FAULTS
from helpdesk.faults.planted import PlantedFault, Scene
from helpdesk.logs import Stamp, line_of, row_of
from helpdesk.server import published_tools
from helpdesk.tasks import task_of
from toolft_pipeline.trajectories.category import Category

FIRST_DAY = date(2026, 10, 1)
PLANTED_SHARE = 0.12
REPEATABLE_RUNS = 10_000
"""The last so many runs can be repeated by a near-duplicate; memory stays flat however many are written."""
LOG_SHARES = {
    Category.SINGLE_CALL: 0.46,
    Category.PARALLEL_CALLS: 0.065,
    Category.MULTI_STEP: 0.28,
    Category.ERROR_THEN_RETRY: 0.085,
    Category.ERROR_THEN_EXPLAIN: 0.07,
    Category.NO_TOOL: 0.04,
}
"""Chosen so that each logged family is seen about equally often: there are many of single calls."""
TASK_SHARES = {
    Category.SINGLE_CALL: 0.38,
    Category.PARALLEL_CALLS: 0.04,
    Category.MULTI_STEP: 0.27,
    Category.ERROR_THEN_RETRY: 0.135,
    Category.ERROR_THEN_EXPLAIN: 0.10,
    Category.NO_TOOL: 0.075,
}
"""Of the tasks whose families are logged; the others are dealt by family."""
LEVEL_SHARES = {
    Level.NEW_WORDING: 120 / 276,
    Level.NEW_COMPOSITION: 72 / 276,
    Level.NEW_FAMILY: 60 / 276,
    Level.NEW_TOOL: 24 / 276,
}
GOLDEN_RUNS = 42


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """The published tools as the text of a file."""

    text: str

    @property
    def digest(self) -> str:
        """What log lines call it."""
        return f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"

    def stamp(self, *, id_: str, day: date, second: int) -> Stamp:
        """A place in the logs under this catalog."""
        size = len(self.text)
        return Stamp(id=id_, day=day.isoformat(), second=second, catalog_digest=self.digest, catalog_size=size)


def make_data(
    *, out: Path, backend: Backend, seed: int, days: int, runs_per_day: int, tasks: int, first_day: date = FIRST_DAY
) -> Counter[str]:
    """Write catalog, logs, golden runs, tasks and the key of planted faults; returns how many of each."""
    catalog = Catalog(text=_catalog_text())
    (out / "logs").mkdir(parents=True, exist_ok=True)
    (out / "catalog.json").write_text(catalog.text, encoding="utf-8")
    taken: set[str] = set()
    golden = _golden(backend, catalog, seed, taken)
    (out / "golden.jsonl").write_bytes(golden)
    random = Random(f"logs {seed}")
    families = _dealt(LOG_SHARES, runs_per_day, random)
    planted: list[dict[str, object]] = []
    done: list[Run] = []
    seen: set[str] = set()
    for offset in range(days):
        day = first_day + timedelta(days=offset)
        lines: list[bytes] = []
        for place in range(runs_per_day):
            second = 6 * 3600 + place * (14 * 3600 // runs_per_day) + random.randrange(20)
            stamp = catalog.stamp(id_=f"run-{day:%Y%m%d}-{place + 1:04d}", day=day, second=second)
            run = work(backend, _assigned(families, "log", random, held=False, taken=taken))
            line, kind = _logged(Scene(backend=backend, run=run, stamp=stamp, random=random), done, seen)
            lines.append(line + b"\n")
            if kind is None:
                done.append(run)
                if len(done) > 2 * REPEATABLE_RUNS:
                    del done[:-REPEATABLE_RUNS]
            else:
                where = {"file": f"logs/{day.isoformat()}.jsonl", "line": len(lines), "id": stamp.id}
                planted.append(where | {"fault": kind.name, "stage": kind.stage.value})
        (out / "logs" / f"{day.isoformat()}.jsonl").write_bytes(b"".join(lines))
    (out / "planted.jsonl").write_bytes(b"".join(line_of(row) + b"\n" for row in planted))
    written = _tasks(backend, seed, tasks)
    (out / "tasks.jsonl").write_bytes(b"".join(msgspec.json.encode(task_of(run)) + b"\n" for run in written))
    return Counter(lines=days * runs_per_day, planted=len(planted), golden=GOLDEN_RUNS, tasks=len(written))


def _catalog_text() -> str:
    tools = [tool.model_dump(exclude_none=True, by_alias=True) for tool in published_tools()]
    return json.dumps({"tools": tools}, indent=1, ensure_ascii=False) + "\n"


def _logged(scene: Scene, done: Sequence[Run], seen: set[str]) -> tuple[bytes, PlantedFault | None]:
    """A run's line: as it was, or with a fault planted, of a kind not `seen` yet where there is one.

    A near-duplicate repeats one of the runs that are done.
    """
    if scene.random.random() >= PLANTED_SHARE:
        return line_of(row_of(scene.run, stamp=scene.stamp)), None
    kinds = [kind for kind in FAULTS.values() if kind.fits(scene.run) and (done or kind.name != "near_duplicate")]
    kinds = [kind for kind in kinds if kind.name not in seen] or kinds
    kind = scene.random.choices(kinds, [kind.share for kind in kinds])[0]
    if kind.name == "near_duplicate":
        scene = replace(scene, run=scene.random.choice(done))
    seen.add(kind.name)
    return kind.plant(scene), kind


def _golden(backend: Backend, catalog: Catalog, seed: int, taken: set[str]) -> bytes:
    """Golden runs, equally many of each category; the first six show all categories."""
    random = Random(f"golden {seed}")
    decks = {category: _deck(category, random) for category in Category}
    lines = []
    for place in range(GOLDEN_RUNS):
        category = list(Category)[place % len(Category)]
        run = work(backend, _assigned(decks[category], "gold", random, held=False, taken=taken))
        stamp = catalog.stamp(id_=f"golden-{place + 1:04d}", day=FIRST_DAY, second=place * 60)
        lines.append(line_of(row_of(run, stamp=stamp, golden=True)) + b"\n")
    return b"".join(lines)


def _tasks(backend: Backend, seed: int, count: int) -> list[Run]:
    """Tasks of all levels. Those of logged families come last, and go to the tools that have the fewest tasks."""
    random = Random(f"tasks {seed}")
    taken: set[str] = set()
    runs: list[Run] = []
    for level in (Level.NEW_COMPOSITION, Level.NEW_FAMILY, Level.NEW_TOOL):
        deck = _shuffled([family for family in FAMILIES.values() if family.level is level], random)
        for _ in range(round(LEVEL_SHARES[level] * count)):
            runs.append(work(backend, _assigned(deck, "eval", random, held=True, taken=taken)))
    covered = Counter(tool for run in runs for tool in _tools(run))
    families = {family.name: family for family in FAMILIES.values() if family.level is Level.NEW_WORDING}
    shown = {name: _shown(backend, family) for name, family in families.items()}
    used: Counter[str] = Counter()
    for category in _order(TASK_SHARES, round(LEVEL_SHARES[Level.NEW_WORDING] * count), random):
        fitting = [name for name in shown if shown[name] is not None and families[name].category is category]
        random.shuffle(fitting)
        name = min(fitting, key=lambda each: (used[each] > 0, _fewest(shown[each], covered), used[each]))
        run = work(backend, _assigned(iter([families[name]]), "eval", random, held=True, taken=taken))
        used[name] += 1
        covered.update(_tools(run))
        runs.append(run)
    return sorted(random.sample(runs, len(runs)), key=lambda run: not _is_shown(run))


def _is_shown(run: Run) -> bool:
    """Whether it may be the first task, which `toolft agent` takes its state from: two turns and no system prompt."""
    asked = run.assignment
    return asked.family == "look_then_tag" and asked.house.text is None and asked.language == "en"


def _shown(backend: Backend, family: Family) -> set[str] | None:
    """The tools of a family; None for one that asks for nothing, of which no task can be made."""
    run = work(backend, assign(family, kind="gold", random=Random(family.name), held=False, taken=set()))
    return _tools(run) if _demands(run) else None


def _tools(run: Run) -> set[str]:
    return {made.name for made in run.calls}


def _fewest(tools: set[str] | None, covered: Counter[str]) -> int:
    """How many tasks the least covered of some tools has; without tools there is nothing to cover."""
    return min((covered[tool] for tool in tools or ()), default=10**6)


def _demands(run: Run) -> bool:
    """Whether a task asks for anything: one whose only calls fail would be passed by doing nothing."""
    return run.assignment.category is Category.NO_TOOL or any(not made.is_error for made in run.calls)


def _assigned(families: Iterator[Family], kind: str, random: Random, *, held: bool, taken: set[str]) -> Assignment:
    """The next family that still has something new to say."""
    for family in families:
        try:
            return assign(family, kind=kind, random=random, held=held, taken=taken)
        except NothingFitsError:
            continue
    raise NothingFitsError("every family has said all that it can; ask for fewer runs")


def _dealt(shares: dict[Category, float], count: int, random: Random) -> Iterator[Family]:
    """Families in random order, categories by their shares, the families of a category equally often."""
    decks = {category: _deck(category, random) for category in shares}
    while True:
        yield from (next(decks[category]) for category in _order(shares, count, random))


def _order(shares: dict[Category, float], count: int, random: Random) -> list[Category]:
    """`count` categories by their shares, in random order; what rounding leaves over goes to the largest share."""
    order = [category for category, share in shares.items() for _ in range(int(share * count))]
    order += [max(shares, key=lambda category: shares[category])] * (count - len(order))
    random.shuffle(order)
    return order


def _deck(category: Category, random: Random) -> Iterator[Family]:
    """The logged families of a category, all of them before any comes again."""
    families = [f for f in FAMILIES.values() if f.category is category and f.level is Level.NEW_WORDING]
    return _shuffled(families, random)


def _shuffled(families: Sequence[Family], random: Random) -> Iterator[Family]:
    while True:
        yield from random.sample(families, len(families))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the data and say how much of it there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--first-day", type=date.fromisoformat, default=FIRST_DAY, help="of the logs, YYYY-MM-DD")
    parser.add_argument("--days", type=int, default=12)
    parser.add_argument("--runs-per-day", type=int, default=160)
    parser.add_argument("--tasks", type=int, default=276)
    parser.add_argument("--in-process", action="store_true", help="call the desk directly: the same bytes, sooner")
    asked = parser.parse_args(arguments)
    with nullcontext(Desk()) if asked.in_process else open_mcp_desk() as backend:
        counts = make_data(
            out=asked.out, backend=backend, seed=asked.seed, days=asked.days,
            runs_per_day=asked.runs_per_day, tasks=asked.tasks, first_day=asked.first_day,
        )  # fmt: skip
    print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
