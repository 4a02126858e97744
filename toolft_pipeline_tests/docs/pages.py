"""The Markdown pages of the repository, and what the checks need of them: fences, code spans, links, headings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolft_pipeline_tests.conftest import REPOSITORY

README = REPOSITORY / "README.md"
CHANGELOG = REPOSITORY / "CHANGELOG.md"
GUIDES = sorted((REPOSITORY / "docs").glob("*.md"))
PAGES = [
    README,
    REPOSITORY / "CONTRIBUTING.md",
    CHANGELOG,
    *GUIDES,
    *sorted((REPOSITORY / "deploy").rglob("*.md")),
    REPOSITORY / "benchmarks" / "RESULTS.md",
    REPOSITORY / "data" / "helpdesk" / "README.md",
    REPOSITORY / "toolft_pipeline" / "project_template" / "README.md",
]

_FENCE = re.compile(r"^ *```([^\n`]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
_INDENTED = re.compile(r"^(?: {4}.*\n)+", re.MULTILINE)


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language and its text."""

    language: str
    text: str


def page_id(page: Path) -> str:
    """A page's path in the repository, for the names of tests."""
    return page.relative_to(REPOSITORY).as_posix()


def text_of(page: Path) -> str:
    """A page's Markdown."""
    return page.read_text(encoding="utf-8")


def fences(text: str) -> list[Fence]:
    """The fenced blocks of a page."""
    return [Fence(match[1].strip(), match[2]) for match in _FENCE.finditer(text)]


def spans(text: str) -> list[str]:
    """The code spans of a page, a line break within one as a space."""
    return [" ".join(match[1].split()) for match in _SPAN.finditer(_FENCE.sub("", text))]


def links(text: str) -> list[str]:
    """The targets of links and pictures."""
    return _LINK.findall(_SPAN.sub("", _FENCE.sub("", text)))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, by GitHub's rule: lower case, no punctuation, hyphens, numbered repeats."""
    seen: Counter[str] = Counter()
    found = set()
    for match in _HEADING.finditer(_FENCE.sub("", text)):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", match[1]).lower())
        slug = words.strip().replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def shell_lines(text: str) -> Iterator[str]:
    """The commands of a page's shell blocks, continued lines joined; indented blocks count as shell blocks."""
    blocks = [fence.text for fence in fences(text) if fence.language == "sh"]
    blocks += [match[0] for match in _INDENTED.finditer(_FENCE.sub("", text)) if _is_shell(match[0])]
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip() and not line.strip().startswith("#"):
                yield line.strip()


def _is_shell(block: str) -> bool:
    return block.split(maxsplit=1)[0] in {"toolft", "make", "export", "PYTHONPATH=data/helpdesk/backend"}
