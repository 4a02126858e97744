"""The first call on a ticket fails, the refusal says what to do, and the second way works."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.draw import Draw
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

RETRY = Category.ERROR_THEN_RETRY


def _moved(d: Draw) -> dict[str, str]:
    return {"order": d.order("status = 'moved'")}


def _merged(d: Draw) -> dict[str, str]:
    return {"ticket": d.ticket("status = 'merged'")}


@family(
    "show_merged_ticket",
    RETRY,
    log="""
    Show ticket {ticket}.
    Is {ticket} still open?
    Pull up ticket {ticket}.
    Give me the details of ticket {ticket}.
    Look at {ticket} for me.
    """,
    held="""
    Who has ticket {ticket}?
    What is the state of {ticket}?
    """,
    pick=_merged,
)
def show_merged_ticket(s: Slots) -> Way:
    first = yield [call("get_ticket", ticket=s["ticket"])]
    ticket = first[0].remedy
    yield [call("get_ticket", ticket=ticket)]


@family(
    "note_on_merged_ticket",
    RETRY,
    log="""
    Note on {ticket}: "{text}".
    Write "{text}" on ticket {ticket}.
    Put the note "{text}" on {ticket}.
    Remember "{text}" on {ticket}.
    Jot down "{text}" for ticket {ticket}.
    """,
    held="""
    Add a note "{text}" to {ticket}.
    For {ticket}, please note "{text}".
    """,
    pick=lambda d: _merged(d) | {"text": d.remark()},
)
def note_on_merged_ticket(s: Slots) -> Way:
    first = yield [call("add_note", ticket=s["ticket"], text=s["text"])]
    ticket = first[0].remedy
    yield [call("add_note", ticket=ticket, text=s["text"])]


@family(
    "assign_to_absent",
    RETRY,
    log="""
    Assign {ticket} to {agent}.
    {agent} takes ticket {ticket}.
    Let {agent} look after {ticket}.
    Hand {ticket} over to {agent}.
    Pass ticket {ticket} on to {agent}.
    """,
    held="""
    Give {ticket} to {agent}.
    {ticket} is for {agent}.
    """,
    pick=lambda d: {"ticket": d.ticket(), "agent": d.agent(present=False)},
)
def assign_to_absent(s: Slots) -> Way:
    first = yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]
    stand_in = first[0].remedy
    yield [call("assign_ticket", ticket=s["ticket"], agent=stand_in)]


@family(
    "close_unassigned",
    RETRY,
    log="""
    Close {ticket} as solved, {agent} did it.
    {ticket} is solved thanks to {agent}, close.
    Mark {ticket} solved and close it, {agent} was on it.
    We are done with {ticket}, {agent} solved it.
    Finish {ticket} as solved, the work of {agent}.
    """,
    held="""
    {agent} solved {ticket}, close it.
    Ticket {ticket} can be closed as solved, done by {agent}.
    """,
    pick=lambda d: {"ticket": d.ticket("status = 'open' AND agent IS NULL"), "agent": d.agent()},
)
def close_unassigned(s: Slots) -> Way:
    yield [call("close_ticket", ticket=s["ticket"], resolution="solved")]
    yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]
    yield [call("close_ticket", ticket=s["ticket"], resolution="solved")]
