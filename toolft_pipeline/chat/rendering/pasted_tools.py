"""Find tool lists that were pasted into a system prompt, and remove them.

Invariant: the result is the prompt with spans removed; no character is added, changed or moved. A span is removed only
where it lists tools of the catalog, so advice on a tool, an example of a call, and lists of anything else stay. The
cost is that a list in an unknown form stays too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_TOOL_KEYS = {"description", "parameters", "inputSchema", "input_schema"}
"""Keys of a tool definition; a call has `arguments` instead."""

_SEPARATORS = " \t\r\n,"
"""Characters allowed between two tools of one list."""

_END = "\0"
"""A sentinel line that lists nothing, after the last one."""

_JSON_START = re.compile(r"[\[{]")
_MENTIONS_TOOLS = r"\b(?:tools?|functions?)\b"
_FENCE = (re.compile(r"```\w*\s*\Z"), re.compile(r"\s*```"))
_OPENING_TAG = re.compile(r"<(\w+)>\s*\Z")
_HEADING = re.compile(rf"(?im)^[ \t]*(?:#+|\*\*)[^\n]{{0,120}}{_MENTIONS_TOOLS}[^\n]{{0,120}}\n\s*\Z")
_LABEL = re.compile(rf"(?im)(?:^|(?<=[.!?])[ \t])[^.!?\n]{{0,120}}{_MENTIONS_TOOLS}[^.!?\n]{{0,80}}:\**\s*\Z")
_LOOK_BACK = 600
"""Characters before a list in which its heading is looked for."""

_LONGEST_LINE = 500
"""Characters of a line that are searched for a tool and its description."""

_MAX_FAILURES = 1000
"""Brackets that start no JSON after which the rest of a prompt is not searched, because each costs a parse."""

Spans = tuple[tuple[int, int], ...]
"""Spans [start, end) of a prompt, in order."""


def prompt_key(prompt: str) -> str:
    """The SHA-256 of a prompt, as 64 hex digits."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()


def remove_spans(prompt: str, spans: Spans) -> str:
    """A prompt without some of its spans."""
    ends = [0, *(end for _, end in spans)]
    return "".join(prompt[end:start] for end, (start, _) in zip(ends, (*spans, (len(prompt), 0)), strict=True))


@dataclass(frozen=True, kw_only=True)
class _ToolList:
    """A span [start, end) that lists tools."""

    start: int
    end: int
    names: tuple[str, ...]


class PastedTools:
    """Finds lists of one catalog's tools in prompts."""

    def __init__(self, descriptions: Mapping[str, str]) -> None:
        """`descriptions` are the catalog's, by tool name."""
        self._names = frozenset(descriptions)
        self._description_words = {name: set(_words(text)) for name, text in descriptions.items()}
        any_name = f"(?:{'|'.join(map(re.escape, sorted(self._names, key=len, reverse=True)))})(?!\\w)"
        self._line = re.compile(
            rf"(?:[-*+\u2022]\s|\d+[.)]\s|#+\s)?\s*[`*\"']{{0,3}}(?P<name>{any_name})[`*\"']{{0,3}}"
            r"(?:\s*(?P<signature>\()|\s*:|\s+[-\u2013\u2014]\s|\s*$)"
        )

    def without(self, prompt: str) -> str:
        """The prompt without its pasted tool lists."""
        return remove_spans(prompt, self.spans(prompt))

    def spans(self, prompt: str) -> Spans:
        """The spans of pasted tool lists, with their headings."""
        if not self._names:
            return ()
        lists = list(self._json_lists(prompt))
        lists += self._line_lists(prompt, taken=lists)
        merged: list[tuple[int, int]] = []
        for each in sorted(lists, key=lambda each: each.start):
            if merged and not prompt[merged[-1][1] : each.start].strip(_SEPARATORS):
                merged[-1] = (merged[-1][0], each.end)
            else:
                merged.append((each.start, each.end))
        spans: list[tuple[int, int]] = []
        for start, end in merged:
            spans.append(_with_surroundings(prompt, start, end, floor=spans[-1][1] if spans else 0))
        return tuple(spans)

    def _json_lists(self, prompt: str) -> Iterator[_ToolList]:
        """JSON values that are tools, grouped by adjacency; a group counts if half of its tools are the catalog's."""
        group: list[_ToolList] = []
        for each in _json_tools(prompt):
            if group and prompt[group[-1].end : each.start].strip(_SEPARATORS):
                yield from self._if_known(group)
                group = []
            group.append(each)
        yield from self._if_known(group)

    def _if_known(self, group: list[_ToolList]) -> list[_ToolList]:
        names = [name for each in group for name in each.names]
        return group if 2 * sum(name in self._names for name in names) >= len(names) else []

    def _line_lists(self, prompt: str, *, taken: list[_ToolList]) -> Iterator[_ToolList]:
        """Runs of lines that each begin with a tool's name, and lines that hold nothing but names."""
        run: list[tuple[int, int]] = []
        names: set[str] = set()
        begin = 0
        for line in [*prompt.splitlines(keepends=True), _END]:
            end = begin + len(line)
            free = not any(each.start < end and begin < each.end for each in taken)
            name = self._tool_of(line) if free else None
            if name is not None:
                run.append((begin, end))
                names.add(name)
            elif free and run and (not line.strip() or line.startswith(("  ", "\t"))):
                if line.strip():
                    run.append((begin, end))
            else:
                if self._most_of_catalog(names):
                    yield _ToolList(start=run[0][0], end=run[-1][1], names=tuple(names))
                run, names = [], set()
                start, listed = self._names_in(line) if free else (0, set())
                if self._most_of_catalog(listed):
                    yield _ToolList(start=begin + start, end=begin + len(line.rstrip()), names=tuple(listed))
            begin = end

    def _tool_of(self, line: str) -> str | None:
        """The tool that a line lists: by name alone, with a signature, or in the words of its description. Any other
        text after the name is advice."""
        line = line.strip()[:_LONGEST_LINE]
        match = self._line.match(line)
        if match is None:
            return None
        words = _words(line[match.end() :])
        description = self._description_words[match["name"]]
        if match["signature"] or 2 * sum(word in description for word in words) >= len(words):
            return match["name"]
        return None

    def _names_in(self, line: str) -> tuple[int, set[str]]:
        """Where a list of nothing but names starts in a line, after a label or without one, and its tools."""
        label, colon, names = line.rpartition(":")
        listed = {name.strip().strip("`*\"'") for name in names.rstrip(" \t\r\n.").split(",")}
        begin = max(label.rfind(mark) for mark in ".!?") + 1
        if not listed <= self._names or (colon and not re.search(_MENTIONS_TOOLS, label[begin:], re.IGNORECASE)):
            return 0, set()
        return begin + len(line[begin:]) - len(line[begin:].lstrip()), listed

    def _most_of_catalog(self, names: set[str]) -> bool:
        return len(names) >= max(2, len(self._names) / 2)


