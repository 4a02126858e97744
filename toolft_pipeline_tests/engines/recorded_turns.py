"""Assistant turns of the help desk's logs in every chat format, and what becomes of them when a model errs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolft_pipeline_tests.conftest import REPOSITORY

DESK = REPOSITORY / "data" / "helpdesk"

MADE = (
    {"content": "Let me look.", "calls": [("get_ticket", {"ticket": "T-1", "note": 'a "quote", a \\ and </b> {x}'})]},
    {"content": None, "calls": [("f", {}), ("g", {"deep": {"list": [1, 2.5, None, True, {"é": "ü\n🙂"}]}})]},
    {"content": "Zwei Zeilen,\n\n  eingerückt; und \u2028 dazu.", "calls": []},
)
"""Shapes that the logs have none of."""


@dataclass(frozen=True)
class Turn:
    """A turn: its prompt, its text without and with the stop token, and what it says."""

    prompt: str
    text: str
    stop: str
    content: str
    calls: tuple[tuple[str, Any], ...]


def messages(count: int) -> list[dict[str, Any]]:
    """Distinct assistant messages whose calls are well formed, in the order of the logs."""
    found: dict[str, dict[str, Any]] = {json.dumps(made): made for made in MADE}
    broken = _broken_lines()
    for path in (DESK / "golden.jsonl", *sorted((DESK / "logs").glob("????-??-??.jsonl"))):
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if (path.name, number) in broken:
                    continue
                for message in _messages(line):
                    found.setdefault(json.dumps(message), message)
                if len(found) >= count:
                    return list(found.values())[:count]
    raise AssertionError(f"the logs have only {len(found)} distinct turns")


def _broken_lines() -> set[tuple[str, int]]:
    """File and number of the lines that were broken on purpose: some hold control tokens, which no model writes."""
    with (DESK / "planted.jsonl").open(encoding="utf-8") as lines:
        return {(Path(row["file"]).name, row["line"]) for row in map(json.loads, lines)}


def _messages(line: str) -> Iterator[dict[str, Any]]:
    try:
        run = json.loads(line)["messages"]
    except (ValueError, KeyError, TypeError):
        return
    for message in run:
        if message.get("role") != "assistant":
            continue
        try:
            calls = [
                (call["function"]["name"], json.loads(call["function"]["arguments"]))
                for call in message.get("tool_calls") or ()
            ]
        except (ValueError, KeyError, TypeError):
            continue
        content = message.get("content")
        if all(isinstance(arguments, dict) for _, arguments in calls) and (content or calls):
            yield {"content": content, "calls": calls}


def turns(chat_format: Any, count: int) -> list[Turn]:
    """The turns in a format, by its own template."""
    from transformers.utils.chat_template_utils import render_jinja_template

    from toolft_pipeline.settings import CatalogMode

    template = chat_format.template(catalog_mode=CatalogMode.NONE)
    asked = {"role": "user", "content": "Please."}

    def render(conversation: list[dict[str, Any]], *, opened: bool) -> str:
        rendered, _ = render_jinja_template(
            conversations=[conversation], chat_template=template, add_generation_prompt=opened
        )
        return str(rendered[0])

    prompt = render([asked], opened=True)
    made = []
    for message in messages(count):
        calls = [{"type": "function", "function": {"name": n, "arguments": a}} for n, a in message["calls"]]
        said: dict[str, Any] = {"role": "assistant"}
        said |= {"content": message["content"]} if message["content"] else {}
        said |= {"tool_calls": calls} if calls else {}
        whole = render([asked, said], opened=False)
        assert whole.startswith(prompt), (whole, prompt)
        turn = whole[len(prompt) :].rstrip("\n")
        stop = next(stop for stop in chat_format.stop_tokens if turn.endswith(stop))
        made.append(
            Turn(
                prompt=prompt,
                text=turn[: -len(stop)],
                stop=stop,
                content=(message["content"] or "").strip(),
                calls=tuple((n, a) for n, a in message["calls"]),
            )
        )
    return made


def pieces(text: str, drawn: random.Random) -> list[str]:
    """A text in chunks of one to nine characters, as a stream brings it."""
    cuts, at = [], 0
    while at < len(text):
        size = drawn.randrange(1, 10)
        cuts.append(text[at : at + size])
        at += size
    return cuts


def cut(turn: Turn, marker: str, drawn: random.Random) -> str:
    """A turn that the token limit cut within its last call: after the marker, before the call's end."""
    start = turn.text.rindex(marker) + len(marker)
    return turn.text[: drawn.randrange(start, max(start + 1, turn.text.rindex("}")))]


def broken(turn: Turn, marker: str) -> str:
    """A turn whose last call lacks its last brace."""
    at = turn.text.rindex("}")
    assert at > turn.text.rindex(marker)
    return turn.text[:at] + turn.text[at + 1 :]
