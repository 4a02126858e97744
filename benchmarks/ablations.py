"""Ablations: an agent trained and evaluated with one setting changed at a time, on the same tasks.

Each variant and seed is one `toolft run` in a warehouse of its own folder, where what variants share is made once. Its
figures are written to a file when it ends, so a run that is killed goes on where it stopped. No variant is promoted.

python -m benchmarks.ablations [--agent NAME] [--to DAY] [--seeds N] [--only GROUP ...] [--bases PACKAGE:FORMAT ...]
    [--minutes M] [--dry-run]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.ablation_variants import DEFAULTS, Variant, base_variants, distinct, missing_setting, variants

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDER = REPOSITORY / "data" / ".warehouse" / "ablations"
"""The warehouse of the variants, and their results; not part of the repository."""

TABLE = REPOSITORY / "docs" / "ablations.md"

FIXED = {
    "gate.task_success": "1.0",
    "gate.shadow.runs": "0",
    "evaluation.compare": "[]",
    "evaluation.variants": "[]",
    "serving.constrained": "false",
    "training.max_hours": "null",
}
"""Settings of every variant: only a model that passes every task would be promoted, so that no variant is judged
beside another one in service, and no grammar, which hides what a setting does to the calls."""

TOKENS_PER_ROW, ROWS = 228.0, 1_615
"""Mean length and number of the help desk's training rows, 12 days, 2026-11-30."""

COLUMNS = {
    "right tool": ("right_tool", ".1%"),
    "exact match": ("exact_match", ".1%"),
    "general ability": ("general_ability", ".1%"),
    "no call where none can help": ("no_tool", ".1%"),
    "validation loss": ("validation_loss", ".3f"),
    "tokens/s": ("tokens_per_s", ".0f"),
    "weights, GB": ("weights_gb", ".2f"),
    "cost of 1,000 tasks": ("cost_per_1k_tasks", ".2f"),
    "minutes": ("minutes", ".0f"),
}
"""Further columns of the table: the key of the figure, and its format."""

Runner = Callable[[Variant, int], dict[str, Any]]
"""Trains and evaluates a variant with a seed; returns its figures."""


