"""A desk of adapters, and servers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline_tests.engines.vllm.local_vllm import LocalVllm, serving
from toolft_pipeline_tests.serving.adapters.desk_of_adapters import AdapterDesk, AdapterServing, desk_of_adapters


@pytest.fixture
def adapters(tmp_path: Path) -> AdapterDesk:
    return desk_of_adapters(tmp_path)


@pytest.fixture
def vllm(adapters: AdapterDesk) -> Iterator[LocalVllm]:
    """A running vLLM of the base, in a thread."""
    with serving(adapters.vllm()) as running:
        yield running


@pytest.fixture
def start(adapters: AdapterDesk) -> Iterator[Callable[..., AdapterServing]]:
    opened: list[AdapterServing] = []

    def begin(**settings: Any) -> AdapterServing:
        opened.append(AdapterServing(adapters, **settings))
        return opened[-1]

    yield begin
    for each in opened:
        each.close()
