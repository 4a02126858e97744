"""Every engine's name makes its engine; a missing package is one line with the extra."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.engines import registry
from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.registry import ENGINES, make_engine
from toolft_pipeline.settings.serving import EngineName, EngineSettings


@pytest.mark.parametrize("name", EngineName)
def test_every_name_makes_an_engine_without_loading_anything(name: EngineName) -> None:
    assert set(ENGINES) == set(EngineName)
    engine = make_engine(EngineSettings(name=name), folder=Path("no-such-folder"), stops=("<end_of_turn>",))
    assert type(engine).__name__.lower().startswith(name.value.replace("_", ""))
    assert engine.load() == (0, 0)


def test_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda _name: None)
    with pytest.raises(EngineError, match=r"xllamacpp is not installed: pip install 'toolft_pipeline\[llama-cpp\]'"):
        make_engine(EngineSettings(name=EngineName.LLAMA_CPP), folder=Path("f"), stops=())