def _json_tools(prompt: str) -> Iterator[_ToolList]:
    """JSON values that have the shape of tools; any other JSON value is skipped as a whole."""
    decoder, at, failures = json.JSONDecoder(), 0, 0
    while failures < _MAX_FAILURES and (bracket := _JSON_START.search(prompt, at)) is not None:
        start = bracket.start()
        try:
            value, end = decoder.raw_decode(prompt, start)
        except (ValueError, RecursionError):
            at, failures = start + 1, failures + 1
            continue
        at = end
        if names := _tool_names(value):
            yield _ToolList(start=start, end=end, names=names)


def _tool_names(value: Any) -> tuple[str, ...]:
    """The names in a tool, a list of tools, or an object with only the key `tools`; empty for anything else."""
    if isinstance(value, dict) and set(value) == {"tools"}:
        value = value["tools"]
    entries = value if isinstance(value, list) else [value]
    names = tuple(_tool_name(entry) for entry in entries)
    return tuple(name for name in names if name) if all(names) else ()


def _tool_name(entry: Any) -> str | None:
    body = entry.get("function", entry) if isinstance(entry, dict) else None
    if not isinstance(body, dict) or not _TOOL_KEYS & set(body) or "arguments" in body:
        return None
    name = body.get("name")
    return name if isinstance(name, str) else None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _with_surroundings(prompt: str, start: int, end: int, *, floor: int) -> tuple[int, int]:
    """Extend a list by its fence or tags, its heading, and the shorter of the whitespace on its two sides.

    Text before `floor` belongs to the previous list.
    """
    while (enclosed := _with_enclosure(prompt, start, end, floor=floor)) is not None:
        start, end = enclosed
    for pattern in (_HEADING, _LABEL):
        back = max(floor, start - _LOOK_BACK)
        if heading := pattern.search(prompt[back:start]):
            start = back + heading.start()
    before, after = prompt[floor:start], prompt[end:]
    leading = before[len(before.rstrip()) :]
    trailing = after[: len(after) - len(after.lstrip())]
    if len(leading) == start or len(trailing) == len(after):  # the prompt begins or ends with the list
        return start - len(leading), end + len(trailing)
    leading_is_shorter = (leading.count("\n"), len(leading)) < (trailing.count("\n"), len(trailing))
    return (start - len(leading), end) if leading_is_shorter else (start, end + len(trailing))


def _with_enclosure(prompt: str, start: int, end: int, *, floor: int) -> tuple[int, int] | None:
    """The span with the code fence or tags around it; None without any."""
    back = max(floor, start - _LOOK_BACK)
    before, after = prompt[back:start], prompt[end:]
    if (opening := _FENCE[0].search(before)) and (closing := _FENCE[1].match(after)):
        return back + opening.start(), end + closing.end()
    if (opening := _OPENING_TAG.search(before)) and (closing := re.match(rf"\s*</{opening[1]}>", after)):
        return back + opening.start(), end + closing.end()
    return None
