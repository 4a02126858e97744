"""Check an answer against its expectation: wrong, unreadable, or fine.

Invariant: a problem names the value or the claim that is missing or contradicted. What declared forms cannot decide is
`unread`, which is no pass: an answer that says nothing proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from toolft_pipeline.trajectories.grounding_text import is_identifier
from toolft_pipeline.verification.answers.answer_text import clauses, plain
from toolft_pipeline.verification.answers.built_in_forms import CARRIED_OUT, ENDED, INFORMING
from toolft_pipeline.verification.answers.expected_answer import Ending, ExpectedAnswer, Fact
from toolft_pipeline.verification.answers.forms import BUILT_IN, AnswerForms, any_of
from toolft_pipeline.verification.answers.inquiry_forms import INQUIRED
from toolft_pipeline.verification.answers.pairing import misplaced
from toolft_pipeline.verification.answers.polarity import Polarity, polarity
from toolft_pipeline.verification.answers.written_values import conveys, mentions


class AnswerFault(StrEnum):
    """What is wrong with an answer."""

    WRONG = "wrong_answer"
    """It misses a value, gives it to another entity, or contradicts how the turn ended."""
    UNREAD = "answer_unread"
    """No declared form says how the turn ended, and no value shows it."""


class AnswerProblem(Struct, frozen=True, kw_only=True):
    """One problem of an answer, with what is missing or contradicted."""

    fault: AnswerFault
    detail: str


_NEGATED_BEFORE = re.compile(
    r"\b(?:not|\w+n't|never|no|without|instead of|rather than|nicht|kein\w*|statt|anstatt|pas|plus|jamais|au lieu d\w+"
    r"|nunca|ya no|en (?:lugar|vez) de|non|mai|invece di|niet|geen|in plaats van)(?:\s[\w']+){0,3}\s$|\btoo\s$"
)
_PAST_BEFORE = re.compile(
    r"\b(?:used to be|formerly|previously|originally|no longer|from|was|were|had been|vorher|zuvor|war|était"
    r"|era|estaba)(?:\s[\w']+){0,1}\s$"
)
_CONTENT_WORD = re.compile(r"[^\W\d_]{4,}")
_LETTERS = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, kw_only=True)
class _Said:
    """An answer in the shapes that the checks need."""

    text: str
    untitled: str
    claims: Polarity
    answer: str

    def affirms(self, value: str, *, past: bool = True) -> bool:
        """Whether a clause states a value without negating it; a past state counts where `past`."""
        return any(
            not _NEGATED_BEFORE.search(text[: span[0]]) and (past or not _PAST_BEFORE.search(text[: span[0]]))
            for text in self._clauses()
            for span in mentions(text, value)
        )

    def _clauses(self) -> list[str]:
        return clauses(self.untitled)


def check_answer(
    expected: ExpectedAnswer,
    answer: str,
    *,
    plan_values: frozenset[str] = frozenset(),
    forms: AnswerForms = BUILT_IN,
) -> AnswerProblem | None:
    """The first problem of an answer, or None.

    `plan_values` are values of the turn's calls and results, in lower case: an answer that names one talks about the
    turn, which decides an ending that no form states.
    """
    untitled = _without_titles(answer, expected)
    said = _Said(text=plain(answer), untitled=plain(untitled), claims=polarity(untitled, forms), answer=answer)
    problem = _contradiction(expected, said, plan_values) or next(_wrong_values(expected, said), None)
    if problem is not None:
        return AnswerProblem(fault=AnswerFault.WRONG, detail=problem)
    if not _is_readable(expected, said, plan_values):
        detail = f"nothing in it says that the turn ended as `{expected.ending}`: {answer.strip()[:80]!r}"
        return AnswerProblem(fault=AnswerFault.UNREAD, detail=detail)
    return None


def _without_titles(answer: str, expected: ExpectedAnswer) -> str:
    """The answer without optional values of several words: a subject like "does not charge" denies nothing."""
    titles = (fact.value for fact in expected.facts if fact.optional and not fact.rivals and " " in fact.value)
    pattern = "|".join(re.escape(title) for title in sorted(titles, key=len, reverse=True))
    return re.sub(pattern, " ", answer, flags=re.IGNORECASE) if pattern else answer


def _contradiction(expected: ExpectedAnswer, said: _Said, plan_values: frozenset[str]) -> str | None:
    claims = said.claims
    match expected.ending:
        case Ending.DONE:
            failed = not expected.reason and any(clause.failed for clause in claims.clauses)
            if failed or (claims.refused and not _affirmed(expected, said, plan_values)):
                return "it reports a failure, but the calls succeeded"
        case Ending.INFORMED | Ending.NOTHING_FOUND:
            if _reports_failure(expected, said):
                return "it reports a failure, but the calls succeeded"
        case Ending.REFUSED if expected.reason:
            if _claims_success(expected, claims):
                return "it claims success, but the last call failed"
        case Ending.REFUSED | Ending.ASKED_BACK | Ending.NO_TOOL if _reports(claims):
            return "it claims success, but nothing was called"
        case Ending.NO_TOOL if claims.refused and not claims.done:
            return "it declines, but nothing was refused"
    return None


def _reports_failure(expected: ExpectedAnswer, said: _Said) -> bool:
    """Whether an answer to reads says that they failed: without a value of theirs, or without a word for nothing."""
    claims = said.claims
    if expected.ending is Ending.NOTHING_FOUND:
        return any(clause.failed for clause in claims.clauses) and not _NOTHING.search(said.text)
    return claims.refused and not claims.done and not any(said.affirms(fact.value) for fact in expected.facts)


_NOTHING = re.compile(
    r"\b(?:no|none|nothing|any|find|found|empty|zero|0|kein\w*|nichts|gefunden|finden?|leer|aucune?|rien|trouv\w+|vide"
    r"|ning[uú]n\w*|nada|encontr\w+|vací[oa]|nessun\w*|niente|trov\w+|vuot[oa]|geen|niets|gevonden|leeg)\b"
)
"""Words that tell an empty result from a call that failed."""


def _affirmed(expected: ExpectedAnswer, said: _Said, plan_values: frozenset[str]) -> bool:
    """Whether a denied success is also claimed: by a clause beyond the failure's own words, or by a new value."""
    done = (c for c in said.claims.clauses if c.done and not (c.clear is False and _retells(expected.reason, c.text)))
    if any(True for _ in done):
        return True
    new = [fact.value for fact in expected.facts if not fact.optional] + [each.by for each in expected.replaced]
    positive = [c.text for c in said.claims.clauses if not (c.refused or c.negated or c.aside or c.text.endswith("?"))]
    if any(conveys(text, value) for text in positive for value in new):
        return True
    return not said.claims.failed and any(_names(text, plan_values, least=2) for text in positive)


