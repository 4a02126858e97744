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
    Finish all tickets that {customer} has open as {resolution}.
    {customer} has open tickets, shut each one as {resolution}.
    """,
    held="""
    Everything open from {customer} is {resolution}, close the tickets.
    All open tickets of {customer} can be closed as {resolution}.
    """,
    pick=lambda d: {"customer": d.customer(OPEN_TWICE), "resolution": d.choice(("duplicate", "rejected"))},
)
def close_all_open(s: Slots) -> Way:
    found = yield [call("list_tickets", customer=s["customer"], status="open")]
    tickets = found[0].data["tickets"]
    yield [call("close_ticket", ticket=ticket, resolution=s["resolution"]) for ticket in tickets]


@family(
    "remind_all_unpaid",
    Category.PARALLEL_CALLS,
    log="""
    Remind {customer} of all unpaid invoices by {channel}.
    Send {channel} reminders for every unpaid invoice of {customer}.
    Write to {customer} by {channel} about each unpaid invoice.
    Nudge {customer} by {channel} about everything unpaid.
    Each invoice that {customer} has not paid needs a {channel} reminder.
    """,
    held="""
    {customer} owes us money, send a reminder by {channel} for each invoice.
    All unpaid invoices of {customer}: reminder by {channel}.
    """,
    pick=lambda d: {"customer": d.customer(UNPAID_TWICE), "channel": d.choice(("email", "sms", "letter"))},
)
def remind_all_unpaid(s: Slots) -> Way:
    found = yield [call("list_invoices", customer=s["customer"], status="unpaid")]
    invoices = found[0].data["invoices"]
    yield [call("send_reminder", invoice=invoice, channel=s["channel"]) for invoice in invoices]


@family(
    "handover",
    Category.PARALLEL_CALLS,
    log="""
    {agent} takes over all open tickets of {email}.
    All that {email} has open goes to {agent}.
    {email} is looked after by {agent} now, all open tickets.
    Hand each open ticket of {email} over to {agent}.
    {agent} should handle whatever {email} has open.
    """,
    held="""
    Assign every open ticket of {email} to {agent}.
    Give {agent} the open tickets of {email}.
    """,
    pick=lambda d: d.person(OPEN_TWICE) | {"agent": d.agent()},
)
def handover(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    listed = yield [call("list_tickets", customer=found[0].data["customer"], status="open")]
    tickets = listed[0].data["tickets"]
    yield [call("assign_ticket", ticket=ticket, agent=s["agent"]) for ticket in tickets]


@family(
    "hold_all_new",
    Category.PARALLEL_CALLS,
    log="""
    Hold all new orders of {email}.
    Every new order of {email} has to wait, hold them.
    Put the new orders of {email} on hold.
    Freeze each new order of {email}.
    Nothing new from {email} should go out, put holds on.
    """,
    held="""
    {email} may be a fraud, put every new order on hold.
    Please pause whatever is new from {email}.
    """,
    pick=lambda d: d.person(NEW_TWICE),
)
def hold_all_new(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    listed = yield [call("list_orders", customer=found[0].data["customer"], status="new")]
    orders = listed[0].data["orders"]
    yield [call("hold_order", order=order) for order in orders]


@family(
    "order_by_mail_overview",
    Category.PARALLEL_CALLS,
    log="""
    Give me the overview of {email}.
    {email} is on the phone, I need the overview.
    What is the overview of {email}?
    The usual overview for {email}.
    An overview of everything on {email}, please.
    """,
    held="""
    Overview for {email} please.
    Prepare an overview on {email}.
    """,
    pick=lambda d: d.person(),
)
def overview_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield [call(tool, customer=customer) for tool in ("list_orders", "list_tickets", "list_invoices")]
