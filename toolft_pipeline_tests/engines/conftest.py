"""A tiny model of each family, made once."""

from __future__ import annotations

import pytest

from toolft_pipeline_tests.engines.decoded_models import TinyModel
from toolft_pipeline_tests.family_snapshots import FAMILIES


@pytest.fixture(scope="package", params=FAMILIES)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    """A model of each family in turn."""
    return TinyModel(tmp_path_factory.mktemp("tiny") / request.param, request.param)


@pytest.fixture(scope="package")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    """The Gemma 3 with a sliding window."""
    return TinyModel(tmp_path_factory.mktemp("tiny") / "gemma3", "gemma3")
