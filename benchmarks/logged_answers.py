"""How many lies about their results the rule on logged answers finds, and what it costs.

Honest runs are those of the help desk and the assistant in which nothing was planted, their golden runs, the same
with answers that enumerate, and logs given with --logs (executed trajectories without answers).
`logged_answer_mutants` spoils each of them in every way and says whether that changes what it means. No run is
replayed: what replay would find besides is not counted. The time is that of the rules that need no sandbox, with and
without the rule, in turn. python -m benchmarks.logged_answers [--quick] [--json] [--logs FILE] [--show N]
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import median
from unittest.mock import patch

from msgspec import structs

from benchmarks.logged_answer_mutants import KINDS, Row, answer_of, enumerated
from benchmarks.mutants import DATA, honest_rows
from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.ingest.lines.openai_chat import read_openai_line
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.trajectories.record import Source, Trajectory
from toolft_pipeline.verification.logged_answers.claims import read_claims
from toolft_pipeline.verification.rules import rule_set
from toolft_pipeline.verification.rules.registry import RULES
from toolft_pipeline.verification.rules.rule_set import RuleSet, check_text, load_rules
from toolft_pipeline.verification.rules.verdict import Rule

QUICK_RUNS = 400
ASSISTANT = DATA.parent / "assistant"
_TIMED = 7


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_RUNS} runs of the help desk, spread over the days"
    )
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    parser.add_argument(
        "--logs", type=Path, action="append", default=[], help="more honest OpenAI JSONL, perhaps gzipped"
    )
    parser.add_argument("--show", type=int, default=5, help="how many missed mutants and lost runs to print")
    asked = parser.parse_args()
    desk = honest_rows(DATA)
    desk = desk[:: max(1, len(desk) // QUICK_RUNS)] if asked.quick else desk
    figures: dict[str, float] = {}
    sources = {
        "helpdesk": (DATA, [*desk, *_lines(DATA / "golden.jsonl")]),
        "helpdesk_enumerated": (DATA, list(enumerated(desk))),
        "assistant": (ASSISTANT, assistant_rows()),
    }
    total = Counter[str]()
    for name, (folder, rows) in sources.items():
        total += _measure(name, rows, agent_rules(folder), show=asked.show)
    for path in asked.logs:
        total += _controls(path)
    figures["changing_rejected"] = total["rejected"] / total["changing"]
    figures["honest_kept"] = 1 - total["lost"] / total["honest"]
    figures |= _cost([read_row(row) for row in desk], agent_rules(DATA))
    print(", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
    if asked.json:
        print(
            json.dumps(
                {
                    "figures": figures,
                    "against": {"changing_rejected": 0.99, "honest_kept": 0.98},
                    "rows": total["honest"],
                }
            )
        )


def agent_rules(folder: Path) -> RuleSet:
    """The rules of a committed agent."""
    settings = load_agent(folder / AGENT_FILE)
    return load_rules(catalog=settings.path("catalog.json"), settings=settings, key=surrogate_key())


def _measure(name: str, rows: Sequence[Row], rules: RuleSet, *, show: int) -> Counter[str]:
    """Print and count what becomes of honest runs and of their mutants."""
    honest, total, random = [], Counter[str](), Random(0)
    for row in rows:
        total["honest"] += 1
        reason = _reason(row, rules)
        total["lost"] += reason is not None
        if reason is None:
            honest.append(row)
        else:
            print(f"  lost {row['id']}: {reason}: {answer_of(row)[:80]!r}")
    print(f"{name}: {len(rows)} honest runs, {total['lost']} lost")
    for kind, mutate in KINDS.items():
        made, missed, neutral = Counter[str](), list[str](), Counter[str]()
        for row in honest:
            if (mutant := mutate(row, honest, random)) is None:
                continue
            reason = _reason(mutant.row, rules)
            if not mutant.changes:
                neutral[reason or "accepted"] += 1
                continue
            made[reason or "accepted"] += 1
            if reason is None:
                missed.append(f"{row['id']}: {answer_of(row)[:60]!r} -> {answer_of(mutant.row)[:60]!r}")
        changing = made.total()
        total["changing"] += changing
        total["rejected"] += changing - made["accepted"]
        if changing or neutral:
            print(
                f"  {kind:20} {changing - made['accepted']:5} of {changing:5} rejected; "
                f"{dict(made.most_common(4))}; neutral {dict(neutral)}"
            )
        for line in missed[:show]:
            print(f"    missed {line}")
    return total


def _controls(path: Path) -> Counter[str]:
    """Print and count honest runs that another agent's log has; only the rule itself is asked."""
    entry = next(entry for entry in RULES if entry.rule is Rule.ANSWERS)
    context = agent_rules(DATA).context
    total = Counter[str]()
    for row in _lines(path):
        total["honest"] += 1
        violation = entry.check(read_row(row), context) if entry.check else None
        if violation is not None:
            total["lost"] += 1
            print(f"  lost {row['id']}: {violation.reason}")
    print(f"{path.name}: {total['honest']} honest runs, {total['lost']} lost")
    return total


def _reason(row: Row, rules: RuleSet) -> str | None:
    violation = check_text(read_row(row), rules=rules).violation
    return None if violation is None else f"{violation.rule}/{violation.fault}"


def _cost(runs: Sequence[Trajectory], rules: RuleSet) -> dict[str, float]:
    """Median runs a second of the rules with and without the one on answers, measured in turn."""
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    tables = {"with": RULES, "without": tuple(entry for entry in RULES if entry.rule is not Rule.ANSWERS)}
    for _ in range(_TIMED):
        for name, table in tables.items():
            read_claims.cache_clear()
            with patch.object(rule_set, "RULES", table):
                began = time.process_time()
                for run in runs:
                    check_text(run, rules=rules)
                seconds[name].append(time.process_time() - began)
    rates = {f"runs_per_s_{name}": len(runs) / median(times) for name, times in seconds.items()}
    return rates | {"cost": rates["runs_per_s_without"] / rates["runs_per_s_with"] - 1}


def assistant_rows() -> list[Row]:
    """The assistant's logged runs in which nothing was planted, and its golden ones."""
    planted = {(row["file"], row["line"]) for row in json.loads((ASSISTANT / "planted.json").read_text())}
    rows = [
        json.loads(line)
        for path in sorted((ASSISTANT / "logs").glob("*.jsonl"))
        for number, line in enumerate(path.read_bytes().splitlines(), start=1)
        if (f"logs/{path.name}", number) not in planted
    ]
    return [*rows, *_lines(ASSISTANT / "golden.jsonl")]


def _lines(path: Path) -> list[Row]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.splitlines()]


def read_row(row: Row) -> Trajectory:
    """A row as the reader of OpenAI lines gives it; golden rows are marked so."""
    line = json.dumps({key: value for key, value in row.items() if key != "pairs"}).encode()
    run = read_openai_line(line, agent="benchmark", source=Source(file="", line=1, offset=0, format="openai"))
    if not isinstance(run, Trajectory):
        raise ValueError(f"{row['id']}: a mutant must stay readable, and the reader says {run.detail}")
    return structs.replace(run, golden=row["id"].startswith("golden"))


if __name__ == "__main__":
    main()
