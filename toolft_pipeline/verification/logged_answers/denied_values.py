"""Values of the results that an answer negates: "not O-4711", "it is not true that ...".

Invariant: only a negation directly before a value counts, and not one that a result has as well ("C-1 is not
blocked").
"""

from __future__ import annotations

import re

from toolft_pipeline.trajectories.grounding_text import leaves
from toolft_pipeline.verification.logged_answers.logged_turns import LoggedTurn, scalar_texts
from toolft_pipeline.verification.logged_answers.stated_values import arguments_of, states

_OPENS_DENYING = re.compile(r"^\W*(?:not|nicht|pas) ")
_DENIED = re.compile(
    r"(?<!\w)(?:(?P<untrue>(?:not|isn't) (?:true|so|the case|correct) that|stimmt nicht, dass|pas vrai que|no es "
    r"cierto que)"
    r"|(?:not|nicht|pas|kein\w*|isn't|aren't)(?: (?:in|at|on|for|a|an|the|to|von|de|la|le|en))? )(?!\w)?"
)


def denied_value(turn: LoggedTurn, text: str) -> str | None:
    """A sentence on a value of the results that the answer negates, in words that no result has."""
    if (found := _DENIED.search(text)) is None:
        return None
    if found["untrue"]:
        return f"it says {found[0]!r} of what the results say"
    if (opening := _OPENS_DENYING.match(text)) is not None:
        named = [
            *arguments_of(turn),
            *(name.casefold() for call in turn.successes for name, _, _ in leaves(call.value, {})),
        ]
        value = next((each for each in named if each and _begins(text[opening.end() :], each)), None)
        if value is not None:
            return f"it denies what a result says of {value!r}"
    heard = "\n".join(call.result for call in turn.calls).casefold()
    for denied in _DENIED.finditer(text):
        after = text[denied.end() :].lstrip(" *`\"'")
        for call in turn.successes:
            value = next((each for each in scalar_texts(call.value) if each and _begins(after, each)), None)
            elsewhere = f"{text[: denied.start()]} {text[denied.end() + len(value or '') + 1 :]}"
            if value is not None and f"{denied[0]}{value}" not in heard and not states(elsewhere, value):
                return f"it denies {value!r}, which a result says"
    return None


def _begins(text: str, value: str) -> bool:
    return text.startswith(value) and not text[len(value) : len(value) + 1].isalnum()