def main() -> None:
    """Run what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--agent", default="helpdesk", metavar="NAME")
    parser.add_argument("--to", default="2026-10-12", metavar="DAY")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds of training of each variant (1)")
    parser.add_argument("--only", nargs="+", metavar="GROUP", help="groups of variants (all)")
    parser.add_argument("--bases", nargs="+", default=[], metavar="PACKAGE:FORMAT", help="train these bases too")
    parser.add_argument("--minutes", type=float, default=20.0, metavar="M", help="minutes of a run, if none ended (20)")
    parser.add_argument("--dry-run", action="store_true", help="list the variants and the minutes, and stop")
    asked = parser.parse_args()
    settings = _settings(asked.agent)
    training = settings.training
    wanted = variants(
        rows=ROWS if training.token_budget is None else min(ROWS, round(training.token_budget / TOKENS_PER_ROW)),
        all_rows=ROWS,
        rank=training.lora_r,
        alpha=training.lora_alpha,
        epochs=training.epochs,
    )
    current = {key: _as_text(settings, key) for each in wanted for key in each.settings if not missing_setting(each)}
    chosen = [
        each
        for each in [*distinct(wanted, current=current), *base_variants(asked.bases)]
        if not asked.only or each.group in {*asked.only, "defaults"}
    ]
    results = FOLDER / "results"
    for line in plan_lines(chosen, seeds=asked.seeds, results=results, minutes=asked.minutes):
        print(line, flush=True)
    if asked.dry_run:
        return
    run_missing(chosen, seeds=asked.seeds, results=results, run=lambda v, s: run_variant(asked.agent, asked.to, v, s))
    TABLE.write_text(page(chosen, results=results), encoding="utf-8")
    print(TABLE)


def plan_lines(chosen: Sequence[Variant], *, seeds: int, results: Path, minutes: float) -> list[str]:
    """One line a variant: what it sets, whether it is done, how long it takes; then the sum."""
    measured = [found["minutes"] for seed in range(seeds) if (found := _result(results, DEFAULTS, seed))]
    one = statistics.mean(measured) if measured else minutes
    lines, total = [], 0.0
    for each in chosen:
        if (key := missing_setting(each)) is not None:
            lines.append(f"{each.name}: left out, this release has no setting {key}")
            continue
        left = sum(_result(results, each.name, seed) is None for seed in range(seeds))
        total += left * each.cost * one
        what = ", ".join(f"{key}={value}" for key, value in each.settings.items()) or "nothing changed"
        lines.append(f"{each.name}: {what}; {seeds - left} of {seeds} done, {left * each.cost * one:.0f} minutes left")
    return [*lines, f"{total:.0f} minutes left in all"]


def run_missing(chosen: Sequence[Variant], *, seeds: int, results: Path, run: Runner) -> None:
    """Run each variant and seed without a result; a result is published by one rename."""
    results.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        for each in chosen:
            if missing_setting(each) is not None or _result(results, each.name, seed) is not None:
                continue
            began = time.monotonic()
            found = run(each, seed) | {"minutes": round((time.monotonic() - began) / 60, 1)}
            staged = results / "result.part"
            staged.write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")
            os.replace(staged, _path(results, each.name, seed))


def run_variant(agent: str, day: str, variant: Variant, seed: int) -> dict[str, Any]:
    """Train and evaluate with the command line, and read the figures of the report."""
    from toolft_pipeline.evaluation.report.report import METRICS_FILE
    from toolft_pipeline.warehouse.manifest import ArtifactKey
    from toolft_pipeline.warehouse.store import Version, Warehouse

    settings = {**FIXED, **variant.settings, "training.seed": str(seed)}
    command = [sys.executable, "-m", "toolft_pipeline.cli", "run", agent, "--to", day]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    environment = {**os.environ, "TOOLFT_WAREHOUSE": str(FOLDER / "warehouse")}
    subprocess.run(command, env=environment, cwd=REPOSITORY, check=True)
    warehouse = Warehouse(FOLDER / "warehouse")

    def made(asset: str) -> Version:
        version = warehouse.current(ArtifactKey(agent=agent, asset=asset, partition=day))
        assert version is not None, f"the run made {asset}"
        return version

    weights = sum(path.stat().st_size for path in made("merged_model").file("model").glob("*.safetensors"))
    metrics = json.loads(made("eval_report").file(METRICS_FILE).read_text(encoding="utf-8"))
    return figures_of(
        metrics["models"]["candidate"], headline=made("qlora_adapter").manifest.headline, weight_bytes=weights
    )


def figures_of(candidate: Mapping[str, Any], *, headline: Mapping[str, Any], weight_bytes: int) -> dict[str, Any]:
    """What the table needs of a candidate's figures and its adapter's headline; memory is the weights in bf16."""
    busy = candidate.get("busy_ms_per_task")

    def share(name: str) -> float | None:
        return None if candidate.get(name) is None else candidate[name]["value"]

    return {
        "passed": candidate["task_outcomes"],
        "right_tool": share("right_tool"),
        "exact_match": share("exact_match"),
        "general_ability": share("general_ability"),
        "no_tool": share("no_tool"),
        "tokens_per_s": 1000 * candidate["new_tokens_per_task"] / busy if busy else None,
        "weights_gb": weight_bytes / 1e9,
        "cost_per_1k_tasks": candidate.get("cost_per_1k_tasks"),
        "validation_loss": headline.get("validation_loss"),
    }


def page(chosen: Sequence[Variant], *, results: Path) -> str:
    """The table as Markdown; a variant without any result says so."""
    base = _seeds_of(results, DEFAULTS)
    lines = [
        "# Ablations: what does each setting change?",
        "",
        "Written by `make ablations`. Each line changes one setting of the agent file; the same tasks, paired by task.",
        "The interval of a difference is 95 %, from the differences of the tasks, averaged over the seeds.",
        "",
        f"| variant | seeds | task success | difference to the agent file | {' | '.join(COLUMNS)} |",
        f"| --- |{' ---: |' * (3 + len(COLUMNS))}",
    ]
    for each in chosen:
        found = _seeds_of(results, each.name)
        if not found:
            why = missing_setting(each)
            said = "not run" if why is None else f"no setting `{why}`"
            lines.append(f"| {each.name} | 0 | {said} |{' |' * (1 + len(COLUMNS))}")
            continue
        shares = _shares(found)
        success = statistics.mean(shares.values())
        against = "" if each.name == DEFAULTS or not base else difference_text(shares, _shares(base))
        cells = [_mean_text(found, key, form) for key, form in COLUMNS.values()]
        lines.append(f"| {each.name} | {len(found)} | {success:.1%} | {against} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def difference_text(shares: Mapping[str, float], base: Mapping[str, float]) -> str:
    """The paired difference over the tasks that both have, in points, with its 95 % interval."""
    differences = [shares[task] - base[task] for task in sorted(shares.keys() & base.keys())]
    if len(differences) < 2:
        return ""
    mean = statistics.mean(differences)
    half = 1.96 * statistics.stdev(differences) / math.sqrt(len(differences))
    return f"{100 * mean:+.1f} ({100 * (mean - half):+.1f} to {100 * (mean + half):+.1f})"


def _mean_text(found: Sequence[Mapping[str, Any]], key: str, form: str) -> str:
    """The mean of a figure over the seeds; empty where none has it."""
    values = [one[key] for one in found if one.get(key) is not None]
    return format(statistics.mean(values), form) if values else ""


def _shares(found: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The share of seeds that passed each task."""
    tasks = {task for one in found for task in one["passed"]}
    return {task: statistics.mean(float(one["passed"].get(task, False)) for one in found) for task in sorted(tasks)}


def _seeds_of(results: Path, name: str) -> list[dict[str, Any]]:
    paths = sorted(results.glob(f"{_slug(name)}-seed*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _result(results: Path, name: str, seed: int) -> dict[str, Any] | None:
    path = _path(results, name, seed)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _path(results: Path, name: str, seed: int) -> Path:
    return results / f"{_slug(name)}-seed{seed}.json"


def _slug(name: str) -> str:
    return "".join(char if char.isalnum() else "_" for char in name)


def _settings(agent: str) -> Any:
    from toolft_pipeline.agent_file import load_agent

    return load_agent(REPOSITORY / "data" / agent / "agent.yaml")


def _as_text(settings: Any, key: str) -> str:
    """A setting's value as an override would write it."""
    section, _, name = key.partition(".")
    value = getattr(settings, section) if not name else getattr(getattr(settings, section), name)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float) and value == int(value):
        value = int(value)
    return json.dumps(list(value) if isinstance(value, tuple) else value, default=str)


if __name__ == "__main__":
    main()
