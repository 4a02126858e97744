"""How many mutants of gold runs the judge of rollouts fails.

Each task's gold run is spoilt in every way of `KINDS`, some times over; `judge_labels` says from the desk itself
whether that changed what the run means. A model that does exactly what the spoilt run does is then rolled out and
judged, and beside the judge stands one that looks at the final state alone. `answer_mutants` spoils what the run says,
and adds calls that nobody asked for; its neutral kinds must pass.

    python -m benchmarks.judge [--quick] [--json]
"""

from __future__ import annotations

import argparse
import copy
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from helpdesk.desk import Desk

from benchmarks import mutant_kinds
from benchmarks.answer_mutants import CHANGING, NEUTRAL, answer_mutants
from benchmarks.judge_labels import Change, Row, changes
from benchmarks.scripted_runs import DeskSandbox, Script
from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.judge.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.scoring.rollout import RolloutLimits
from toolft_pipeline.evaluation.scoring.rollouts import run_rollouts
from toolft_pipeline.sandbox.session_pool import SessionPool
from toolft_pipeline.settings import AgentSettings

DATA = Path(__file__).resolve().parent.parent / "data" / "helpdesk"
QUICK_TASKS = 80
DRAWS = 3
"""How often each task is spoilt in each way; equal mutants count once."""

SESSIONS = 16
"""Desks in this process, each of which holds one rollout."""

KINDS = ("drop", "duplicate", "made_up_tool", "inserted_tool", "unknown_parameter", "perturb", "swap")


@dataclass(kw_only=True)
class Tally:
    """What became of the spoilt runs of one kind."""

    mutants: int = 0
    changing: int = 0
    failed: int = 0
    failed_by_state: int = 0
    neutral_failed: int = 0
    neutral_failed_by_state: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    neutral_reasons: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, *, label: frozenset[Change], failures: Sequence[str], state_differs: bool) -> None:
        """Count one mutant: what changed, what the judge found, what the final state alone says."""
        self.mutants += 1
        if not label:
            self.neutral_failed += bool(failures)
            self.neutral_failed_by_state += state_differs
            self.neutral_reasons["+".join(failures) or "passed"] += 1
            return
        self.changing += 1
        self.labels["+".join(sorted(label))] += 1
        self.failed += bool(failures)
        self.failed_by_state += state_differs
        if not failures:
            self.missed.append(f"{name}: {'+'.join(sorted(label))}")


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One spoilt gold run."""

    kind: str
    task: Task
    row: Row


def gold_row(task: Task) -> Row:
    """A task's gold run in the shape of a log line."""
    return {"initial_state": task.state_ref, "messages": [dict(message) for message in task.gold]}


def mutants(tasks: Sequence[Task], *, schemas: dict[str, Row], seed: int) -> Iterator[Mutant]:
    """Every task spoilt in every way; what cannot be spoilt in a way is left out, and nothing comes twice."""
    random = Random(seed)
    for kind in KINDS:
        for task in tasks:
            seen = set()
            for _ in range(DRAWS):
                row = _spoilt(gold_row(task), kind=kind, schemas=schemas, random=random)
                if row is not None and (text := json.dumps(row)) not in seen:
                    seen.add(text)
                    yield Mutant(kind=kind, task=task, row=row)


def _spoilt(row: Row, *, kind: str, schemas: dict[str, Row], random: Random) -> Row | None:
    if kind == "inserted_tool":
        return _inserted(copy.deepcopy(row), random)
    return mutant_kinds.mutated(row, kind=kind, schemas=schemas, random=random)


def _inserted(row: Row, random: Random) -> Row | None:
    """A call to a tool that nobody has stands beside a right one."""
    if not (sites := mutant_kinds.sites(row)):
        return None
    site = random.choice(sites)
    answer = mutant_kinds.result_of(row, site)
    made_up: Row = {"id": "call_made_up", "type": "function", "function": {"name": "confirm_action", "arguments": "{}"}}
    row["messages"].insert(
        answer + 1, row["messages"][answer] | {"tool_call_id": made_up["id"], "name": "confirm_action"}
    )
    row["messages"][site[0]]["tool_calls"].append(made_up)
    return row


def failures_of(runs: Sequence[tuple[Task, Row]], *, settings: AgentSettings) -> list[tuple[list[str], bool]]:
    """What the judge finds in each run once it is rolled out, and whether its calls leave another state."""
    script = Script([row for _, row in runs])
    validator = CatalogValidator(load_catalog(settings.path("catalog.json")))
    limits = RolloutLimits(
        max_turns=settings.evaluation.max_turns, max_prompt_tokens=1, extra_calls=settings.evaluation.extra_calls
    )
    sandbox = DeskSandbox()
    sessions = SessionPool(DeskSandbox, size=SESSIONS)
    asked = [script.asked(number, task) for number, (task, _) in enumerate(runs)]
    transcripts = run_rollouts(
        asked, prompter=script, generator=script, sessions=sessions, validator=validator, limits=limits
    )
    return [
        (
            [
                str(finding.failure)
                for finding in judge_rollout(task, transcript, extra_calls=limits.extra_calls).findings
            ],
            sandbox.final_state(row) != task.expected_state,
        )
        for (task, row), transcript in zip(runs, transcripts, strict=True)
    ]


