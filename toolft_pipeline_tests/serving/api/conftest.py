"""Served models around small tokenizers, one a format, and a running server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline_tests.chat.families import Family
from toolft_pipeline_tests.serving.api.models import saved_family_tokenizer, served_model
from toolft_pipeline_tests.serving.api.running import Running, running


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Family]:
    """A format with its family's small tokenizer, by name."""
    scratch: Path = tmp_path_factory.mktemp("tokenizers")
    made: dict[str, Family] = {}

    def family(name: str) -> Family:
        if name not in made:
            made[name] = Family(FORMATS[name], saved_family_tokenizer(name, scratch))
        return made[name]

    return family


@pytest.fixture(scope="session", params=sorted(FORMATS))
def each_family(request: pytest.FixtureRequest, families: Callable[[str], Family]) -> Family:
    """Every format in turn."""
    return families(request.param)


@pytest.fixture(scope="session")
def chatml(families: Callable[[str], Family]) -> ServedModel:
    """A model whose calls stand between markers."""
    return served_model(families("chatml").tokenizer, "chatml")


@pytest.fixture(scope="module")
def shared_server(chatml: ServedModel) -> Iterator[Running]:
    with running(chatml) as started:
        yield started


@pytest.fixture
def server(shared_server: Running) -> Running:
    """A server with its engine as new."""
    shared_server.engine.__init__()  # type: ignore[misc]  # the same object, its script forgotten
    return shared_server
