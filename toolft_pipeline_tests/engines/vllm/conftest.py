"""A model folder, and a local server of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from toolft_pipeline.engines.vllm_command import served_name
from toolft_pipeline_tests.engines.model_folders import STOPS, token_of, write_folder
from toolft_pipeline_tests.engines.vllm.local_vllm import LocalVllm, serving
from toolft_pipeline_tests.engines.vllm.scripts import hashed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture
def server(folder: Path) -> Iterator[LocalVllm]:
    script = hashed(folder, stop=token_of(folder, STOPS[0]))
    with serving(LocalVllm(folder=folder, name=served_name(folder), script=script)) as running:
        yield running
