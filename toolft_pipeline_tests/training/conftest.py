"""One adapter of a tiny model, trained without a break, for all tests that need one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.training.train_adapter import AdapterNames, TrainingSummary, train_adapter
from toolft_pipeline_tests.training.made_rows import Inputs, agent, lesson, write_inputs


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A finished run: its inputs, settings, output, and what it said."""

    base: Path
    inputs: Inputs
    settings: AgentSettings
    out: Path
    summary: TrainingSummary
    said: list[str]


@pytest.fixture(scope="session")
def trained(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    place = tmp_path_factory.mktemp("trained")
    inputs = write_inputs(place / "in", lesson())
    settings, out, said = agent(tiny_model_folder), place / "out", list[str]()
    out.mkdir()
    torch.manual_seed(4711)  # whatever ran before: the stage seeds what it draws
    summary = train_adapter(
        base=tiny_model_folder,
        names=AdapterNames(base=tiny_model_folder.name, chat_format="gemma3"),
        selection=inputs.selection,
        tensors=inputs.tensors,
        training=settings.training,
        checkpoints=place / "checkpoints",
        out=out,
        progress=said.append,
    )
    return Trained(base=tiny_model_folder, inputs=inputs, settings=settings, out=out, summary=summary, said=said)
