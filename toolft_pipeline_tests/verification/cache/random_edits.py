"""Random edits of a catalog, and runs whose verdicts depend on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import yaml

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline_tests.verification.cache.site import DAY, Site

TEXT = {"type": "object", "properties": {"query": {"type": "string"}}}
WORDS = (
    "the limit is 500",
    "form AB-12",
    "Ursula Stone",
    "kind of notes",
    "1,200",
    "3",
    "Paris",
    "none",
    'say \\"x\\"',
)
SAID = [
    ("What is the limit?", "It is 500."),
    ("Which form?", "Take form AB-12."),
    ("Whom do I ask?", "Ask our Ursula Stone."),
    ("What does it cost?", "It costs 1200 euros."),
    ("How many results?", "I show 3."),
]


def added_rows() -> list[dict[str, Any]]:
    """Runs whose verdicts depend on what the catalog says, on choices, on renames and on redaction."""

    def row(number: int, *messages: dict[str, Any]) -> dict[str, Any]:
        return {"id": f"added-{number}", "messages": list(messages), "outcome": {"status": "success"}}

    def call(name: str, **arguments: Any) -> dict[str, Any]:
        function = {"name": name, "arguments": json.dumps(arguments)}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        }

    answer = {"role": "tool", "tool_call_id": "c", "content": "[]"}
    done = {"role": "assistant", "content": "Done."}
    talks = [({"role": "user", "content": ask}, {"role": "assistant", "content": says}) for ask, says in SAID]
    calls = [
        ({"role": "user", "content": "Look in the notes."}, call("search", query="x", kind=kind), answer, done)
        for kind in ("notes", "contacts", "all")
    ]
    calls += [
        (
            {"role": "user", "content": "Do it for jo.smith@firma.de"},
            call(name, query="jo.smith@firma.de"),
            answer,
            done,
        )
        for name in ("look_up", "find", "archive")
    ]
    return [row(number, *messages) for number, messages in enumerate([*talks, *calls])]


def random_edit(random: Random, tools: list[dict[str, Any]], renames: dict[str, str]) -> None:
    """Change a catalog: a tool comes, goes, gets another name, parameter, description, choice or order."""
    tool = random.choice(tools)
    schema = tool["inputSchema"]
    properties: dict[str, Any] = schema.setdefault("properties", {})

    def describe() -> None:
        place = random.choice([tool, *(each for each in properties.values() if isinstance(each, dict))])
        place["description"] = f"{random.choice(WORDS)} {random.choice(WORDS)}"

    def parameter() -> None:
        name = random.choice(["query", "kind", "trace", "limit"])
        properties[name] = random.choice(
            [{"type": "string"}, {"type": "integer", "default": 500}, {"type": "string", "enum": ["notes", "all"]}]
        )

    def drop_parameter() -> None:
        if properties:
            name = random.choice(sorted(properties))
            del properties[name]
            schema["required"] = [each for each in schema.get("required", []) if each != name]

    def require() -> None:
        schema["required"] = sorted({*schema.get("required", []), random.choice(["query", "kind", "trace"])})

    def relax() -> None:
        schema["required"] = []

    def enum() -> None:
        properties["kind"] = {
            "type": "string",
            "enum": random.sample(["contacts", "notes", "all"], random.choice([1, 2, 3])),
        }

    def add() -> None:
        name = random.choice(["look_up", "find", "archive"])
        if name not in [each["name"] for each in tools] and name not in renames:
            tools.append({"name": name, "description": random.choice(WORDS), "inputSchema": deepcopy(TEXT)})

    def remove() -> None:
        if len(tools) > 2 and tool["name"] not in renames.values():
            tools.remove(tool)

    def rename() -> None:
        name = random.choice(["look_up", "find", "archive", "seek"])
        taken = {each["name"] for each in tools} | renames.keys() | set(renames.values())
        if name not in taken and tool["name"] not in renames.values():
            if random.random() < 0.5:
                renames[tool["name"]] = name
            tool["name"] = name

    def alias() -> None:
        name = random.choice(["look_up", "find", "archive"])
        if name not in [each["name"] for each in tools] and name not in renames.values():
            renames[name] = tool["name"]

    def forget() -> None:
        if renames:
            del renames[random.choice(sorted(renames))]

    def reorder() -> None:
        random.shuffle(tools)
        tool["inputSchema"] = dict(random.sample(list(schema.items()), len(schema)))

    edits: list[Callable[[], None]] = [describe, describe, parameter, drop_parameter, require, relax, enum, add, remove]
    edits += [rename, alias, forget, reorder]
    random.choice(edits)()


def fast_site(folder: Path, tmp_path: Path) -> Site:
    """The assistant without a sandbox and with more runs: every rule but replay, in milliseconds."""
    log = folder / "logs" / f"{DAY}.jsonl"
    log.write_text(log.read_text() + "".join(json.dumps(row) + "\n" for row in added_rows()))
    agent = yaml.safe_load((folder / "agent.yaml").read_text())
    agent["catalog"]["renames"] = "renames.yaml"
    agent["verification"]["require_replay"] = False
    (folder / "agent.yaml").write_text(yaml.safe_dump(agent))
    (folder / "renames.yaml").write_text("{}\n")
    settings = load_agent(folder / "agent.yaml").model_copy(update={"sandbox": None})
    return Site(settings, tmp_path)