def measure(tasks: Sequence[Task], *, settings: AgentSettings, seed: int = 0) -> tuple[int, dict[str, Tally]]:
    """How many gold runs fail, and what became of the spoilt ones of each kind."""
    tools: list[dict[str, Any]] = json.loads(settings.path("catalog.json").read_text())["tools"]
    schemas = {tool["name"]: tool["inputSchema"] for tool in tools}
    made = list(mutants(tasks, schemas=schemas, seed=seed))
    runs = [(task, gold_row(task)) for task in tasks] + [(mutant.task, mutant.row) for mutant in made]
    judged = failures_of(runs, settings=settings)
    desk, tallies = Desk(), {kind: Tally() for kind in KINDS}
    for mutant, (failures, state_differs) in zip(made, judged[len(tasks) :], strict=True):
        label = changes(gold_row(mutant.task), mutant.row, desk=desk)
        name = f"{mutant.task.task_id} ({mutant.task.family})"
        tallies[mutant.kind].add(name, label=label, failures=failures, state_differs=state_differs)
    return sum(bool(failures) for failures, _ in judged[: len(tasks)]), tallies


def measure_answers(tasks: Sequence[Task], *, settings: AgentSettings, seed: int = 0) -> dict[str, Tally]:
    """What became of the gold runs with another answer, or with calls that nobody asked for, of each kind."""
    tallies = {kind: Tally() for kind in (*CHANGING, *NEUTRAL)}
    rows = [gold_row(task) for task in tasks]
    made = [(kind, *each) for kind in tallies for each in answer_mutants(rows, kind=kind, seed=seed)]
    judged = failures_of([(tasks[number], row) for _, number, row in made], settings=settings)
    for (kind, number, _), (failures, _) in zip(made, judged, strict=True):
        tally, name = tallies[kind], f"{tasks[number].task_id} ({tasks[number].family})"
        tally.mutants += 1
        if kind in CHANGING:
            tally.changing += 1
            tally.failed += bool(failures)
            tally.missed += [] if failures else [name]
        else:
            tally.neutral_failed += bool(failures)
            tally.missed += [f"{name}: {'+'.join(failures)}"] if failures else []
    return tallies


def _print_answers(tallies: dict[str, Tally]) -> None:
    print("| answer or calls | runs | fail |")
    print("| --- | ---: | ---: |")
    for kind, tally in tallies.items():
        print(f"| {kind} | {tally.mutants} | {_share(tally.failed + tally.neutral_failed, tally.mutants)} |")
    for kind, tally in tallies.items():
        for line in tally.missed[:5]:
            print(f"  {kind}: missed {line}")


def _print(gold: int, failed: int, tallies: dict[str, Tally]) -> None:
    print(f"{gold} gold runs, {failed} fail")
    print("| spoilt by | changed | fail | by state alone | neutral | fail | by state alone |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for kind, tally in tallies.items():
        neutral = tally.mutants - tally.changing
        print(
            f"| {kind} | {tally.changing} | {_share(tally.failed, tally.changing)} "
            f"| {_share(tally.failed_by_state, tally.changing)} | {neutral} "
            f"| {_share(tally.neutral_failed, neutral)} | {_share(tally.neutral_failed_by_state, neutral)} |"
        )
    for kind, tally in tallies.items():
        print(
            f"{kind}: changed {dict(tally.labels.most_common())}; neutral {dict(tally.neutral_reasons.most_common())}"
        )
        for line in tally.missed[:5]:
            print(f"  missed {line}")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Which spoilt gold runs the judge of rollouts lets pass.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_TASKS} tasks, spread over the file")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    asked = parser.parse_args()
    settings = load_agent(DATA / AGENT_FILE)
    tasks = load_tasks(settings.path(settings.evaluation.tasks))
    tasks = tasks[:: max(1, len(tasks) // QUICK_TASKS)] if asked.quick else tasks
    failed, tallies = measure(tasks, settings=settings)
    _print(len(tasks), failed, tallies)
    answers = measure_answers(tasks, settings=settings)
    _print_answers(answers)
    if asked.json:
        changing = sum(tally.changing for tally in tallies.values())
        figures = {
            "gold_failed": failed,
            "changing": changing,
            "changing_failed": sum(tally.failed for tally in tallies.values()) / changing,
            "neutral": sum(tally.mutants - tally.changing for tally in tallies.values()),
            "neutral_failed": sum(tally.neutral_failed for tally in tallies.values()),
            **{f"{kind}_failed": tally.failed / max(1, tally.changing) for kind, tally in tallies.items()},
            **{f"{kind}_failed_by_state": t.failed_by_state / max(1, t.changing) for kind, t in tallies.items()},
        }
        tallied = [answers[kind] for kind in CHANGING]
        figures |= {
            "answers": sum(tally.changing for tally in tallied),
            "answers_failed": sum(tally.failed for tally in tallied) / sum(tally.changing for tally in tallied),
            "answers_neutral": sum(answers[kind].mutants for kind in NEUTRAL),
            "answers_neutral_failed": sum(answers[kind].neutral_failed for kind in NEUTRAL),
            **{f"{kind}_failed": answers[kind].failed / max(1, answers[kind].changing) for kind in CHANGING},
        }
        by_state = sum(tally.failed_by_state for tally in tallies.values()) / changing
        against = {"changing_failed": 0.99, "answers_failed": 0.99, "changing_failed_by_final_state_alone": by_state}
        print(json.dumps({"figures": figures, "against": against, "rows": len(tasks)}))


if __name__ == "__main__":
    main()
