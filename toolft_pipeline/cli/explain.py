"""`toolft explain`: one run from its log line to its training tokens, by the versions in force."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.chat.chat_rows import ROWS_FILE, read_chat_rows, read_pasted, read_prompt_tools
from toolft_pipeline.chat.loss_turns import NoLoss, messages_without_loss, turns_without_loss
from toolft_pipeline.chat.rendering.serving import saved_tokenizer
from toolft_pipeline.chat.row_images import row_images
from toolft_pipeline.chat.token_tensors import TENSORS_FILE
from toolft_pipeline.chat.token_trace import RowTracer, TracedRow, stored_rows
from toolft_pipeline.cli.output.base_answer import explain_base_answer, is_base_answer
from toolft_pipeline.cli.output.explained_text import no_loss_lines, row_lines, rule_lines
from toolft_pipeline.cli.output.find_run import FoundRun, find_run
from toolft_pipeline.cli.output.served_by import ServedBy, served_by, served_lines
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.ingest.images.image_store import image_hashes_of_run
from toolft_pipeline.settings import AgentSettings, ChatSettings, VerificationSettings
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.trajectories.accepted_table import AcceptedRun
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.verification.rule_results import RuleResult, disagreement, rule_results
from toolft_pipeline.verification.rules.rule_set import load_rules
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse


def explain_run(settings: AgentSettings, trajectory_id: str, *, prompts: bool, as_json: bool) -> int:
    """Print what happened to a run and why. Raises `UsageError` if no version in force has the run."""
    warehouse = Warehouse(warehouse_root())
    if is_base_answer(trajectory_id):
        return explain_base_answer(warehouse, settings, trajectory_id, as_json=as_json)
    found = find_run(warehouse, settings, trajectory_id)
    results = _rule_results(warehouse, settings, found)
    rows, note = _rows(warehouse, settings, found)
    masked = _masked(warehouse, settings, found)
    file = _log_file(settings, found)
    raw = _version(warehouse, settings, "raw_trajectories", found.day)
    models = [] if raw is None else served_by(raw.folder, found.logged.trajectory_id)
    if as_json:
        document = _document(found, results, rows, masked=masked, file=file, note=note, models=models)
        print(json.dumps(document))
        return 0
    source, colour = found.logged.source, sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    say(*_head_lines(found, results, file, models))
    say(*no_loss_lines(masked))
    for row in rows:
        print("", *row_lines(row, source=source, file=file, prompts=prompts, colour=colour), sep="\n")
    if note:
        say("", note)
    return 0


def _rule_results(warehouse: Warehouse, settings: AgentSettings, found: FoundRun) -> list[RuleResult]:
    """The results of the rules, with the settings of the day's verification and the current catalog."""
    verified = _version(warehouse, settings, "verified_trajectories", found.day)
    catalog = _version(warehouse, settings, "tool_catalog", None)
    assert verified is not None, "the run is of a verified day"
    assert catalog is not None, "a verified day has a catalog"
    then = VerificationSettings.model_validate(verified.settings_section("verification"))
    chat = settings.chat.model_copy(update={"format": verified.settings_section("chat")["format"]})
    then_settings = settings.model_copy(update={"verification": then, "chat": chat})
    rules = load_rules(catalog=catalog.folder, settings=then_settings, key=surrogate_key())
    return rule_results(found.logged, rules=rules, verdict=found.verdict)


