"""Several calls in one turn: one for each that a list names."""

from __future__ import annotations

from helpdesk.family import Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

OPEN_TWICE = "(SELECT count(*) FROM tickets t WHERE t.customer = c.customer AND t.status = 'open') BETWEEN 2 AND 3"


@family(
    "close_all_open",
    Category.PARALLEL_CALLS,
    log="""
    Close all open tickets of {customer} as {resolution}.
    {customer}: close every open ticket, {resolution}.
    Please close whatever tickets {customer} has open, {resolution}.
    All open tickets of {customer} are {resolution}, close them.
    Finish all tickets that {customer} has open as {resolution}.
    {customer} has open tickets, shut each one as {resolution}.
    Everything open from {customer} is {resolution}, close the tickets.
    All open tickets of {customer} can be closed as {resolution}.
    Can you close all open tickets of {customer}? They are {resolution}.
    Every open ticket of {customer} is {resolution}, close them all.
    The open tickets of {customer}: close all, {resolution}.
    Close everything that is open for {customer}, {resolution}.
    Shut all open tickets of {customer} as {resolution}.
    """,
    held="""
    Please close all open tickets of {customer}, {resolution}.
    Close every ticket that {customer} has open as {resolution}.
    """,
    pick=lambda d: {"customer": d.customer(OPEN_TWICE), "resolution": d.choice(("duplicate", "rejected"))},
)
def close_all_open(s: Slots) -> Way:
    found = yield [call("list_tickets", customer=s["customer"], status="open")]
    tickets = found[0].data["tickets"]
    yield [call("close_ticket", ticket=ticket, resolution=s["resolution"]) for ticket in tickets]
