"""Everything that people and the agent say, by language.

Invariant: tables alone. A language without an entry is an error when it is asked for, never another language's text.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType

from helpdesk.family import FAMILIES, Family, Wording, wordings
from helpdesk.texts import de, en, es

LANGUAGES: dict[str, ModuleType] = {"en": en, "de": de, "es": es}
SHARES = {"en": 0.6, "de": 0.2, "es": 0.2}


def wordings_of(family: Family, language: str, *, held: bool) -> tuple[Wording, ...]:
    """How users of a language ask for a family's work."""
    if language == "en":
        source = FAMILIES[family.worded_as]
        return source.held if held else source.log
    return _table(language)[family.worded_as][held]


def sayings(language: str, name: str) -> tuple[str, ...]:
    """The phrasings of something that the agent says, the shortest first; tools have the name of their answer."""
    return _phrasings(language)[name]


def said_value(language: str, value: object) -> object:
    """A value as a user of the language says it."""
    values: dict[str, str] = LANGUAGES[language].VALUES
    return values.get(value, value) if isinstance(value, str) else value


@cache
def _phrasings(language: str) -> dict[str, tuple[str, ...]]:
    """A line has a name and its first phrasing; each further phrasing stands on a line of its own after a bar."""
    table: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in filter(None, map(str.strip, "\n".join(LANGUAGES[language].ANSWERS).splitlines())):
        if line.startswith("| "):
            table[name] += (line[2:],)
        else:
            name, _, text = line.partition(": ")
            table[name] = (text,)
    return table


@cache
def _table(language: str) -> dict[str, tuple[tuple[Wording, ...], tuple[Wording, ...]]]:
    """Blocks of lines under a [family]; a line that begins with = is for evaluation alone."""
    table: dict[str, tuple[tuple[Wording, ...], tuple[Wording, ...]]] = {}
    for block in "\n".join(LANGUAGES[language].WORDINGS).split("[")[1:]:
        name, _, text = block.partition("]")
        lines = text.strip().splitlines()
        log = "\n".join(line for line in lines if not line.strip().startswith("="))
        held = "\n".join(line.strip()[1:] for line in lines if line.strip().startswith("="))
        table[name] = wordings(log), wordings(held)
    return table
