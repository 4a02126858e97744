"""Lists of a turn's last results that an answer repeats only in part.

Invariant: only lists of plain texts count, because rows with fields may have been filtered. An answer or a question
that selects ("the first", "how many") may leave out what it likes, and so may one about names or files, unless the
user asks for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from toolft_pipeline.trajectories.grounding_text import is_identifier
from toolft_pipeline.verification.logged_answers.logged_turns import LoggedTurn
from toolft_pipeline.verification.logged_answers.stated_values import spells, states

_EVERY = re.compile(
    r"(?<!\w)(?:all|every\w*|list|alle\w*|s\u00e4mtliche\w*|liste|tous|toutes|todos|todas|tutt[ie])(?!\w)",
    re.IGNORECASE,
)
_PLEASANTRY = re.compile(
    r"(?<!\w)(?:(?:best|kind) (?:regards|wishes)|many thanks|only if|also|next(?=:))(?!\w)", re.IGNORECASE
)
_SELECTING = re.compile(
    r"(?<!\w)(?:first|last|latest|newest|oldest|next|top|best|cheapest|earliest|nearest|any|one of|some|most|"
    r"many|example|e\.g|including|"
    r"among|only|other|others|more|also|erste\w*|letzte\w*|n\u00e4chste\w*|beste\w*|einige|nur|unter anderem|"
    r"premi\w+|dernier\w*|plusieurs|"
    r"prochain\w*|primer\w*|\u00faltim\w*|algun\w*|s\u00f3lo|solo|prim[oa]|alcun\w*|how many|wie viele|combien|"
    r"cu\u00e1nt\w+)(?!\w)",
    re.IGNORECASE,
)


def partial_list(turn: LoggedTurn, text: str) -> str | None:
    """A sentence on a list of plain values of the last results that the answer repeats in part."""
    last = max(call.batch for call in turn.calls)
    for call in turn.successes:
        if call.batch != last or "[" not in call.result:
            continue
        for items in _plain_lists(call.value):
            stated = [item for item in items if states(text, item)]
            if not stated or len(stated) == len(items) or states(text, str(len(items))):
                continue
            if _SELECTING.search(_PLEASANTRY.sub(" ", turn.user)) or _SELECTING.search(text):
                continue
            if not _EVERY.search(turn.user) and _may_be_chosen(items, stated):
                continue
            left = [item for item in items if not spells(text, item)]
            if left:
                return f"it names {len(items) - len(left)} of {len(items)} listed values and leaves out {left[0]!r}"
    return None


def _may_be_chosen(items: Sequence[str], stated: Sequence[str]) -> bool:
    """Whether an agent can have chosen among values that say something themselves, as names and files do."""
    return not all(map(is_identifier, items)) and (len(stated) == 1 or any(re.search(r"[./]", item) for item in items))


def _plain_lists(value: Any) -> Iterator[list[str]]:
    """Lists of two to twenty different texts."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _plain_lists(inner)
    elif isinstance(value, list) and 2 <= len(value) <= 20 and all(isinstance(item, str) for item in value):
        items = list(dict.fromkeys(item.casefold() for item in value))
        if len(items) == len(value):
            yield items
