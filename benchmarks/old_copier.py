"""The old copier: the calls of the logged run whose wording is nearest, with entities of the same kind put in.

Nearest is the cosine of TF-IDF over words. All calls are fixed before the first is made, so no value comes from a
result. `benchmarks.copier` is the one to fear; this one stays beside it, as earlier figures were measured with it.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ENTITY = re.compile(
    r'(?P<text>"[^"]+")|(?P<email>[a-z.]+@[a-z.]+)|(?P<id>\b[COTIRS]-\d{4}\b)|(?P<phone>\b555-\d{4}\b)|(?P<number>\b\d+\b)'
    r"|(?P<place>\b(?:north|south|east|west)\b)|(?P<day>\b(?:mon|tues|wednes|thurs|fri|satur)day\b)"
    r"|(?P<carrier>\b(?:dhl|ups|gls)\b)|(?P<reason>\b(?:damaged|late|unwanted|wrong)\b)|(?P<level>\b(?:low|normal|high)\b)"
    r"|(?P<method>\b(?:card|cash|transfer)\b)|(?P<channel>\b(?:email|sms|letter)\b)"
    r"|(?P<resolution>\b(?:solved|duplicate|rejected)\b)|(?P<name>\b[A-Z][a-z]+\b)"
)


@dataclass(frozen=True, kw_only=True)
class Logged:
    """A logged run: what was said, and the calls of each user turn."""

    said: str
    calls: tuple[tuple[str, dict[str, Any]], ...]


def logged_runs(folder: Path, *, share: float = 1.0) -> list[Logged]:
    """Runs that the logs call a success, every one or an even share of them."""
    rows = [row for path in sorted(folder.glob("*.jsonl")) for row in _rows(path)]
    kept = rows[:: round(1 / share)]
    return [
        Logged(
            said=" ".join(m["content"] for m in row["messages"] if m["role"] == "user"),
            calls=tuple(_calls(row["messages"])),
        )
        for row in kept
    ]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("outcome", {}).get("status") == "success":
            yield row


def _calls(messages: Sequence[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for message in messages:
        for call in message.get("tool_calls") or ():
            try:
                yield call["function"]["name"], json.loads(call["function"]["arguments"])
            except ValueError:
                continue


class Nearest:
    """Finds the logged run whose wording is nearest, by cosine of TF-IDF over words."""

    def __init__(self, runs: Sequence[Logged]) -> None:
        self._runs = runs
        counts = [Counter(_words(run.said)) for run in runs]
        seen = Counter(word for count in counts for word in count)
        self._idf = {word: math.log(len(runs) / n) + 1 for word, n in seen.items()}
        self._vectors = [self._vector(count) for count in counts]

    def find(self, said: str) -> Logged:
        """The nearest run; the earliest of equally near ones."""
        wanted = self._vector(Counter(_words(said)))
        scores = [sum(weight * other.get(word, 0.0) for word, weight in wanted.items()) for other in self._vectors]
        return self._runs[max(range(len(scores)), key=lambda place: (scores[place], -place))]

    def _vector(self, count: Counter[str]) -> dict[str, float]:
        weights = {word: n * self._idf.get(word, 0.0) for word, n in count.items()}
        norm = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {word: weight / norm for word, weight in weights.items()}


def _words(text: str) -> list[str]:
    """Words with entities by kind, so that an id is near to any id of its letter."""
    kinds = _ENTITY.sub(lambda match: f" {_kind(match)} ", text)
    return re.findall(r"[\w<>-]+", kinds.casefold())


def _kind(match: re.Match[str]) -> str:
    return f"<{match.group()[0]}>" if match.lastgroup == "id" else f"<{match.lastgroup}>"


def substituted(arguments: dict[str, Any], *, logged: str, said: str) -> dict[str, Any]:
    """Arguments with every entity of the logged wording replaced by the same kind's next one in the task's."""
    ours = [(_kind(m), m.group().strip('"')) for m in _ENTITY.finditer(said)]
    new: dict[str, str] = {}
    for match in _ENTITY.finditer(logged):
        place = next((n for n, (kind, _) in enumerate(ours) if kind == _kind(match)), None)
        if place is not None and match.group().strip('"') not in new:
            new[match.group().strip('"')] = ours.pop(place)[1]

    def put(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: put(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [put(inner) for inner in value]
        if isinstance(value, int) and not isinstance(value, bool) and str(value) in new:
            return int(new[str(value)])
        return new.get(value, value) if isinstance(value, str) else value

    return dict(put(arguments))


class OldCopier:
    """Plans all calls of a task from its wording."""

    def __init__(self, runs: Sequence[Logged]) -> None:
        self._nearest = Nearest(runs)

    def plan(self, user_turns: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
        """The calls of the nearest run, with the entities of these texts."""
        said = " ".join(user_turns)
        found = self._nearest.find(said)
        return [(name, substituted(arguments, logged=found.said, said=said)) for name, arguments in found.calls]
