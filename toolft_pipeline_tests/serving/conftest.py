"""A desk with three models, and servers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.warehouse.store import Version
from toolft_pipeline_tests.serving.desk_warehouse import DeskWarehouse, desk_with_models
from toolft_pipeline_tests.serving.line_serving import Serving


@pytest.fixture
def desk_and_models(tmp_path: Path) -> tuple[DeskWarehouse, list[Version]]:
    return desk_with_models(tmp_path)


@pytest.fixture
def desk(desk_and_models: tuple[DeskWarehouse, list[Version]]) -> DeskWarehouse:
    return desk_and_models[0]


@pytest.fixture
def models(desk_and_models: tuple[DeskWarehouse, list[Version]]) -> list[Version]:
    """A model of each day, whose answers are its day; the first is in service."""
    return desk_and_models[1]


@pytest.fixture
def serve(desk: DeskWarehouse) -> Iterator[Callable[..., Serving]]:
    """Starts servers that end with the test."""
    opened: list[Serving] = []

    def start(**settings: Any) -> Serving:
        opened.append(Serving(desk, **settings))
        return opened[-1]

    yield start
    for serving in opened:
        serving.close_now()