def _rows(warehouse: Warehouse, settings: AgentSettings, found: FoundRun) -> tuple[list[TracedRow], str | None]:
    """The run's rows, or one line why there are none."""
    if found.accepted is None:
        return [], "no row: the run was rejected"
    rows = _version(warehouse, settings, "chat_rows", found.day)
    tensors = _version(warehouse, settings, "token_tensors", found.day)
    base = _version(warehouse, settings, "base_model", None)
    if rows is None or tensors is None or base is None:
        return [], f"no row yet: run `toolft run {settings.name}`"
    chat = ChatSettings.model_validate(tensors.settings_section("chat"))
    model = base.file("model").resolve()
    tokenizer = saved_tokenizer(str(model), chat.format, chat.catalog_mode)
    verified = _version(warehouse, settings, "verified_trajectories", found.day)
    assert verified is not None, "the run is of a verified day"
    accepted = verified.file(ACCEPTED_FILE)
    tracer = RowTracer(
        tokenizer=tokenizer,
        chat=chat,
        tools=read_prompt_tools(rows.file(ROWS_FILE)),
        pasted=read_pasted(rows.file(ROWS_FILE)),
        images=row_images(accepted=accepted, base=model, tokenizer=tokenizer, format_name=chat.format).tokens,
    )
    run = found.accepted
    id_ = run.run.trajectory_id
    own = [row for row in read_chat_rows(rows.file(ROWS_FILE)) if row.trajectory_id == id_]
    without_loss = turns_without_loss(run, rule=chat.loss_on_failed_calls)
    stored = stored_rows(tensors.file(TENSORS_FILE), trajectory_id=id_)
    traced = tracer.trace(run.run, own, stored=stored, without_loss=without_loss)
    return traced, None if traced else _why_no_row(run, without_loss, rows)


def _why_no_row(run: AcceptedRun, without_loss: Mapping[int, NoLoss], rows: Version) -> str:
    why = rows.manifest.headline.get("why_no_images")
    if why and image_hashes_of_run(run.run):
        return f"no row: the run shows images, and {why}"
    if without_loss:
        return "no row: none of the run's assistant turns carries loss"
    return "no row: the run has no assistant turn"


def _masked(warehouse: Warehouse, settings: AgentSettings, found: FoundRun) -> dict[int, NoLoss]:
    """The messages of a run that are context without loss in the rows in force; empty without rows."""
    tensors = _version(warehouse, settings, "token_tensors", found.day)
    if found.accepted is None or tensors is None:
        return {}
    chat = ChatSettings.model_validate(tensors.settings_section("chat"))
    return messages_without_loss(found.accepted, rule=chat.loss_on_failed_calls)


def _head_lines(found: FoundRun, results: list[RuleResult], file: Path, models: Sequence[ServedBy]) -> Iterator[str]:
    source, verdict = found.logged.source, found.verdict
    kind = "golden" if found.logged.golden else found.logged.origin.value
    yield f"{verdict.trajectory_id}: {verdict.category}, {kind}, verified with {found.day}"
    yield f"  {file}:{source.line} (byte {source.offset}), read as {source.format}"
    yield from served_lines(models)
    yield "  accepted" if verdict.accepted else f"  rejected by {verdict.rule}: {verdict.reason}"
    yield from rule_lines(results)
    if differs := disagreement(results, verdict):
        yield f"  {differs}"


def _document(
    found: FoundRun,
    results: list[RuleResult],
    rows: list[TracedRow],
    *,
    masked: Mapping[int, NoLoss],
    file: Path,
    note: str | None,
    models: Sequence[ServedBy],
) -> dict[str, object]:
    source, verdict = found.logged.source, found.verdict
    return {
        "trajectory_id": verdict.trajectory_id,
        "day": found.day,
        "category": verdict.category,
        "golden": found.logged.golden,
        "origin": found.logged.origin.value,
        "served_by": [asdict(model) for model in models],
        "source": {"file": str(file), "line": source.line, "offset": source.offset, "format": source.format},
        "accepted": verdict.accepted,
        "rule": verdict.rule,
        "fault": verdict.fault,
        "reason": verdict.reason,
        "rules": [asdict(answer) for answer in results],
        "differs": disagreement(results, verdict),
        "without_loss": [{"message": index, "reason": reason.value} for index, reason in masked.items()],
        "rows": [asdict(row) for row in rows],
        "note": note,
    }


def _log_file(settings: AgentSettings, found: FoundRun) -> Path:
    """The file that a run was read from, relative to the working directory if possible."""
    if found.logged.golden and settings.logs.golden is not None:
        path = settings.path(settings.logs.golden)
    else:
        path = settings.path(settings.logs.folder) / found.logged.source.file
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _version(warehouse: Warehouse, settings: AgentSettings, asset: str, day: str | None) -> Version | None:
    return warehouse.current(ArtifactKey(agent=settings.name, asset=asset, partition=day))
