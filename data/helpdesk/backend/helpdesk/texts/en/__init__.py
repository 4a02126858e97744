"""English: what the agent says, how users write. The wordings of requests stand with their families."""

from __future__ import annotations

from helpdesk.texts.en import answers, manners

ANSWERS = (answers.READS, answers.WRITES, answers.OTHERS)
REFUSALS = answers.REFUSALS
VALUES: dict[str, str] = {
    day: day.title() for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
}
WORDINGS = ()
MANNERS, SMALL_TALK = manners.MANNERS, manners.SMALL_TALK
HELD_MANNERS, HELD_SMALL_TALK = manners.HELD_MANNERS, manners.HELD_SMALL_TALK
