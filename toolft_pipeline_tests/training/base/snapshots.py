"""Snapshots of model families, changed and converted as base_model does it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.base.base_checks import base_problems
from toolft_pipeline.training.base.base_model import BaseModelSummary, convert_base_model
from toolft_pipeline_tests.agents import agent

Snapshot = Callable[[str], Path]


def convert(source: Path, out: Path) -> BaseModelSummary:
    out.mkdir(parents=True, exist_ok=True)
    settings = agent(out, base_model={"folder": str(source)})
    return convert_base_model(settings=settings, out=out, progress=lambda _line: None)


def changed(source: Path, into: Path, **config: Any) -> Path:
    """A copy of a snapshot with keys of its config changed."""
    shutil.copytree(source, into)
    document = json.loads((into / "config.json").read_text())
    (into / "config.json").write_text(json.dumps(document | config))
    return into


def problems(base: Path, chat_format: str, **training: Any) -> list[str]:
    return base_problems(base, chat_format=chat_format, training=TrainingSettings(**training))
