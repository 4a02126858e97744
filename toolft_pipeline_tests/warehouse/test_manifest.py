"""What a fingerprint and a content digest depend on, and what they must not depend on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.warehouse.manifest import content_digest, fingerprint_of, list_files

MADE_FROM: dict[str, Any] = {
    "code_version": "1",
    "settings": {"chat": {"max_length": 4096}},
    "inputs": {"chat_rows/2026-10-01": "a" * 64, "base_model/all": "b" * 64},
}


@pytest.mark.parametrize(
    "change",
    [
        {"code_version": "2"},
        {"settings": {"chat": {"max_length": 2048}}},
        {"settings": {}},
        {"inputs": {**MADE_FROM["inputs"], "base_model/all": "c" * 64}},
        {"inputs": {"chat_rows/2026-10-01": "b" * 64, "base_model/all": "a" * 64}},
        {"inputs": {"chat_rows/2026-10-02": "a" * 64, "base_model/all": "b" * 64}},
        {"inputs": {"base_model/all": "b" * 64}},
    ],
    ids=["code version", "setting", "no settings", "content", "content swapped", "day", "one less"],
)
def test_fingerprint_depends_on_everything_that_decides_the_content(change: dict[str, Any]) -> None:
    assert fingerprint_of(**MADE_FROM | change) != fingerprint_of(**MADE_FROM)


def test_fingerprint_of_the_same_in_another_order_is_equal() -> None:
    backwards = dict(reversed(MADE_FROM["inputs"].items()))
    assert fingerprint_of(**MADE_FROM | {"inputs": backwards}) == fingerprint_of(**MADE_FROM)


def digest(folder: Path, files: dict[str, str], *, content: tuple[str, ...] = ("model",)) -> str:
    """The content digest of a folder with these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return content_digest(list_files(folder, content=content))


FILES = {"model/weights": "111", "model/card": "222", "report": "333"}


@pytest.mark.parametrize(
    "other",
    [
        {**FILES, "model/weights": "112"},
        {**FILES, "model/weights": "222", "model/card": "111"},
        {"model/weights2": "111", "model/card": "222", "report": "333"},
        {**FILES, "model/more": ""},
        {"model/card": "222", "report": "333"},
    ],
    ids=["same size", "swapped", "renamed", "one more", "one less"],
)
def test_content_digest_depends_on_names_and_bytes(tmp_path: Path, other: dict[str, str]) -> None:
    assert digest(tmp_path / "one", FILES) != digest(tmp_path / "other", other)


def test_content_digest_ignores_what_lies_beside_the_content(tmp_path: Path) -> None:
    beside = {**FILES, "report": "334", "model.log": "a log beside the folder of this name"}
    assert digest(tmp_path / "one", FILES) == digest(tmp_path / "other", beside)


def test_every_file_is_listed_with_its_size_and_digest(tmp_path: Path) -> None:
    digest(tmp_path, {"model/shards/one": "12345", "model/card": "222", "report": "333"})
    listed = {
        entry.path: (entry.size, entry.sha256, entry.content) for entry in list_files(tmp_path, content=("model",))
    }
    sha256 = {text: hashlib.sha256(text.encode()).hexdigest() for text in ("12345", "222", "333")}
    assert listed == {
        "model/shards/one": (5, sha256["12345"], True),
        "model/card": (3, sha256["222"], True),
        "report": (3, sha256["333"], False),
    }
