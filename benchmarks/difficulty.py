"""How many of the help desk's held-out tasks are solved by copying the nearest logged run.

Two copiers answer every evaluation task with the calls of the logged run whose wording is nearest (cosine of TF-IDF
over words): one makes the calls as they stand, one first puts the task's own entities in the place of the logged
ones. Their calls are executed on the desk and judged like a model's. Above 60 % the tasks would be too easy.

    python -m benchmarks.difficulty [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpdesk.desk import Desk

from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.sandbox.state import state_digest

DATA = Path(__file__).resolve().parent.parent / "data" / "helpdesk"
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


def passes(task: Task, calls: Sequence[tuple[str, dict[str, Any]]], *, desk: Desk) -> bool:
    """The judge's conditions for a plan without a model: required calls made, no others, expected state."""
    desk.reset(task.state_ref)
    made: Counter[str] = Counter()
    for name, arguments in calls:
        failed = desk.call(name, arguments).is_error
        made[_key(name, arguments)] += 0 if failed else 1
    planned = Counter(_key(call.name, call.arguments) for call in task.plan if not call.fails)
    return made - Counter() == planned and state_digest(desk.snapshot()) == task.expected_state


def _key(name: str, arguments: dict[str, Any]) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True)}"


def measure(*, tasks: Sequence[Task], runs: Sequence[Logged]) -> dict[str, float]:
    """Share of tasks that each copier passes, and how often it finds the right tools at all."""
    nearest, desk = Nearest(runs), Desk()
    verbatim = with_entities = right_tools = 0
    for task in tasks:
        said = " ".join(task.user_turns)
        found = nearest.find(said)
        verbatim += passes(task, found.calls, desk=desk)
        ours = [(name, substituted(arguments, logged=found.said, said=said)) for name, arguments in found.calls]
        with_entities += passes(task, ours, desk=desk)
        right_tools += [name for name, _ in found.calls] == [call.name for call in task.plan]
    return {
        "copier_verbatim": verbatim / len(tasks),
        "copier_with_entities": with_entities / len(tasks),
        "copier_right_tools": right_tools / len(tasks),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How far a nearest-neighbour copier gets on the held-out tasks.")
    parser.add_argument("--quick", action="store_true", help="every fourth task")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    asked = parser.parse_args()
    tasks = load_tasks(DATA / "tasks.jsonl")[:: 4 if asked.quick else 1]
    runs = logged_runs(DATA / "logs")
    figures = measure(tasks=tasks, runs=runs)
    figures |= {
        f"tenth_{name}": value
        for name, value in measure(tasks=tasks, runs=logged_runs(DATA / "logs", share=0.1)).items()
    }
    for name, value in figures.items():
        print(f"{name:28} {value:6.1%}")
    if asked.json:
        print(json.dumps({"figures": figures, "against": {"limit": 0.6}, "rows": len(tasks)}))


if __name__ == "__main__":
    main()
