"""Each family's entry against transformers' own classes, and what else the project needs of a family."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import transformers

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.settings import TrainingSettings
from toolft_pipeline.training.base.meta_model import linear_layers, meta_model
from toolft_pipeline.training.lora.model_families import (
    CAUSAL_LM_SUFFIXES,
    FAMILIES,
    LANGUAGE_MODEL,
    PROJECTIONS,
    ModelFamily,
)
from toolft_pipeline_tests import family_snapshots
from toolft_pipeline_tests.training.hub_configs import CONFIGS

each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.chat_format)


def hub_config(family: ModelFamily) -> dict[str, object]:
    """A hub config of the family's richest class."""
    return next((config for config in CONFIGS.values() if family.classes[-1] in config["architectures"]), {})


@each_family
def test_family_has_a_chat_format_a_snapshot_and_a_hub_config(family: ModelFamily) -> None:
    assert family.chat_format in FORMATS, "add a format to chat/formats and an oracle to chat/proofs"
    assert family.chat_format in family_snapshots.FAMILIES, "add a snapshot to toolft_pipeline_tests/family_snapshots"
    assert hub_config(family), "add a config.json to toolft_pipeline_tests/training/hub_configs"


def test_chat_format_of_a_family_has_an_entry() -> None:
    of_no_family = {"chatml"}
    assert set(FORMATS) - of_no_family == {family.chat_format for family in FAMILIES}


@each_family
def test_family_classes_are_those_of_transformers(family: ModelFamily) -> None:
    for name in family.classes:
        assert name.endswith(CAUSAL_LM_SUFFIXES)
        assert hasattr(transformers, name), f"transformers has no class {name}"


@each_family
def test_family_names_every_module_beside_the_decoder(family: ModelFamily, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(hub_config(family)))
    model = meta_model(tmp_path)
    parts = {name for name, _ in model.model.named_children()}
    if LANGUAGE_MODEL in parts:
        assert parts - {LANGUAGE_MODEL} == set(family.towers)
    else:
        assert family.towers == ()
    found = {name.rpartition(".")[2] for name in linear_layers(model)}
    assert set(family.projections) <= found


def test_default_target_modules_fit_every_family() -> None:
    assert TrainingSettings().target_modules == PROJECTIONS
    assert all(family.projections == PROJECTIONS for family in FAMILIES)
