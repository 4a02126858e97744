"""Forms: regular expressions by which answers claim success, refuse, negate and ask.

Invariant: a form is matched against plain lower-case text (`answer_text.plain`), as whole words. The built-in ones are
in `built_in_forms`; an agent adds forms of its own by its settings (`answers`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

Forms = tuple[str, ...]
"""Regular expressions, those of all languages together."""

_IRREGULAR = "sent|made|put|set|given|gave|taken|took|done|paid|sold|found|held|told|shut|written|wrote|moved|won|got"
_NO_PARTICIPLE = "(?:need|indeed|speed|feed|proceed|exceed|succeed)"
_PARTS: Mapping[str, str] = {
    "{participle}": rf"(?:(?!{_NO_PARTICIPLE}\b)\w{{2,}}ed|{_IRREGULAR}|\w+(?:wn|ken|tten))",
    "{adverb}": r"(?:now|just|already|successfully|all|both|also|then|finally|duly|instead|been|there|\w+ly)",
}
_LANGUAGE = re.compile(r"\[\w+\]")
_MARGIN = 4


@dataclass(frozen=True, kw_only=True)
class AnswerForms:
    """Regular expressions that an agent adds to the built-in ones."""

    done: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


BUILT_IN = AnswerForms()


def forms_of(text: str) -> Forms:
    """Read forms from text: languages in brackets, below each a form a line."""
    forms: list[str] = []
    for line in text.strip("\n").splitlines():
        if line.startswith(" "):
            forms[-1] += line[_MARGIN:]
        elif not _LANGUAGE.fullmatch(line):
            forms.append(line)
    for name, part in _PARTS.items():
        forms = [form.replace(name, part) for form in forms]
    return tuple(forms)


@lru_cache(maxsize=128)
def any_of(forms: Forms, more: Sequence[str] = ()) -> re.Pattern[str]:
    """One pattern for forms and those that an agent adds, each as whole words."""
    return re.compile(rf"(?<!\w)(?:{'|'.join((*forms, *more))})(?!\w)", re.IGNORECASE)
