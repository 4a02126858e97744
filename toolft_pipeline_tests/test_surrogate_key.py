"""The surrogate key: read in one module, and never written."""

from __future__ import annotations

import re

import pytest

from toolft_pipeline.surrogate_key import DEFAULT_KEY, KEY_VARIABLE, key_digest, surrogate_key
from toolft_pipeline_tests.conftest import REPOSITORY


def test_key_comes_from_the_environment_or_is_the_documented_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    assert surrogate_key() == DEFAULT_KEY.encode()
    monkeypatch.setenv(KEY_VARIABLE, "k1")
    assert surrogate_key() == b"k1"
    assert key_digest(b"k1") != key_digest(b"k2")


def test_one_module_alone_names_the_variable() -> None:
    """The project template names it for people, in comments of its own."""
    naming = {
        path.name
        for path in (REPOSITORY / "toolft_pipeline").rglob("*.py")
        if f'"{KEY_VARIABLE}"' in path.read_text(encoding="utf-8")
    }
    assert naming == {"surrogate_key.py"}


def test_only_the_edge_reads_the_key() -> None:
    """Below commands, stages and sensors the key is an argument."""
    package = REPOSITORY / "toolft_pipeline"
    reading = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        if re.search(r"import .*\bsurrogate_key\b", path.read_text(encoding="utf-8"))
    }
    assert reading == {"cli", "orchestration", "stages"}
