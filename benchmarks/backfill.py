"""A tool changes: how much of 60 days is rebuilt, and how long that takes against rebuilding everything.

The help desk's own writer makes the logs (in this process), the data stages are built as a run builds them, with the
real MCP sandbox; then the catalog is edited twice, and each time the days are brought up to date:

- wider: the tool that most runs call gets an optional parameter. Its runs are verified again, and all are accepted.
- narrower: a tool called on about half of the days gets a required parameter. Its runs are lost on those days.

Last, another warehouse is filled under the last catalog from nothing. Both must hold the same content, asset by asset.

    python -m benchmarks.backfill [--quick] [--days N] [--runs-per-day N] [--json]

`--quick` takes 8 days instead of 60. The tokenizer is a small one, learned from the logs, in chat format `chatml`: the
benchmark measures which days are rebuilt, not how fast one is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from helpdesk.desk import Desk
from helpdesk.make_data import FIRST_DAY, make_data

from toolft_pipeline.agent_file import AGENT_FILE, load_agent
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import Group
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.trajectories.accepted_table import read_accepted_rows
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse

DAYS, RUNS_PER_DAY, SEED = 60, 24, 11
QUICK_DAYS, QUICK_RUNS_PER_DAY = 8, 12
FOLLOWING = ("verified_trajectories", "run_signatures", "chat_rows", "token_tensors")
"""What a new catalog may reach, in the order of the flow."""

BACKEND = Path(__file__).resolve().parent.parent / "data" / "helpdesk" / "backend" / "server.py"
AGENT = """
first_day: "2026-10-01"
window_days: 60
logs: {{folder: logs, golden: golden.jsonl}}
catalog: {{file: catalog.json}}
sandbox:
  command: [python, {backend}]
  reset_tool: desk_reset
  snapshot_tool: desk_snapshot
  sessions: 1
base_model: {{folder: {model}}}
chat: {{format: chatml}}
"""


@dataclass(frozen=True, kw_only=True)
class Made:
    """One pass over all days: wall time, versions built by asset, runs replayed, verdicts taken from the cache."""

    seconds: float
    built: Counter[str]
    replayed: int
    cached: int


def main() -> None:
    """Measure, print a table, and with --json one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_DAYS} days instead of {DAYS}")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    parser.add_argument("--days", type=int, help="days of logs, whatever --quick says")
    parser.add_argument("--runs-per-day", type=int, help="runs of each day")
    asked = parser.parse_args()
    days, runs = (QUICK_DAYS, QUICK_RUNS_PER_DAY) if asked.quick else (DAYS, RUNS_PER_DAY)
    days, runs = asked.days or days, asked.runs_per_day or runs
    with tempfile.TemporaryDirectory() as place:
        figures = measure(Path(place), days=days, runs_per_day=runs)
    for name, value in figures.items():
        print(f"{name:32} {value:12,.2f}")
    if asked.json:
        against = {"full_rebuild_s": figures["full_rebuild_s"], "days": days}
        print(json.dumps({"figures": figures, "against": against, "rows": days * runs}))


