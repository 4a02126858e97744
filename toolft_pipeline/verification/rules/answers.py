"""Rule 7: answers say what the results say, and calls act on what the user named.

Invariant: in an accepted run no answer tells a refusal as done or a success as a failure, gives a value to another
entity, contradicts a status, speaks of something else or leaves out half of a list; and no call acts on an id out of
nowhere while the one that the user named is left alone. An answer that only half convinces is a fault of its own, which
a setting accepts; either way it is counted. Golden runs are exempt from nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping

from toolft_pipeline.settings import LoggedAnswerSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.answers.forms import BUILT_IN, AnswerForms
from toolft_pipeline.verification.logged_answers.logged_answer import AnswerFault, AnswerFinding, check_logged_answers
from toolft_pipeline.verification.logged_answers.logged_turns import NO_READS
from toolft_pipeline.verification.logged_answers.named_targets import unnamed_target
from toolft_pipeline.verification.rules.verdict import Fault, Rule, Violation

_FAULTS = {
    AnswerFault.FALSE_SUCCESS: Fault.FALSE_SUCCESS,
    AnswerFault.FALSE_FAILURE: Fault.FALSE_FAILURE,
    AnswerFault.OTHER_SUBJECT: Fault.OTHER_SUBJECT,
    AnswerFault.MISPLACED_VALUE: Fault.MISPLACED_VALUE,
    AnswerFault.CONTRADICTED_RESULT: Fault.CONTRADICTED_RESULT,
    AnswerFault.INCOMPLETE_LIST: Fault.INCOMPLETE_LIST,
}


def check_answers(
    run: Trajectory,
    *,
    settings: LoggedAnswerSettings | None = None,
    error_forms: tuple[str, ...] = (),
    forms: AnswerForms = BUILT_IN,
    reads: Mapping[str, bool] = NO_READS,
) -> Violation | None:
    """The first answer or target of the kinds that the settings refuse (all by default), if any.

    `reads` has the tools of which the catalog says whether they only read.
    """
    settings = settings or LoggedAnswerSettings()
    if settings.other_target == "refuse" and (found := unnamed_target(run.messages)) is not None:
        place, id_, named = found
        reason = f"message {place} acts on {id_!r}, which nothing before names, and leaves out {named!r}"
        return _violation(
            Fault.UNNAMED_TARGET, f"{reason}; a call or a message may be missing from the log", "other_target"
        )
    if not settings.reads_answers:
        return None
    unread: AnswerFinding | None = None
    for finding in check_logged_answers(run.messages, error_forms=error_forms, forms=forms, reads=reads):
        if finding.fault is AnswerFault.ANSWER_UNREAD:
            unread = unread or finding
        elif settings.wrong == "refuse":
            reason = f"the answer in message {finding.place} is not what the results say: {finding.detail}"
            return _violation(_FAULTS[finding.fault], reason, "wrong")
    if unread is None or settings.unread == "accept":
        return None
    reason = (
        f"the answer in message {unread.place} cannot be read: {unread.detail}; add the words that it uses to `answers`"
    )
    return _violation(Fault.ANSWER_UNREAD, reason, "unread")


def has_unread_answer(
    run: Trajectory,
    *,
    error_forms: tuple[str, ...] = (),
    forms: AnswerForms = BUILT_IN,
    reads: Mapping[str, bool] = NO_READS,
) -> bool:
    """Whether an answer of a run only half convinces."""
    found = check_logged_answers(run.messages, error_forms=error_forms, forms=forms, reads=reads)
    return any(finding.fault is AnswerFault.ANSWER_UNREAD for finding in found)


def _violation(fault: Fault, reason: str, setting: str) -> Violation:
    return Violation(
        rule=Rule.ANSWERS, fault=fault, reason=f"{reason}; verification.answers.{setting}: accept keeps such runs"
    )