def _claims_success(expected: ExpectedAnswer, claims: Polarity) -> bool:
    """Whether an answer to a failure claims a success that the failure's own words do not explain."""
    if claims.clearly_done:
        return True
    claiming = [c.text for c in claims.clauses if c.done and not c.reason and not any_of(INQUIRED).search(c.text)]
    if claims.refused:
        claiming = [text for text in claiming if not claims.failed and any_of(CARRIED_OUT).search(text)]
    return any(not _retells(expected.reason, text) or _ACTED.search(text) for text in claiming)


_ACTED = re.compile(r"\b(?:i|we)(?:'ve| have)?\b|\bhabe\b|\bj'ai\b|\bhe(?:mos)?\b|\bho\b|\bheb\b")


def _reports(claims: Polarity) -> bool:
    """Whether an answer without a call claims that something was carried out."""
    return claims.clearly_done or any(c.done and any_of(CARRIED_OUT).search(c.text) for c in claims.clauses)


def _wrong_values(expected: ExpectedAnswer, said: _Said) -> Iterator[str]:
    """Facts that the answer does not state, states of another entity, or contradicts."""
    required = [fact for fact in expected.facts if not fact.optional]
    yield from (f"{fact.value!r} is missing" for fact in required if not conveys(said.text, fact.value))
    for fact in expected.facts:
        is_state = fact.rivals or not (fact.optional or is_identifier(fact.value))
        if is_state and conveys(said.text, fact.value) and not said.affirms(fact.value) and not _ended(said):
            yield f"{fact.value!r} is denied"
        if fact.rivals and not conveys(said.text, fact.value):
            rival = next((each for each in fact.rivals if _claims_rival(said, each)), None)
            if rival is not None:
                yield f"it says {rival!r}, but it is {fact.value!r}"
    for each in expected.replaced:
        instead = any(_stem(word).search(said.text) for word in each.by.split()) or conveys(said.text, each.by)
        if not instead and _claims_tried(said, each.tried):
            yield f"it says {each.tried!r}, but {each.by!r} was done"
    yield from _swapped(expected.facts, said.text)
    for whole in expected.lists:
        left_out = [value for value in whole if not conveys(said.text, value)]
        if 0 < len(left_out) < len(whole) and not _SUMMED_UP.search(said.text):
            yield f"{left_out[0]!r} is missing beside the {len(whole) - len(left_out)} that it names"


