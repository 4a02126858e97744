"""The first call on a ticket fails, the refusal says what to do, and the second way works."""

from __future__ import annotations

from helpdesk.family import Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

RETRY = Category.ERROR_THEN_RETRY


@family(
    "assign_to_absent",
    RETRY,
    log="""
    Assign {ticket} to {agent}.
    {agent} takes ticket {ticket}.
    Let {agent} look after {ticket}.
    Hand {ticket} over to {agent}.
    Pass ticket {ticket} on to {agent}.
    Give {ticket} to {agent}.
    {ticket} is for {agent}.
    Can you assign {ticket} to {agent}?
    Ticket {ticket} should go to {agent}.
    {agent} will take {ticket}.
    {agent} gets {ticket}.
    Please hand ticket {ticket} to {agent}.
    Assign ticket {ticket}, {agent} takes it.
    """,
    held="""
    Please assign ticket {ticket} to {agent}.
    {ticket} goes to {agent}.
    """,
    pick=lambda d: {"ticket": d.ticket(), "agent": d.agent(present=False)},
)
def assign_to_absent(s: Slots) -> Way:
    first = yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]
    stand_in = first[0].remedy
    yield [call("assign_ticket", ticket=s["ticket"], agent=stand_in)]
