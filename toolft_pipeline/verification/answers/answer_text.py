"""An answer as it is searched: plain lower-case text, and its clauses.

Invariant: only notation is changed (digits of other scripts, curly quotes, emphasis, spaces between groups of digits,
tables row by row), never a word: what an answer says stays as it is said.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_EMPHASIS = re.compile(r"\*\*|__|`|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)|^#+\s", re.MULTILINE)
_QUOTES = str.maketrans("\u2019\u2018\u02bc\u00b4\u201c\u201d\u201e\u00ab\u00bb", '\'\'\'\'"""""')
_SPACED_GROUPS = re.compile(r"(?<![\w.,:/-])[1-9]\d{0,2}(?: \d{3})+(?![\w:/-])")
_RULER = re.compile(r"[\s|:-]*-[\s|:-]*")

_CLAUSE_END = re.compile(
    r"[.!?\u2026](?=\s|$)|[;\n]|:(?=\s|$)|\s[\u2013\u2014-]\s|,?\s(?:\()|\)"
    r"|,?\s(?:but|however|though|although|instead|therefore|aber|jedoch|mais|cependant|pero|sin embargo|ma|però"
    r"|maar|echter)\b"
    r"|(?<=\bdone),\s|(?<=erledigt),\s|(?<=fertig),\s|(?<=hecho),\s|(?<=fatto),\s|(?<=fait),\s|(?<=gedaan),\s"
    r"|,\s(?=(?:so|and|then|it|i|we|he|she|they|this|that|there|nothing|which|no|thus|da|also|so|und|deshalb|daher|darum|ich|wir|es|er|sie"
    r"|et|je|nous|il|elle|donc|c'est pourquoi|y|por eso|yo|así|e|io|quindi|dus|daarom|en|ik)\b)"
)
_REASON = re.compile(
    r",?\s(?=(?:because|since|due to|as (?:it|he|she|they|the|this|that|[a-z]+-?\d)|weil|denn|parce qu|car|puisqu"
    r"|porque|ya que|perché|poiché|omdat|want)\b)"
)
_IS_REASON = re.compile(
    r"\W*(?:because|since|due to|as|weil|denn|da|parce qu\w*|car|puisqu\w*|porque|ya que|perché|poiché|omdat|want)\b"
)


def plain(answer: str) -> str:
    """An answer in lower case and plain notation."""
    text = unicodedata.normalize("NFKC", answer).translate(_QUOTES).casefold()
    text = "".join(str(unicodedata.digit(c, 0)) if c.isdigit() and not c.isascii() else c for c in text)
    text = "\n".join(_lines(text.split("\n")))
    return _SPACED_GROUPS.sub(lambda match: match[0].replace(" ", ""), _EMPHASIS.sub("", text))


def clauses(text: str) -> list[str]:
    """The clauses of a plain text, in order; a question keeps its mark."""
    found = []
    start = 0
    for end in (*_CLAUSE_END.finditer(text), None):
        stop = len(text) if end is None else end.start()
        mark = "?" if end is not None and end[0] == "?" else ""
        found += [part for part in _REASON.split(text[start:stop] + mark) if re.search(r"\w", part)]
        start = stop if end is None else end.end()
    return found


def is_reason(clause: str) -> bool:
    """Whether a clause only gives the reason of another one: "because O-1 was sent"."""
    return _IS_REASON.match(clause) is not None


def _lines(lines: list[str]) -> Iterator[str]:
    """The lines of a text, those of Markdown tables as "row column cell, column cell"."""
    header: list[str] = []
    for number, line in enumerate(lines):
        if line.count("|") < 2:
            header = []
            yield line
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if below.count("|") >= 2 and _RULER.fullmatch(below):
            header = cells
        elif not _RULER.fullmatch(line):
            named = zip(header[1:] if len(header) > 2 else [""] * len(cells), cells[1:], strict=False)
            yield f"{cells[0]} " + ", ".join(f"{name} {cell}".strip() for name, cell in named)