_SUMMED_UP = re.compile(
    r"\b(?:all|both|each|every|others?|rest|among|including|first|last|latest|alle[sn]?|beide[ns]?|übrigen|tous|toutes|autres?"
    r"|tod[oa]s|amb[oa]s|otr[oa]s?|tutt[ie]|entramb[ie]|altr[oaie]|allemaal|andere)\b"
)
"""Words by which an answer speaks of a whole list and names a part of it."""


def _claims_rival(said: _Said, rival: str) -> bool:
    others_done = sum(clause.done and not conveys(clause.text, rival) for clause in said.claims.clauses)
    return said.affirms(rival, past=not others_done)


def _claims_tried(said: _Said, tried: str) -> bool:
    claiming = (c for c in said.claims.clauses if not (c.refused or c.negated or c.aside))
    return any(
        (match := _stem(tried).search(clause.text)) is not None
        and not _LIFTED.search(clause.text)
        and not _NEGATED_BEFORE.search(clause.text[: match.start()])
        for clause in claiming
    )


_LIFTED = re.compile(r"\b(?:lifted|removed|gone|cleared|ended|taken off|instead of)\b")


def _stem(phrase: str) -> re.Pattern[str]:
    """A word with the endings of its forms: cancel, cancels, cancelled; void, voided."""
    return re.compile(rf"(?<!\w){re.escape(phrase.casefold().rstrip('e'))}(?:\w{{0,4}})(?!\w)(?!@)")


def _swapped(facts: tuple[Fact, ...], text: str) -> Iterator[str]:
    """Values that the text gives to another entity, for each place of `about` on its own."""
    for place in range(max((len(fact.about) for fact in facts), default=0)):
        pairs = {(fact.about[place], fact.value): True for fact in facts if len(fact.about) > place}
        for value, entity, given in misplaced(pairs, text):
            yield f"{value!r} is not stated about {entity!r} but about {given!r}"


def _is_readable(expected: ExpectedAnswer, said: _Said, plan_values: frozenset[str]) -> bool:
    claims = said.claims
    if any(not fact.optional for fact in expected.facts):
        return True
    match expected.ending:
        case Ending.DONE:
            named = [c.text for c in claims.clauses if not (c.refused or c.aside or c.text.endswith("?"))]
            instead = any(conveys(text, each.by) for text in named for each in expected.replaced)
            names = instead or any(_names(text, plan_values, least=2) for text in named)
            readable = claims.done or names or _ended(said)
        case Ending.INFORMED:
            informs = any_of(INFORMING).search(said.text) is not None
            readable = informs or claims.done or _names(said.text, plan_values, least=1)
        case Ending.NOTHING_FOUND:
            readable = claims.refused or conveys(said.text, "0")
        case Ending.REFUSED:
            readable = claims.refused or _explains(expected.reason, said.text)
        case Ending.ASKED_BACK:
            readable = claims.asks
        case Ending.NO_TOOL:
            readable = _LETTERS.search(said.text) is not None
    return readable


def _ended(said: _Said) -> bool:
    return any_of(ENDED).search(said.text) is not None


def _names(text: str, plan_values: frozenset[str], *, least: int) -> bool:
    """Whether a text names several values of the turn."""
    return sum(conveys(text, value) for value in plan_values) >= least


def _explains(reason: str, text: str) -> bool:
    """Whether a text repeats most content words of a failure."""
    wanted = {word for word in _CONTENT_WORD.findall(reason.casefold()) if word != "error"}
    return bool(wanted) and len(wanted & set(_CONTENT_WORD.findall(text))) * 2 > len(wanted)


def _retells(reason: str, clause: str) -> bool:
    """Whether a clause says in passing what a failure said: "O-1 was delivered" of "O-1 was delivered; use ..."."""
    content = set(_CONTENT_WORD.findall(reason.casefold())) - _COMMON_WORDS
    return any(conveys(clause, word) for word in content)


_COMMON_WORDS = frozenset({"error", "been", "already", "before", "because", "since", "this", "that", "instead", "with"})
