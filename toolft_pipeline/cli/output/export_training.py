"""`toolft export-training`: write the files that a hosted job would be given, to look at them."""

from __future__ import annotations

from pathlib import Path

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.errors import UsageError
from toolft_pipeline.settings import AgentSettings, ManagedSettings
from toolft_pipeline.stages import managed_adapter
from toolft_pipeline.stages.spec.inputs import current_inputs
from toolft_pipeline.training.managed.hosted_model import TRAINING_FILE
from toolft_pipeline.training.managed.train_managed import estimated_cost, write_training_files
from toolft_pipeline.warehouse.store import Warehouse

NO_HOST = ManagedSettings(base_url="https://example.invalid/v1", model="none", min_rows=1)
"""For an agent without a `managed` section: the file in OpenAI's form."""


def export_training(settings: AgentSettings, *, day: str | None, out: Path) -> int:
    """Write training.jsonl and validation.jsonl of the window that ends on `day`; nothing is sent anywhere.

    Raises `UsageError`, `StageError`, or `TrainingFileError` with all faults of the file.
    """
    warehouse = Warehouse(warehouse_root())
    made = warehouse.partitions(settings.name, "training_set")
    day = day or (made[-1] if made else None)
    if day is None or day not in made:
        there = f"there are those of {', '.join(made)}" if made else f"`toolft run {settings.name}` makes one"
        raise UsageError(f"{settings.name}: no training set{f' as of {day}' if day else ''}; {there}")
    out.mkdir(parents=True, exist_ok=True)
    managed = settings.managed or NO_HOST
    inputs = current_inputs(managed_adapter.STAGE, settings, day, warehouse)
    files = write_training_files(managed_adapter.training_window(settings, inputs), managed, out)
    facts, cost = files.training, estimated_cost(files.training.tokens, managed)
    say(
        f"{facts.rows} rows, {facts.trained_turns} trained turns, about {facts.tokens:,} tokens (longest row "
        f"{facts.longest:,}), {facts.size:,} bytes",
        "no validation rows" if files.validation is None else f"{files.validation.rows} validation rows",
    )
    if cost:
        say(f"about {cost:,.2f} by managed.price_per_million_trained_tokens")
    say(str(out / TRAINING_FILE))
    return 0
