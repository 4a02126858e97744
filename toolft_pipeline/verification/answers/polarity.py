"""Read from an answer whether it claims success, reports a failure, or asks back.

Invariant: only declared forms decide. A clause that holds none of them claims nothing; nothing is guessed from tone,
length or a model. An agent adds forms of its own (`answers` in its file).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from toolft_pipeline.verification.answers.answer_text import clauses, is_reason, plain
from toolft_pipeline.verification.answers.built_in_forms import (
    ASIDE,
    ASKS,
    CLEAR_DONE,
    DONE,
    ENDED,
    FAILED,
    NEGATION,
    POLITE,
    REFUSED,
    REGRET,
)
from toolft_pipeline.verification.answers.forms import BUILT_IN, AnswerForms, any_of


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One clause of an answer and what its words claim."""

    text: str
    done: bool
    """It has a form of success and neither a refusal nor a negation."""
    clear: bool
    """The same by a form that can mean nothing else."""
    refused: bool
    """It refuses or reports a failure."""
    failed: bool
    """It reports a failure that has happened."""
    negated: bool
    """It has a negation that is no refusal, or a word for what was so before."""
    aside: bool
    """It offers further help: the other marks are off."""
    reason: bool
    """It only gives the reason of another clause."""
    asks: bool
    """It is a question or a request for something missing."""


@dataclass(frozen=True, kw_only=True)
class Polarity:
    """What an answer claims; several may hold, as in "O-1 is unknown; I opened a ticket"."""

    clauses: tuple[Clause, ...]

    @property
    def done(self) -> bool:
        """A clause claims success."""
        return any(clause.done for clause in self.clauses)

    @property
    def clearly_done(self) -> bool:
        """A clause claims success by a form that states no reason."""
        return any(clause.clear for clause in self.clauses)

    @property
    def failed(self) -> bool:
        """A clause refuses or reports a failure in so many words."""
        return any(clause.refused for clause in self.clauses)

    @property
    def refused(self) -> bool:
        """A clause refuses, reports a failure or negates."""
        return self.failed or any(clause.negated and not clause.reason for clause in self.clauses)

    @property
    def asks(self) -> bool:
        """A clause asks for something, other than whether further help is wanted."""
        return any(clause.asks for clause in self.clauses)


def polarity(text: str, forms: AnswerForms = BUILT_IN) -> Polarity:
    """Read the claims of an answer clause by clause."""
    return Polarity(clauses=tuple(_clause(each, forms) for each in clauses(plain(text))))


def _clause(text: str, forms: AnswerForms) -> Clause:
    asks = text.endswith("?") or bool(any_of(ASKS).search(text))
    aside = bool(any_of(ASIDE).search(text))
    said = any_of(POLITE).sub(" ", text)
    refused = bool(any_of(REFUSED, forms.refused).search(said) or any_of(REGRET).search(said))
    left = any_of(ENDED).sub(" ", said)
    ended = left != said and not refused
    negated = not refused and bool(any_of(NEGATION).search(left))
    clear = bool(any_of(CLEAR_DONE, forms.done).search(said))
    done = clear or ended or bool(any_of(DONE).search(said))
    claims = not (aside or refused or negated or text.endswith("?"))
    return Clause(
        text=text,
        done=done and claims,
        clear=clear and claims,
        refused=refused and not aside,
        failed=bool(any_of(FAILED).search(said)) and not aside,
        negated=negated and not aside,
        aside=aside,
        reason=is_reason(text),
        asks=asks and (not aside or _asks_in_earnest(text)),
    )


def _asks_in_earnest(text: str) -> bool:
    """Whether a question that offers help also asks: "if you want, who should have it?"."""
    return bool(re.search(r"\b(?:who|whom|which|wer|wem|qui\u00e9n|chi|wie)\b", text)) and text.endswith("?")
