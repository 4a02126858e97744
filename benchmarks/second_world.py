"""A second world: BFCL's executed multi-turn runs as an agent, and how exactly a tuned model repeats unseen scenarios.

The agent is made in a scratch folder from the logs (OpenAI chat lines with each run's tools). Every fifth scenario is
held out: those are the evaluation tasks, and none of their runs is in the agent's logs. Rows, training and scores are
those of `toolft run`; a score is the share of held-out calling steps, each asked after the logged history, whose calls
equal the logged ones (tool and arguments, compared as JSON). The model is asked under the grammar of the catalog, as it
would be served, and without it. There is no backend, so no task is played.

Options with several values make every combination. A setting that has a line in the results is not run again, and one
that was killed goes on at its last checkpoint.

python -m benchmarks.second_world [--logs FOLDER] [--tokens N ...] [--epochs N ...] [--rank N ...]
    [--learning-rate X ...] [--catalog MODE ...] [--length N ...] [--seed N ...] [--base] [--dry-run] [--json]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.second_world_agent import DAY, write_agent

REPOSITORY = Path(__file__).resolve().parents[1]
LOGS = Path(os.environ.get("TOOLFT_BFCL_LOGS", REPOSITORY.parent / "shared" / "data" / "bfcl"))
FOLDER = REPOSITORY / "data" / ".warehouse" / "second_world"
"""A project folder of its own: agent, warehouse, Dagster's storage and results; not part of the repository."""

AGENT = "second_world"
RESULTS = "served_results.jsonl"


@dataclass(frozen=True, kw_only=True, order=True)
class Setting:
    """One line of the table. `tokens` is the budget of distinct rows, None for all of them."""

    catalog: str
    tokens: int | None
    epochs: float
    rank: int
    learning_rate: float
    length: int
    seed: int
    base: bool
    """Whether the untuned base, with examples in its prompt, is asked the same steps."""

    @property
    def overrides(self) -> dict[str, str]:
        """What `toolft run --set` is given."""
        return {
            "chat.catalog_mode": self.catalog,
            "chat.max_length": str(max(4096, 32 * self.length) if self.catalog == "full" else 4096),
            "training.token_budget": "null" if self.tokens is None else str(self.tokens),
            "training.epochs": str(self.epochs),
            "training.lora_r": str(self.rank),
            "training.lora_alpha": str(2 * self.rank),
            "training.learning_rate": str(self.learning_rate),
            "training.packed_length": str(self.length),
            "training.seed": str(self.seed),
            "evaluation.compare": '["base"]' if self.base else "[]",
        }


def main() -> None:
    """Make the agent, run what is missing, print the table."""
    asked = _parser().parse_args()
    settings = list(settings_of(asked))
    done = read_results(FOLDER / RESULTS)
    for each in settings:
        print(f"{'done' if each in done else 'to run'}: {_words(each)}", flush=True)
    if asked.dry_run:
        return
    agent = write_agent(asked.logs, FOLDER / "data" / AGENT)
    print(
        f"{agent['training_runs']} training runs, {agent['held_out_runs']} held out with {agent['held_out_steps']} "
        f"steps, {agent['tools']} tools",
        flush=True,
    )
    for each in settings:
        if each not in done:
            figures = run(each)
            with (FOLDER / RESULTS).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"setting": asdict(each), "figures": figures}) + "\n")
            done[each] = figures
            print(line_of(each, figures), flush=True)
    print(table([(each, done[each]) for each in settings]))
    if asked.json:
        best = max(settings, key=lambda each: done[each]["exact_match"]["value"])
        figures = {"exact_match": done[best]["exact_match"]["value"], "minutes": done[best]["training_minutes"]}
        print(json.dumps({"figures": figures, "against": {"exact_match": 0.6}, "rows": done[best]["rows"]}))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--logs", type=Path, default=LOGS, metavar="FOLDER", help="also TOOLFT_BFCL_LOGS")
    parser.add_argument("--catalog", nargs="+", default=["none"], choices=["none", "names", "full"], metavar="MODE")
    parser.add_argument("--tokens", nargs="+", type=_tokens, default=[None], metavar="N", help="of distinct rows (all)")
    parser.add_argument("--epochs", nargs="+", type=float, default=[5.0], metavar="N")
    parser.add_argument("--rank", nargs="+", type=int, default=[16], metavar="N")
    parser.add_argument("--learning-rate", nargs="+", type=float, default=[1e-3], metavar="X")
    parser.add_argument(
        "--length", nargs="+", type=int, default=[512], metavar="N", help="tokens of a packed row (512)"
    )
    parser.add_argument("--seed", nargs="+", type=int, default=[0], metavar="N")
    parser.add_argument("--base", action="store_true", help="ask the untuned base too")
    parser.add_argument("--dry-run", action="store_true", help="list the settings and stop")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    return parser


def _tokens(text: str) -> int | None:
    return None if text == "all" else int(text)


