"""How many mutants of the help desk's honest runs verification rejects, with all rules.

Honest runs are the logged lines that the log writer's key of planted faults does not name. Each is spoilt once in
every way of `mutant_kinds`; `mutant_labels` says from the desk's own SQLite database whether that changed what the
run means; then the rules judge originals and mutants alike, replayed on the desk's MCP server.

    python -m benchmarks.mutants [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from helpdesk.desk import Desk

from benchmarks.mutant_kinds import KINDS, mutated
from benchmarks.mutant_labels import Change, changes
from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.ingest.lines.openai_chat import read_openai_line
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.trajectories.record import Source, Trajectory
from toolft_pipeline.verification.replay.replay_pool import RunCheck, replay_all
from toolft_pipeline.verification.rules.rule_set import check_text, load_rules
from toolft_pipeline.verification.rules.verdict import Violation

DATA = Path(__file__).resolve().parent.parent / "data" / "helpdesk"
QUICK_RUNS = 240

_REPLAY = {"replay/result_differs", "replay/final_state_differs"}
_GROUNDING = {
    "grounding/ungrounded_answer",
    "grounding/unasked_answer",
    "grounding/ungrounded_choice",
    "grounding/unread_value",
}
_ANSWERS = {
    "answers/false_success",
    "answers/false_failure",
    "answers/contradicted_result",
    "answers/misplaced_value",
    "answers/unnamed_target",
    "answers/answer_unread",
}
RIGHT = {
    "drop": _REPLAY | _GROUNDING | _ANSWERS,
    "duplicate": _REPLAY,
    "swap": _REPLAY | _GROUNDING | _ANSWERS,
    "perturb": _REPLAY | _GROUNDING | _ANSWERS | {"catalog/invalid_arguments"},
    "unknown_parameter": {"catalog/invalid_arguments"},
    "made_up_tool": {"catalog/unknown_tool"},
    "forged_result": {"replay/result_differs"} | _GROUNDING | _ANSWERS,
}
"""The reasons that say what was done to a mutant of each kind. A forged result that a later turn rests on, or a
perturbed id that no text before contains, is found as ungrounded before any replay; so is an answer that fits another
result, and a call on another id than the user named."""

Row = dict[str, Any]


@dataclass(kw_only=True)
class Tally:
    """What became of the mutants of one kind."""

    mutants: int = 0
    changing: int = 0
    rejected: int = 0
    rightly: int = 0
    neutral_rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    def add(self, run_id: str, *, label: frozenset[Change], reason: str | None, right: set[str]) -> None:
        """Count one mutant; `reason` is "rule/fault", None for an accepted one."""
        self.mutants += 1
        self.reasons[reason or "accepted"] += bool(label)
        if not label:
            self.neutral_rejected += reason is not None
            return
        self.changing += 1
        self.labels["+".join(sorted(label))] += 1
        self.rejected += reason is not None
        self.rightly += reason in right
        if reason not in right:
            self.missed.append(f"{run_id}: {'+'.join(sorted(label))}, {reason or 'accepted'}")


def honest_rows(folder: Path) -> list[Row]:
    """The logged runs in which nothing was planted, in order."""
    planted = {(row["file"], row["line"]) for row in map(json.loads, (folder / "planted.jsonl").open())}
    return [
        json.loads(line)
        for path in sorted((folder / "logs").glob("????-??-??.jsonl"))
        for number, line in enumerate(path.read_bytes().splitlines(), start=1)
        if (f"logs/{path.name}", number) not in planted
    ]


def findings(rows: Iterable[Row], *, settings: AgentSettings) -> Iterator[Violation | None]:
    """What the rules say of each run, in order."""
    rules = load_rules(catalog=settings.path("catalog.json"), settings=settings, key=surrogate_key())

    def judged() -> Iterator[RunCheck]:
        for row in rows:
            run = _read(row)
            text = check_text(run, rules=rules)
            yield RunCheck(run=run, renamed=False, violation=text.violation, ungrounded=text.ungrounded)

    for item in replay_all(judged(), sandbox=rules.sandbox, cwd=rules.cwd):
        yield item.violation


def _read(row: Row) -> Trajectory:
    place = Source(file="", line=1, offset=0, format="openai")
    run = read_openai_line(json.dumps(row).encode(), agent="helpdesk", source=place)
    if not isinstance(run, Trajectory):
        raise ValueError(f"{row['id']}: a mutant must stay readable, and the reader says {run.detail}")
    return run


def measure(rows: Sequence[Row], *, settings: AgentSettings, seed: int = 0) -> tuple[int, dict[str, Tally]]:
    """How many originals are rejected, and what became of the mutants of each kind."""
    tools = json.loads(settings.path("catalog.json").read_text())["tools"]
    schemas = {tool["name"]: tool["inputSchema"] for tool in tools}
    random = Random(seed)
    made = [
        (kind, row, mutant)
        for kind in KINDS
        for row in rows
        if (mutant := mutated(row, kind=kind, schemas=schemas, random=random)) is not None
    ]
    found = list(findings([*rows, *(mutant for _, _, mutant in made)], settings=settings))
    desk, tallies = Desk(), {kind: Tally() for kind in KINDS}
    for (kind, row, mutant), violation in zip(made, found[len(rows) :], strict=True):
        reason = f"{violation.rule}/{violation.fault}" if violation else None
        label = changes(row, mutant, desk=desk)
        tallies[kind].add(row["id"], label=label, reason=reason, right=RIGHT[kind])
    return sum(violation is not None for violation in found[: len(rows)]), tallies


def _print(originals: int, rejected: int, tallies: dict[str, Tally]) -> None:
    print(f"{originals} originals, {rejected} rejected")
    print(
        f"{'kind':18} {'mutants':>7} {'changing':>8} {'rejected rightly':>17} {'neutral':>8} {'of them rejected':>17}"
    )
    for kind, tally in tallies.items():
        neutral = tally.mutants - tally.changing
        rightly = f"{tally.rightly} ({tally.rightly / tally.changing:.1%})" if tally.changing else "-"
        print(f"{kind:18} {tally.mutants:7} {tally.changing:8} {rightly:>17} {neutral:8} {tally.neutral_rejected:17}")
    for kind, tally in tallies.items():
        print(f"{kind}: changed {dict(tally.labels.most_common())}; judged {dict((+tally.reasons).most_common())}")
        for line in tally.missed[:5]:
            print(f"  missed {line}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Which mutants of the help desk's logs verification rejects.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_RUNS} runs, spread over the days")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    asked = parser.parse_args()
    rows = honest_rows(DATA)
    rows = rows[:: max(1, len(rows) // QUICK_RUNS)] if asked.quick else rows
    rejected, tallies = measure(rows, settings=load_agent(DATA / AGENT_FILE))
    _print(len(rows), rejected, tallies)
    if asked.json:
        changing = sum(tally.changing for tally in tallies.values())
        figures = {
            "originals_rejected": rejected,
            "changing_rejected_rightly": sum(tally.rightly for tally in tallies.values()) / changing,
            "neutral": sum(tally.mutants - tally.changing for tally in tallies.values()),
            "neutral_rejected": sum(tally.neutral_rejected for tally in tallies.values()),
            **{f"{kind}_rejected_rightly": tally.rightly / max(1, tally.changing) for kind, tally in tallies.items()},
        }
        print(json.dumps({"figures": figures, "against": {"changing_rejected_rightly": 0.99}, "rows": len(rows)}))


if __name__ == "__main__":
    main()
