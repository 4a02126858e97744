"""Several calls in one turn: one for each that a list names."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

UNPAID_TWICE = "(SELECT count(*) FROM invoices i WHERE i.customer = c.customer AND i.status = 'unpaid') BETWEEN 2 AND 3"
OPEN_TWICE = "(SELECT count(*) FROM tickets t WHERE t.customer = c.customer AND t.status = 'open') BETWEEN 2 AND 3"
NEW_TWICE = (
    "(SELECT count(*) FROM orders o WHERE o.customer = c.customer AND o.status = 'new') = 2 AND NOT EXISTS "
    "(SELECT 1 FROM orders o WHERE o.customer = c.customer AND o.status = 'new' AND held = 1)"
)


@family(
    "close_all_open",
    Category.PARALLEL_CALLS,
    log="""
    Close all open tickets of {customer} as {resolution}.
    {customer}: close every open ticket, {resolution}.
    Please close whatever tickets {customer} has open, {resolution}.
    All open tickets of {customer} are {resolution}, close them.
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
