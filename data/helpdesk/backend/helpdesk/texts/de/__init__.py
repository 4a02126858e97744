"""German: what the agent says, how users write and word their requests."""

from __future__ import annotations

from helpdesk.texts.de import answers, desk, manners, singles, unseen

ANSWERS = (answers.READS, answers.WRITES, answers.OTHERS)
REFUSALS = answers.REFUSALS
VALUES = manners.VALUES
WORDINGS = (singles.WORDINGS, desk.WORDINGS, unseen.WORDINGS)
MANNERS, SMALL_TALK = manners.MANNERS, manners.SMALL_TALK
HELD_MANNERS, HELD_SMALL_TALK = manners.HELD_MANNERS, manners.HELD_SMALL_TALK