def settings_of(asked: argparse.Namespace) -> Iterator[Setting]:
    """Every combination of the options, in their order."""
    values = (asked.catalog, asked.tokens, asked.epochs, asked.rank, asked.learning_rate, asked.length, asked.seed)
    for catalog, tokens, epochs, rank, rate, length, seed in itertools.product(*values):
        yield Setting(
            catalog=catalog, tokens=tokens, epochs=epochs, rank=rank, learning_rate=rate, length=length, seed=seed,
            base=asked.base,
        )  # fmt: skip


def run(setting: Setting) -> dict[str, Any]:
    """Train and evaluate with the command line, in the project folder of this world; read the figures."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "toolft_pipeline.cli", "run", AGENT]
    for key, value in setting.overrides.items():
        command += ["--set", f"{key}={value}"]
    left_out = ("TOOLFT_AGENTS", "TOOLFT_WAREHOUSE")
    environment = {key: value for key, value in os.environ.items() if key not in left_out}
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    environment |= {"DAGSTER_HOME": str(FOLDER), "PYTHONPATH": path}
    subprocess.run(command, env=environment, cwd=FOLDER, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return read_figures(FOLDER / "data" / ".warehouse") | {"cpu_minutes": round(used / 60, 1)}


def read_figures(warehouse: Path) -> dict[str, Any]:
    """The figures of the versions in force."""
    import pyarrow.parquet as pq

    from toolft_pipeline.evaluation.report.report import METRICS_FILE
    from toolft_pipeline.training.train_adapter import PROGRESS_FILE, TRAINING_FILE
    from toolft_pipeline.warehouse.manifest import ArtifactKey
    from toolft_pipeline.warehouse.store import Version, Warehouse

    def made(asset: str) -> Version:
        version = Warehouse(warehouse).current(ArtifactKey(agent=AGENT, asset=asset, partition=DAY))
        assert version is not None, f"the run made {asset}"
        return version

    adapter = made("qlora_adapter")
    facts = json.loads(adapter.file(TRAINING_FILE).read_text(encoding="utf-8"))
    models = json.loads(made("eval_report").file(METRICS_FILE).read_text(encoding="utf-8"))["models"]
    speeds = [speed for speed in pq.read_table(adapter.file(PROGRESS_FILE))["tokens_per_s"].to_pylist() if speed]
    shown = ("exact_match", "right_tool", "valid_arguments", "parse_rate")
    return {
        **{name: models["candidate+constrained"][name] for name in shown},
        "exact_match_alone": models["candidate"]["exact_match"],
        "steps": models["candidate"]["n_call_steps"],
        "base_exact_match": models["base"]["exact_match"] if "base" in models else None,
        "rows": facts["rows"],
        "tokens": round(facts["tokens"]),
        "loss_tokens": round(facts["loss_tokens"]),
        "validation_loss": facts.get("validation_loss"),
        "tokens_per_s": round(sum(speeds) / len(speeds)) if speeds else None,
        "training_minutes": round(adapter.manifest.duration_s / 60, 1),
    }


def read_results(path: Path) -> dict[Setting, dict[str, Any]]:
    """What ran before, by setting; a later line replaces an earlier one, and a half-written one is skipped."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[Setting(**row["setting"])] = row["figures"]
    return found


def line_of(setting: Setting, figures: Mapping[str, Any]) -> str:
    """One setting and what it gave, in words."""
    return (
        f"{_words(setting)}: exact {_percent(figures['exact_match'])} of {figures['steps']} steps "
        f"({_percent(figures['exact_match_alone'])} without the grammar), "
        f"{figures['training_minutes']} minutes of training at {figures['tokens_per_s']} tokens/s"
    )


def table(rows: Sequence[tuple[Setting, Mapping[str, Any]]]) -> str:
    """A Markdown table with a line for each setting."""
    head = (
        *("catalog", "rows", "tokens", "epochs", "rank", "learning rate", "length", "seed"),
        *("exact match", "without the grammar", "right tool", "base exact", "validation loss", "tokens/s"),
        *("training, min", "CPU of all, min"),
    )
    lines = [head, ["---:"] * len(head)]
    for each, found in rows:
        base = found["base_exact_match"]
        loss = found["validation_loss"]
        lines.append(
            [
                *(each.catalog, f"{found['rows']}", f"{found['tokens']:,}", f"{each.epochs:g}", f"{each.rank}"),
                *(f"{each.learning_rate:g}", f"{each.length}", f"{each.seed}", _percent(found["exact_match"])),
                *(_percent(found["exact_match_alone"]), _percent(found["right_tool"])),
                "" if base is None else _percent(base),
                *("" if loss is None else f"{loss:.3f}", f"{found['tokens_per_s']}"),
                *(f"{found['training_minutes']}", f"{found['cpu_minutes']}"),
            ]
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _words(setting: Setting) -> str:
    tokens = "all" if setting.tokens is None else f"{setting.tokens:,}"
    return (
        f"catalog {setting.catalog}, {tokens} tokens, {setting.epochs:g} epochs, rank {setting.rank}, "
        f"learning rate {setting.learning_rate:g}, length {setting.length}, seed {setting.seed}"
    )


def _percent(rate: Mapping[str, float]) -> str:
    return f"{rate['value']:.1%} ({rate['low']:.1%}-{rate['high']:.1%})"


if __name__ == "__main__":
    main()
