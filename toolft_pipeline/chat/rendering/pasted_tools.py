"""A tool list that was pasted into a system prompt, found and left out.

Invariant: what is left of a prompt is the prompt with parts left out: no character is added, changed or moved. A part
goes only where it lists tools that the catalog has, so advice on a tool, an example of a call, and lists of anything
else stay. The price of that care is that a list in a form not known here stays too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_DESCRIBES = {"description", "parameters", "inputSchema", "input_schema"}
"""Keys of a tool; a call has `arguments` instead."""

_BETWEEN = " \t\r\n,"
"""What may stand between two tools of one list."""

_END = "\0"
"""A line that lists nothing, behind the last one."""

_JSON_OPENS = re.compile(r"[\[{]")
_SPEAKS_OF_TOOLS = r"\b(?:tools?|functions?)\b"
_FENCE = (re.compile(r"```\w*\s*\Z"), re.compile(r"\s*```"))
_OPENING_TAG = re.compile(r"<(\w+)>\s*\Z")
_HEADING = re.compile(rf"(?im)^[ \t]*(?:#+|\*\*)[^\n]{{0,120}}{_SPEAKS_OF_TOOLS}[^\n]{{0,120}}\n\s*\Z")
_LABEL = re.compile(rf"(?im)(?:^|(?<=[.!?])[ \t])[^.!?\n]{{0,120}}{_SPEAKS_OF_TOOLS}[^.!?\n]{{0,80}}:\**\s*\Z")
_LOOK_BACK = 600
"""Characters before a part in which a heading is looked for."""

_LONGEST_LINE = 500
"""Characters of a line that are looked at for a tool and what it does."""

_TRIES = 1000
"""Brackets that begin no JSON, after which the rest of a prompt is left alone: each costs a try."""

Spans = tuple[tuple[int, int], ...]
"""Stretches [start, end) of a prompt, in order."""


def prompt_key(prompt: str) -> str:
    """What a prompt is known by: 64 hex digits."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()


def remove_spans(prompt: str, spans: Spans) -> str:
    """A prompt without some stretches of it."""
    ends = [0, *(end for _, end in spans)]
    return "".join(prompt[end:start] for end, (start, _) in zip(ends, (*spans, (len(prompt), 0)), strict=True))


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A stretch [start, end) that lists tools."""

    start: int
    end: int
    names: tuple[str, ...]


class PastedTools:
    """Finds the tools of one catalog in prompts."""

    def __init__(self, descriptions: Mapping[str, str]) -> None:
        """`descriptions` are the catalog's, by tool name."""
        self._names = frozenset(descriptions)
        self._told = {name: set(_words(text)) for name, text in descriptions.items()}
        one = f"(?:{'|'.join(map(re.escape, sorted(self._names, key=len, reverse=True)))})(?!\\w)"
        self._line = re.compile(
            rf"(?:[-*+\u2022]\s|\d+[.)]\s|#+\s)?\s*[`*\"']{{0,3}}(?P<name>{one})[`*\"']{{0,3}}"
            r"(?:\s*(?P<signature>\()|\s*:|\s+[-\u2013\u2014]\s|\s*$)"
        )

    def without(self, prompt: str) -> str:
        """What is left of a prompt without them."""
        return remove_spans(prompt, self.spans(prompt))

    def spans(self, prompt: str) -> Spans:
        """What of a prompt is a pasted tool list, with what announces it; nothing where there is none."""
        if not self._names:
            return ()
        parts = list(self._json_parts(prompt))
        parts += self._line_parts(prompt, taken=parts)
        found: list[tuple[int, int]] = []
        for part in sorted(parts, key=lambda part: part.start):
            if found and not prompt[found[-1][1] : part.start].strip(_BETWEEN):
                found[-1] = (found[-1][0], part.end)
            else:
                found.append((part.start, part.end))
        spans: list[tuple[int, int]] = []
        for start, end in found:
            spans.append(_with_surroundings(prompt, start, end, floor=spans[-1][1] if spans else 0))
        return tuple(spans)

    def _json_parts(self, prompt: str) -> Iterator[_Part]:
        """JSON values that are tools, in rows of them; a row goes where half of its tools are the catalog's."""
        row: list[_Part] = []
        for part in _json_tools(prompt):
            if row and prompt[row[-1].end : part.start].strip(_BETWEEN):
                yield from self._known(row)
                row = []
            row.append(part)
        yield from self._known(row)

    def _known(self, row: list[_Part]) -> list[_Part]:
        names = [name for part in row for name in part.names]
        return row if 2 * sum(name in self._names for name in names) >= len(names) else []

    def _line_parts(self, prompt: str, *, taken: list[_Part]) -> Iterator[_Part]:
        """Runs of lines that each begin with a tool's name, and lines that are nothing but names."""
        run: list[tuple[int, int]] = []
        names: set[str] = set()
        begin = 0
        for line in [*prompt.splitlines(keepends=True), _END]:
            end = begin + len(line)
            free = not any(part.start < end and begin < part.end for part in taken)
            name = self._listed(line) if free else None
            if name is not None:
                run.append((begin, end))
                names.add(name)
            elif free and run and (not line.strip() or line.startswith(("  ", "\t"))):
                if line.strip():
                    run.append((begin, end))
            else:
                if self._many(names):
                    yield _Part(start=run[0][0], end=run[-1][1], names=tuple(names))
                run, names = [], set()
                start, listed = self._row(line) if free else (0, set())
                if self._many(listed):
                    yield _Part(start=begin + start, end=begin + len(line.rstrip()), names=tuple(listed))
            begin = end

    def _listed(self, line: str) -> str | None:
        """The tool that a line lists: by name alone, with a signature, or in the words of its description. A line that
        says something else of a tool is advice."""
        line = line.strip()[:_LONGEST_LINE]
        found = self._line.match(line)
        if found is None:
            return None
        said = _words(line[found.end() :])
        told = self._told[found["name"]]
        if found["signature"] or 2 * sum(word in told for word in said) >= len(said):
            return found["name"]
        return None

    def _row(self, line: str) -> tuple[int, set[str]]:
        """The tools of a line that ends in nothing but names, perhaps behind a label, and where the list begins."""
        label, colon, names = line.rpartition(":")
        listed = {name.strip().strip("`*\"'") for name in names.rstrip(" \t\r\n.").split(",")}
        begin = max(label.rfind(mark) for mark in ".!?") + 1
        if not listed <= self._names or (colon and not re.search(_SPEAKS_OF_TOOLS, label[begin:], re.IGNORECASE)):
            return 0, set()
        return begin + len(line[begin:]) - len(line[begin:].lstrip()), listed

    def _many(self, names: set[str]) -> bool:
        return len(names) >= max(2, len(self._names) / 2)


