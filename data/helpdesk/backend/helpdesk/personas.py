"""How people write: in their language, terse or chatty, with a greeting or without, and with typos.

Invariant: ids, names and other values are never misspelled: a manner changes the words around them alone.
"""

from __future__ import annotations

import re
from random import Random
from typing import Any

from helpdesk.family import Wording
from helpdesk.texts import LANGUAGES, said_value

TYPO_SHARE, TERSE_SHARE, LOWER_SHARE, CHATTY_SHARE = 0.12, 0.45, 0.3, 0.15
_SLOT = re.compile(r"(\{[a-z0-9]+\})")


def worded(wording: Wording, slots: dict[str, Any], *, language: str, random: Random, held: bool) -> tuple[str, ...]:
    """The user turns of a wording as one persona writes them."""
    said = {name: said_value(language, value) for name, value in slots.items()}
    turns = list(wording)
    drawn = random.random()
    if drawn < TERSE_SHARE:
        turns = [_lowered(turn) for turn in turns] if random.random() < LOWER_SHARE else turns
    else:
        turns[0] = _with_manner(turns[0], language, random, held=held, chatty=drawn > 1 - CHATTY_SHARE)
    if random.random() < TYPO_SHARE:
        place = random.randrange(len(turns))
        turns[place] = _misspelled(turns[place], random)
    return tuple(turn.format_map(said) for turn in turns)


def _with_manner(turn: str, language: str, random: Random, *, held: bool, chatty: bool) -> str:
    texts = LANGUAGES[language]
    if chatty:
        return f"{random.choice(texts.HELD_SMALL_TALK if held else texts.SMALL_TALK)} {turn}"
    manner = random.choice(texts.HELD_MANNERS if held else texts.MANNERS)
    if manner.endswith((", @", ": @")) and turn[:2].isalpha() and language != "de" and not turn.startswith("I "):
        turn = turn[0].lower() + turn[1:]
    return str(manner.replace("@", turn))


def _lowered(turn: str) -> str:
    """No capitals and no full stop, as people write in a hurry."""
    parts = [part if _SLOT.fullmatch(part) else part.lower() for part in _SLOT.split(turn)]
    return "".join(parts).removesuffix(".")


def _misspelled(turn: str, random: Random) -> str:
    """One word of four letters or more with two letters swapped, one left out or one doubled."""
    words = [match for match in re.finditer(r"[^\W\d_]{4,}", turn) if not _in_slot(turn, match.start())]
    if not words:
        return turn
    word = random.choice(words)
    place = random.randrange(word.start() + 1, word.end() - 1)
    left, right = turn[:place], turn[place:]
    return random.choice((left + right[1] + right[0] + right[2:], left + right[1:], left + right[0] + right))


def _in_slot(turn: str, place: int) -> bool:
    return turn.rfind("{", 0, place) > turn.rfind("}", 0, place)
