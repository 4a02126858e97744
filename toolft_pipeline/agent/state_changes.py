"""What a task changed in the backend, from its state before and after."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any


def state_changes(before: str, after: str) -> list[str]:
    """One line a change: the path of a value, and its text before and after; rows of a list that came and went."""
    return list(_changes(json.loads(before), json.loads(after), "state"))


def _changes(before: Any, after: Any, path: str) -> Iterator[str]:
    if _text(before) == _text(after):  # 1 and 1.0 differ, as in a digest of the state
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from _changes(before.get(key), after.get(key), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_changes(before, after, path)
    else:
        yield f"{path}: {_text(before)} -> {_text(after)}"


def _list_changes(before: list[Any], after: list[Any], path: str) -> Iterator[str]:
    """Rows side by side where as many stay; otherwise what came and what went, wherever it stands."""
    if len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _changes(old, new, f"{path}[{place}]")
        return
    old, new = (Counter(map(_text, rows)) for rows in (before, after))
    yield from (f"{path}: removed {row}" for row in (old - new).elements())
    yield from (f"{path}: added {row}" for row in (new - old).elements())


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