def _json_tools(prompt: str) -> Iterator[_Part]:
    """JSON values that have a tool's shape; one that is anything else is passed over whole."""
    decoder, at, failures = json.JSONDecoder(), 0, 0
    while failures < _TRIES and (found := _JSON_OPENS.search(prompt, at)) is not None:
        start = found.start()
        try:
            value, end = decoder.raw_decode(prompt, start)
        except (ValueError, RecursionError):
            at, failures = start + 1, failures + 1
            continue
        at = end
        if names := _tool_names(value):
            yield _Part(start=start, end=end, names=names)


def _tool_names(value: Any) -> tuple[str, ...]:
    """The names of a tool, of a list of tools, or of an object with nothing but `tools`; else none."""
    if isinstance(value, dict) and set(value) == {"tools"}:
        value = value["tools"]
    entries = value if isinstance(value, list) else [value]
    names = tuple(_tool_name(entry) for entry in entries)
    return tuple(name for name in names if name) if all(names) else ()


def _tool_name(entry: Any) -> str | None:
    body = entry.get("function", entry) if isinstance(entry, dict) else None
    if not isinstance(body, dict) or not _DESCRIBES & set(body) or "arguments" in body:
        return None
    name = body.get("name")
    return name if isinstance(name, str) else None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _with_surroundings(prompt: str, start: int, end: int, *, floor: int) -> tuple[int, int]:
    """A list with the fence or tags around it, the heading before it, and the shorter one of its two white spaces.

    What lies before `floor` belongs to the list before.
    """
    while (around := _enclosed(prompt, start, end, floor=floor)) is not None:
        start, end = around
    for announced in (_HEADING, _LABEL):
        back = max(floor, start - _LOOK_BACK)
        if found := announced.search(prompt[back:start]):
            start = back + found.start()
    before, behind = prompt[floor:start], prompt[end:]
    leading = before[len(before.rstrip()) :]
    trailing = behind[: len(behind) - len(behind.lstrip())]
    if len(leading) == start or len(trailing) == len(behind):  # the prompt begins or ends with the list
        return start - len(leading), end + len(trailing)
    parts_less = (leading.count("\n"), len(leading)) < (trailing.count("\n"), len(trailing))
    return (start - len(leading), end) if parts_less else (start, end + len(trailing))


def _enclosed(prompt: str, start: int, end: int, *, floor: int) -> tuple[int, int] | None:
    """The stretch with its code fence or its tags, where it has them."""
    back = max(floor, start - _LOOK_BACK)
    before, after = prompt[back:start], prompt[end:]
    if (opening := _FENCE[0].search(before)) and (closing := _FENCE[1].match(after)):
        return back + opening.start(), end + closing.end()
    if (opening := _OPENING_TAG.search(before)) and (closing := re.match(rf"\s*</{opening[1]}>", after)):
        return back + opening.start(), end + closing.end()
    return None
