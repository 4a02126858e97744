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
    Who has ticket {ticket}?
    Is {ticket} still open?
    What is the state of {ticket}?
    Pull up ticket {ticket}.
    """,
    held="""
    Give me the details of ticket {ticket}.
    Look at {ticket} for me.
    """,
    pick=_merged,
)
def show_merged_ticket(s: Slots) -> Way:
    first = yield [call("get_ticket", ticket=s["ticket"])]
    ticket = first[0].remedy
    shown = yield [call("get_ticket", ticket=ticket)]
    yield f"{ticket} is {shown[0].data['status']}, from {shown[0].data['customer']}."


@family(
    "note_on_merged_ticket",
    RETRY,
    log="""
    Note on {ticket}: "{text}".
    Add a note "{text}" to {ticket}.
    Write "{text}" on ticket {ticket}.
    For {ticket}, please note "{text}".
    Put the note "{text}" on {ticket}.
    """,
    held="""
    Remember "{text}" on {ticket}.
    Jot down "{text}" for ticket {ticket}.
    """,
    pick=lambda d: _merged(d) | {"text": d.remark()},
)
def note_on_merged_ticket(s: Slots) -> Way:
    first = yield [call("add_note", ticket=s["ticket"], text=s["text"])]
    ticket = first[0].remedy
    yield [call("add_note", ticket=ticket, text=s["text"])]
    yield f"The note is on {ticket}."


@family(
    "assign_to_absent",
    RETRY,
    log="""
    Assign {ticket} to {agent}.
    Give {ticket} to {agent}.
    {agent} takes ticket {ticket}.
    {ticket} is for {agent}.
    Let {agent} look after {ticket}.
    """,
    held="""
    Hand {ticket} over to {agent}.
    Pass ticket {ticket} on to {agent}.
    """,
    pick=lambda d: {"ticket": d.ticket(), "agent": d.agent(present=False)},
)
def assign_to_absent(s: Slots) -> Way:
    first = yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]
    stand_in = first[0].remedy
    yield [call("assign_ticket", ticket=s["ticket"], agent=stand_in)]
    yield f"{s['agent']} is away, {stand_in} has {s['ticket']}."


@family(
    "close_unassigned",
    RETRY,
    log="""
    Close {ticket} as solved, {agent} did it.
    {agent} solved {ticket}, close it.
    {ticket} is solved thanks to {agent}, close.
    Ticket {ticket} can be closed as solved, done by {agent}.
    Mark {ticket} solved and close it, {agent} was on it.
    """,
    held="""
    We are done with {ticket}, {agent} solved it.
    Finish {ticket} as solved, the work of {agent}.
    """,
    pick=lambda d: {"ticket": d.ticket("status = 'open' AND agent IS NULL"), "agent": d.agent()},
)
def close_unassigned(s: Slots) -> Way:
    yield [call("close_ticket", ticket=s["ticket"], resolution="solved")]
    yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]
    yield [call("close_ticket", ticket=s["ticket"], resolution="solved")]
    yield f"{s['ticket']} went to {s['agent']} and is closed as solved."


@family(
    "assign_closed",
    RETRY,
    log="""
    The problem of {ticket} is back, assign {agent}.
    {ticket} is not done, {agent} must look at it again.
    {agent} gets {ticket} once more.
    Give {ticket} back to {agent}.
    {ticket} again, this time for {agent}.
    """,
    held="""
    {agent} should handle {ticket} a second time.
    Hand {ticket} to {agent} again.
    """,
    pick=lambda d: {"ticket": d.ticket("status = 'closed'"), "agent": d.agent()},
)
def assign_closed(s: Slots) -> Way:
    yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]
    yield [call("reopen_ticket", ticket=s["ticket"])]
    yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]
    yield f"{s['ticket']} is open again with {s['agent']}."


@family(
    "merge_into_closed",
    RETRY,
    log="""
    Merge {other} into {keep}.
    {other} is the same as {keep}, keep {keep}.
    Keep {keep} and merge {other} into it.
    Fold ticket {other} into {keep}.
    {other} duplicates {keep}, merge it there.
    """,
    held="""
    Join {other} with {keep}, which stays.
    {keep} stays and takes in {other}.
    """,
    pick=lambda d: {
        "keep": (
            row := d.row(
                "SELECT a.ticket a, b.ticket b FROM tickets a JOIN tickets b ON a.customer = b.customer "
                "WHERE a.status = 'closed' AND b.status = 'open' ORDER BY 1, 2"
            )
        )["a"],
        "other": row["b"],
    },
)
def merge_into_closed(s: Slots) -> Way:
    yield [call("merge_tickets", keep=s["keep"], merge=[s["other"]])]
    yield [call("reopen_ticket", ticket=s["keep"])]
    yield [call("merge_tickets", keep=s["keep"], merge=[s["other"]])]
    yield f"{s['keep']} is open again and holds {s['other']}."
