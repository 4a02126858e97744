"""What a run's shingles are, in plain Python sets of strings: the oracle that the arrays of hashes are held against."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence

from toolft_pipeline.trajectories.record import Message


def words(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def grams(found: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(found[at : at + 3]) for at in range(max(1, len(found) - 2))} if found else set()


def shingles(text: str) -> set[tuple[str, ...]]:
    return grams(words(text))


def run_shingles(messages: Sequence[Message]) -> set[tuple[str, ...]]:
    said = "\n".join(message.text for message in messages if message.role == "user")
    called: list[str] = []
    for message in messages:
        for call in message.tool_calls:
            try:
                arguments = json.dumps(json.loads(call.arguments_json), sort_keys=True, ensure_ascii=False)
            except ValueError:
                arguments = call.arguments_json
            called += [call.name, *words(arguments)]
    return shingles(said) | {("call", *gram) for gram in grams(called)}


def similarity(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0