def measure(place: Path, *, days: int, runs_per_day: int) -> dict[str, float]:
    """Both edits on one warehouse, then everything from nothing in another. Fails where their contents differ."""
    folder = place / "desk"
    folder.mkdir()
    make_data(out=folder, backend=Desk(), seed=SEED, days=days, runs_per_day=runs_per_day, tasks=1)
    (folder / AGENT_FILE).write_text(
        AGENT.format(model=_model(place / "model", folder), backend=BACKEND), encoding="utf-8"
    )
    settings = load_agent(folder / AGENT_FILE)
    names = [(FIRST_DAY + timedelta(days=offset)).isoformat() for offset in range(days)]
    kept = Warehouse(place / "kept")
    _pass(settings, kept, names)
    usage, calling = _usage_of_tools(settings, kept, names)
    most = max(usage, key=lambda tool: (calling[tool], tool))
    half = min(usage.keys() - {most}, key=lambda tool: (abs(len(usage[tool]) - days / 2), tool))
    figures: dict[str, float] = {}
    for name, tool, edit in (("wider", most, _optional), ("narrower", half, _required)):
        _edit(folder / "catalog.json", tool, edit)
        made = _pass(settings, kept, names)
        called = f"called by {calling[tool]} accepted runs on {len(usage[tool])} of {days} days"
        print(f"{name}: {tool}, {called}; built {dict(made.built)}", flush=True)
        figures |= {
            f"{name}_s": made.seconds,
            f"{name}_days_tokenized_again": made.built["token_tensors"],
            f"{name}_days_reused": days - made.built["token_tensors"],
            f"{name}_runs_replayed": made.replayed,
            f"{name}_verdicts_cached": made.cached,
        }
    fresh = Warehouse(place / "fresh")
    whole = _pass(settings, fresh, names)
    _require_equal(settings, kept, fresh, names)
    figures |= {"full_rebuild_s": whole.seconds, "full_rebuild_runs_replayed": whole.replayed}
    for name in ("wider", "narrower"):
        figures[f"{name}_to_full_rebuild"] = figures[f"{name}_s"] / whole.seconds
    return figures


def _pass(settings: AgentSettings, warehouse: Warehouse, days: list[str]) -> Made:
    """Bring the sources and every day up to date, day by day, as the runs of a backfill do."""
    built: Counter[str] = Counter()
    replayed = cached = 0
    started = time.perf_counter()
    for day in (None, *days):
        for stage in STAGES:
            if stage.group is not (Group.SOURCES if day is None else Group.DATA):
                continue
            version, reused = run_stage(stage, settings, day, warehouse, progress=lambda _line: None, run_id=None)
            built[stage.asset] += not reused
            if stage.asset == "verified_trajectories" and not reused:
                headline: Any = version.manifest.headline
                replayed += headline["replayed"]
                cached += headline["cached_verdicts"]
    return Made(seconds=time.perf_counter() - started, built=built, replayed=replayed, cached=cached)


def _usage_of_tools(
    settings: AgentSettings, warehouse: Warehouse, days: list[str]
) -> tuple[dict[str, set[str]], Counter[str]]:
    """Days on which an accepted run calls a tool, and how many accepted runs do."""
    found: dict[str, set[str]] = {}
    calling: Counter[str] = Counter()
    for day in days:
        accepted = warehouse.current(ArtifactKey(agent=settings.name, asset="verified_trajectories", partition=day))
        assert accepted is not None
        for row in read_accepted_rows(accepted.file(ACCEPTED_FILE)):
            for tool in row.tools:
                found.setdefault(tool, set()).add(day)
                calling[tool] += 1
    return found, calling


def _edit(path: Path, tool: str, edit: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    edit(next(each for each in document["tools"] if each["name"] == tool)["inputSchema"])
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")


def _optional(schema: dict[str, Any]) -> None:
    schema.setdefault("properties", {})["trace"] = {"type": "boolean"}


def _required(schema: dict[str, Any]) -> None:
    schema.setdefault("properties", {})["reason_code"] = {"type": "string"}
    schema["required"] = [*schema.get("required", ()), "reason_code"]


def _require_equal(settings: AgentSettings, kept: Warehouse, fresh: Warehouse, days: list[str]) -> None:
    for asset in FOLLOWING:
        for day in days:
            address = ArtifactKey(agent=settings.name, asset=asset, partition=day)
            both = [warehouse.current(address) for warehouse in (kept, fresh)]
            if len({None if one is None else one.manifest.content_digest for one in both}) != 1:
                raise SystemExit(f"{address}: what was brought up to date is not what a full rebuild makes")


def _model(folder: Path, agent: Path) -> Path:
    """A model folder with a tokenizer learned from the logs; its weights are never read here."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(
        sorted(agent.glob("logs/*.jsonl"))[0].read_text(encoding="utf-8", errors="replace").split(","), trainer
    )
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=control[2], pad_token=control[0])
    wrapped.add_special_tokens({"extra_special_tokens": control[1:2]})
    wrapped.save_pretrained(folder)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": len(wrapped)}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    header = json.dumps({"weight": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(2))
    return folder


if __name__ == "__main__":
    main()
