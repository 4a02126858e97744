"""Whether an answer after calls that succeeded shows what they gave.

Invariant: an answer is readable by a value, a claim, a question or words of its turn, never by tone or length. A bare
claim of success shows nothing after calls that only read.
"""

from __future__ import annotations

import re

from toolft_pipeline.trajectories.grounding_text import is_number, phrase_in_text, words
from toolft_pipeline.verification.answers.answer_text import plain
from toolft_pipeline.verification.answers.written_values import mentions
from toolft_pipeline.verification.logged_answers.claims import Claims, opens_done
from toolft_pipeline.verification.logged_answers.logged_turns import LoggedTurn, is_empty, scalar_texts
from toolft_pipeline.verification.logged_answers.stated_values import arguments_of, states, tells

_INFORMING = re.compile(
    r"(?<!\w)(?:here (?:you|it|they|is|are)|these are|this is|there (?:is|are|were)|found|shows?"
    r"|hier|voici|aqu\u00ed|ecco|es gibt|il y a|hay)(?!\w)",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<=\w )[A-Z][^\W\d_]+(?: [A-Z][^\W\d_]+)+")
_ACKNOWLEDGED = re.compile(
    r"^\W*(?:got it|ok(?:ay)?|will do|noted|sure(?: thing)?|understood|no problem|of course|certainly|absolutely|"
    r"great|perfect|you're (?:in|all set)"
    r"|alles klar|gern\w*|verstanden|klar|in ordnung|notiert|gemacht|voil\u00e0|d'accord|entendu|bien s\u00fbr|"
    r"c'est (?:bon|not\u00e9|parti|r\u00e9gl\u00e9|ok)"
    r"|vale|perfecto|claro|de acuerdo|entendido|anotado|ya est\u00e1|va bene|certo|d'accordo|ecco|prima|ok\u00e9|"
    r"komt goed|begrepen)\b"
)
_NUMBERED = re.compile(r"[^\W_]*\d[\w.@:-]*\w")
_CONTENT = re.compile(r"[^\W\d_]{4,}")
_STEM = 4
_SHORT = 24
"""Most characters of an answer that one word can make readable."""
_MOST_WORDS = 3
"""Most content words of an answer that speaks of its turn by one of them; "lentil soup is served today" has more."""
_EMPTY_WORDS_TEXT = (
    "the and you for are was der die das und ist les une des los las una son el this that have with your please "
    "what when which where will would could there their they them then than from about help hello into some today "
    "tomorrow yesterday here just want need like been were does done make show tell give know also very well sure "
    "okay thanks thank bitte eine einen einer dass nicht sind wird haben hier noch auch oder aber mein meine ihre "
    "ihrer vous nous pour avec dans cette sont est votre plus mais quel quelle para pero esta este como cual "
    "tiene quiero hola sobre todo sono della nella questo questa come vorrei deze voor niet heeft naar over"
)
_EMPTY_WORDS = frozenset(_EMPTY_WORDS_TEXT.split())
_EMPTY_STEMS = frozenset(word[:_STEM] for word in _EMPTY_WORDS)


def is_readable(turn: LoggedTurn, text: str, claims: Claims) -> bool:
    """Whether an answer shows what the calls gave: by a value, a claim, a question or words of the turn."""
    if _repeats_a_result(turn, text) or any(tells(text, call.value, call.result) for call in turn.successes):
        return True
    if _strange_name(turn) is not None:
        return False
    if (claims.done or _ACKNOWLEDGED.match(text)) and not _only_read(turn):
        return True
    wrote = any(call.writes for call in turn.calls)
    if claims.asks or (not wrote and (claims.empty or _INFORMING.search(text))):
        return True
    if any(states(text, value) for value in arguments_of(turn)):
        return True
    return _spells_a_result(turn, text) or _speaks_of(turn, text)


def _repeats_a_result(turn: LoggedTurn, text: str) -> bool:
    """Whether a word with a digit stands in the answer and in a result: the quick way to read most answers."""
    numbered = _NUMBERED.findall(text)
    user = turn.user.casefold()
    if any(is_number(word) and word not in user for word in numbered):
        return True  # grounding has seen that it follows from the run
    return bool(numbered) and any(
        phrase_in_text(word, call.result.casefold()) for call in turn.successes for word in numbered
    )


def is_plainly_readable(turn: LoggedTurn, text: str) -> bool:
    """Whether an answer without a negation is readable at a glance, as most are."""
    return _repeats_a_result(turn, text) or _only_done(turn, text)


def _only_done(turn: LoggedTurn, text: str) -> bool:
    """Whether an answer is a bare "Done." after calls that can have changed something."""
    return len(text) <= _SHORT and opens_done(text) and not _only_read(turn)


def _only_read(turn: LoggedTurn) -> bool:
    """Whether all calls only read, and gave something that a bare "Done" withholds."""
    return all(call.reads for call in turn.calls) and not all(is_empty(call.value) for call in turn.successes)


def _strange_name(turn: LoggedTurn) -> str | None:
    """A name of several capitalized words that neither the user nor any call or result of the turn has."""
    heard = "\n".join([turn.user, *arguments_of(turn), *(call.result for call in turn.calls)]).casefold()
    return next((name for name in _NAME.findall(turn.answer) if name.casefold() not in heard), None)


def _spells_a_result(turn: LoggedTurn, text: str) -> bool:
    """Whether an answer states a value of a result in another spelling and little besides: "nine" of an answer about
    something else may be any nine.
    """
    said = plain(text)
    given = {value for call in turn.successes for value in scalar_texts(call.value)}
    spans = [span for value in given for span in mentions(said, value)]
    rest = "".join(" " if any(a <= at < b for a, b in spans) else sign for at, sign in enumerate(said))
    return bool(spans) and len(content_stems(rest) - _heard(turn)) <= 1


def _heard(turn: LoggedTurn) -> set[str]:
    """The beginnings of the words that say something in the turn, its calls and its results."""
    sources = [turn.user, *arguments_of(turn)]
    sources += [part for call in turn.calls for part in (call.result, call.name.replace("_", " "))]
    return {stem for source in sources for stem in content_stems(source.casefold())}


def _speaks_of(turn: LoggedTurn, text: str) -> bool:
    """Whether enough of an answer's content words are words of its turn."""
    short = words(text) if len(text) <= _SHORT else []
    if any(len(word) > 2 and word not in _EMPTY_WORDS and phrase_in_text(word, turn.user.casefold()) for word in short):
        return True
    spoken = content_stems(text)
    shared = spoken & _heard(turn)
    return bool(shared) and (len(shared) > 1 or len(spoken) <= _MOST_WORDS)


def content_stems(text: str) -> set[str]:
    """The beginnings of a lower-case text's words of four and more letters that say something."""
    return {word[:_STEM] for word in _CONTENT.findall(text)} - _EMPTY_STEMS
