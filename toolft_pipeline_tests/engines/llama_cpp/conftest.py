"""Exported tiny models, and a started engine of one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolft_pipeline_tests.engines.llama_cpp.llama_cpp_requests import Started, make
from toolft_pipeline_tests.engines.random_models import FAMILIES, write_tiny


@pytest.fixture(scope="package")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("llama_cpp")


@pytest.fixture(scope="package")
def folders(scratch: Path) -> dict[str, Path]:
    return {family: write_tiny(scratch / family, family) for family in FAMILIES}


@pytest.fixture(scope="package")
def gemma(folders: dict[str, Path], scratch: Path) -> Iterator[Started]:
    """A started engine; everything runs in one event loop."""
    with asyncio.Runner() as runner:
        engine = make(folders["gemma3"], scratch)
        runner.run(engine.start())
        yield runner, engine
        runner.run(engine.close())
