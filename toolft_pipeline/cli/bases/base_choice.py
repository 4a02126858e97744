"""The base models that `--base` names, and the settings by which an agent is trained on one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.errors import UsageError

FIXED = {
    "evaluation.compare": "[]",
    "evaluation.variants": "[]",
    "gate.first.beats_base": "false",
    "gate.shadow.runs": "0",
}
"""Settings of every base: only the tuned models are compared, and nothing is promoted."""


@dataclass(frozen=True, kw_only=True)
class BaseChoice:
    """A base model: its name in the table, its source (one key of `base_model`), its chat format."""

    name: str
    source: tuple[str, str]
    chat_format: str

    def overrides(self, given: Mapping[str, str]) -> dict[str, str]:
        """Settings by dotted key; what the person set wins."""
        key, value = self.source
        named = {"base_model": json.dumps({key: value}), "chat.format": self.chat_format}
        return {**FIXED, **given, **named}


def parse_bases(texts: Sequence[str], *, default_format: str) -> list[BaseChoice]:
    """The bases in their order. Raises `UsageError` for an unknown format or a base that is named twice."""
    bases = [_parse(text, default_format=default_format) for text in texts]
    for number, each in enumerate(bases):
        if each in bases[:number]:
            raise UsageError(f"--base {texts[number]}: named twice; name each base once")
    names = [each.name for each in bases]
    return [
        each if names.count(each.name) == 1 else BaseChoice(name=text, source=each.source, chat_format=each.chat_format)
        for each, text in zip(bases, texts, strict=True)
    ]


def _parse(text: str, *, default_format: str) -> BaseChoice:
    place, colon, chat_format = text.rpartition(":")
    if not colon or Path(text).expanduser().is_dir():
        place, chat_format = text, default_format
    if chat_format not in FORMATS:
        raise UsageError(
            f"--base {text}: no chat format named {chat_format!r}; write {place}:FORMAT with one of "
            f"{', '.join(sorted(FORMATS))}"
        )
    if not place:
        raise UsageError(f"--base {text}: names no base; write a package, a folder or a hub id before the format")
    folder = Path(place).expanduser()
    if place.startswith(("/", ".", "~")) or (folder / "config.json").is_file():
        return BaseChoice(name=folder.resolve().name, source=("folder", str(folder.resolve())), chat_format=chat_format)
    return BaseChoice(name=place, source=("hub" if "/" in place else "package", place), chat_format=chat_format)
