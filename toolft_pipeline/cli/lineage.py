"""`toolft lineage`: the logs, catalog, template, base model and settings of a model, with all digests verified."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import msgspec

from toolft_pipeline.agent_file import AGENT_FILE, agents_root, warehouse_root
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.errors import UsageError
from toolft_pipeline.evaluation.promotion.model_registry import in_service
from toolft_pipeline.evaluation.promotion.rollback import MIN_DIGEST
from toolft_pipeline.training.managed.hosted_model import HostedModel, read_hosted
from toolft_pipeline.training.provenance import ModelProvenance, model_provenance
from toolft_pipeline.warehouse.gc import is_reclaimed
from toolft_pipeline.warehouse.lineage import Lineage, lineage_of
from toolft_pipeline.warehouse.manifest import MANIFEST, ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse
from toolft_pipeline.warehouse.verify_digests import find_damage

MODEL = "merged_model"


def print_lineage(name: str, *, partition: str | None, rows: bool, as_json: bool) -> int:
    """Print the lineage of a model; returns 1 if a digest is wrong or missing. Raises `UsageError`."""
    warehouse = Warehouse(warehouse_root())
    model = find_model(warehouse, name, partition=partition)
    lineage = lineage_of(warehouse, [model])
    wrong = [*lineage.gaps, *(fault for version in lineage.versions for fault in find_damage(warehouse, version))]
    provenance = None if wrong else model_provenance(lineage)
    if as_json:
        print(json.dumps(_document(model, lineage, wrong, provenance)))
    else:
        say(*_lines(warehouse, model, lineage, wrong, provenance, rows=rows))
    return int(bool(wrong))


def find_model(warehouse: Warehouse, name: str, *, partition: str | None) -> Version:
    """Find a model by an agent's name, a folder, or a prefix of its content digest.

    For an agent: the model in service, or else the newest; with `partition`, the model as of that day.
    """
    if (agents_root() / name / AGENT_FILE).is_file():
        return _of_agent(warehouse, name, partition)
    if partition is not None:
        raise UsageError(f"--partition needs an agent's name; there is no agent {name!r} below {agents_root()}")
    for folder in (Path(name).absolute(), *Path(name).absolute().parents):
        if (folder / MANIFEST).is_file():
            return warehouse.open(folder)
    if len(name) >= MIN_DIGEST and re.fullmatch(r"[0-9a-f]+", name):
        matches = _with_digest(warehouse, name)
        if len({version.manifest.content_digest for version in matches}) == 1:
            return matches[-1]
        if matches:
            raise UsageError(f"several models have the prefix {name}; write more of the digest")
    raise UsageError(
        f"no model {name!r}: name an agent, a version's folder, or {MIN_DIGEST} or more characters of a content digest"
    )


def _of_agent(warehouse: Warehouse, agent: str, partition: str | None) -> Version:
    serving = in_service(warehouse, agent) if partition is None else None
    if serving is not None:
        return warehouse.open(serving.folder)
    made = warehouse.partitions(agent, MODEL)
    day = partition or (made[-1] if made else None)
    version = warehouse.current(ArtifactKey(agent=agent, asset=MODEL, partition=day)) if day else None
    if version is None:
        there = f"there are {', '.join(made)}" if made else f"run `toolft run {agent}` first"
        raise UsageError(f"{agent} has no model{f' as of {day}' if day else ''}; {there}")
    return version


def _with_digest(warehouse: Warehouse, digest: str) -> list[Version]:
    folders = sorted(warehouse.root.glob(f"*/{MODEL}/*/versions/*-{digest[:12]}*"))
    versions = [warehouse.open(folder) for folder in folders]
    return [version for version in versions if version.manifest.content_digest.startswith(digest)]


def _lines(
    warehouse: Warehouse,
    model: Version,
    lineage: Lineage,
    wrong: list[str],
    provenance: ModelProvenance | None,
    *,
    rows: bool,
) -> Iterator[str]:
    manifest, mark = model.manifest, _service_mark(warehouse, model)
    yield f"{manifest.address}  content {manifest.content_digest[:16]}  made {manifest.created_at}{mark}"
    if provenance is not None:
        yield from _provenance_lines(provenance, hosted=read_hosted(model.folder))
        if rows:
            yield from _row_lines(provenance)
    files = [entry for version in lineage.versions for entry in version.manifest.files]
    size = sum(entry.size for entry in files) / 2**20
    yield f"verified  {len(lineage.versions)} versions, {len(files)} files, {size:,.1f} MB"
    if is_reclaimed(model):
        day = manifest.address.partition
        command = f"toolft run {manifest.address.agent} --to {day}"
        yield f"          retention deleted its weights; `{command}` makes them again"
    for fault in wrong:
        yield f"wrong     {fault}"
    yield "every digest is right" if not wrong else f"{len(wrong)} digests are wrong or missing"


def _service_mark(warehouse: Warehouse, model: Version) -> str:
    serving = in_service(warehouse, model.manifest.address.agent)
    return "  in service" if serving is not None and serving.folder == model.folder else ""


def _provenance_lines(provenance: ModelProvenance, *, hosted: HostedModel | None) -> Iterator[str]:
    for day in provenance.days:
        counts = f"{day.runs} runs, {day.verified} verified, {day.selected} selected"
        counts += "" if day.taught is None else f", {day.taught} trained on"
        yield f"logs      {day.day}  {counts}"
        yield from (f"            {name}  sha256 {digest[:16]}" for name, digest in day.files.items())
    if provenance.trained_runs is None:
        yield f"rows      not known: {provenance.rows_problem}"
    else:
        golden = sum(run.golden for run in provenance.trained_runs)
        rows = sum(run.rows for run in provenance.trained_runs)
        yield f"rows      {rows} trained, of {len(provenance.trained_runs)} runs ({golden} golden)"
    if provenance.base_answers and provenance.replay_rows is not None:
        counts = ", ".join(f"{count} {category}" for category, count in provenance.base_answers.items())
        yield f"          {counts} rows of the base's own answers, content {_short(provenance.replay_rows)}"
    if provenance.catalog is not None:
        made = provenance.catalog.manifest
        yield f"catalog   {made.rows['tools']} tools, content {made.content_digest[:16]}, made {made.created_at}"
    if provenance.template_sha256 is not None:
        yield f"template  chat_template.jinja  sha256 {provenance.template_sha256[:16]}"
    if hosted is not None:
        yield f"hosted    {hosted.model} at {hosted.inference_url}, fine-tuned from {hosted.base}"
        yield f"          job {hosted.job} at {hosted.base_url}, training file sha256 {hosted.training_sha256[:16]}"
    elif provenance.base_model is not None:
        made = provenance.base_model.manifest
        parameters = made.rows["parameters"]
        yield f"base      {made.headline['source']}, {parameters:,} parameters, content {made.content_digest[:16]}"
    for name, digest in provenance.sources.items():
        yield f"file      {name}  {digest[:16]}"
    for asset, settings in provenance.settings.items():
        yield f"settings  {asset}  {json.dumps(settings, ensure_ascii=False, sort_keys=True)}"


def _short(version: Version) -> str:
    return version.manifest.content_digest[:16]


def _row_lines(provenance: ModelProvenance) -> Iterator[str]:
    for run in provenance.trained_runs or ():
        yield f"run       {run.trajectory_id}  {run.file}:{run.line}  {run.rows} rows"


def _document(
    model: Version, lineage: Lineage, wrong: list[str], provenance: ModelProvenance | None
) -> dict[str, object]:
    return {
        "model": str(model.manifest.address),
        "content_digest": model.manifest.content_digest,
        "folder": str(model.folder),
        "faults": wrong,
        "versions": [
            {
                "address": str(version.manifest.address),
                "content_digest": version.manifest.content_digest,
                "fingerprint": version.manifest.fingerprint,
                "code_version": version.manifest.code_version,
                "made_at": version.manifest.created_at,
                "folder": str(version.folder),
                "inputs": version.manifest.inputs,
            }
            for version in lineage.versions
        ],
        "days": None if provenance is None else [asdict(day) for day in provenance.days],
        "taught": None
        if provenance is None or provenance.trained_runs is None
        else [asdict(run) for run in provenance.trained_runs],
        "hosted": msgspec.to_builtins(read_hosted(model.folder)),
        "base_answers": None if provenance is None else provenance.base_answers,
        "template_sha256": None if provenance is None else provenance.template_sha256,
        "files": None if provenance is None else provenance.sources,
        "settings": None if provenance is None else provenance.settings,
    }
