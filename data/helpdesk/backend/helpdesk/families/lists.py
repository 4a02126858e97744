"""What a list gives: one call for each row, the row that the user points at, pages read to the end."""

from __future__ import annotations

from typing import Any

from helpdesk.family import Result, Say, Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

MULTI = Category.MULTI_STEP
NTH = ("first", "second")


def open_tickets(low: int, high: int) -> str:
    """Customers with so many open tickets."""
    counted = "(SELECT count(*) FROM tickets t WHERE t.customer = c.customer AND t.status = 'open')"
    return f"{counted} BETWEEN {low} AND {high}"


def unpaid_invoices(low: int, high: int) -> str:
    """Customers with so many unpaid invoices."""
    counted = "(SELECT count(*) FROM invoices i WHERE i.customer = c.customer AND i.status = 'unpaid')"
    return f"{counted} BETWEEN {low} AND {high}"


def ids(results: list[Result], name: str) -> list[str]:
    """The ids of a page of orders, tickets or invoices."""
    return [row[name.removesuffix("s")] for row in results[0].data[name]]


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
    Can you close all open tickets of {customer}? They are {resolution}.
    """,
    held="""
    Please close all open tickets of {customer}, {resolution}.
    Close every ticket that {customer} has open as {resolution}.
    """,
    pick=lambda d: {"customer": d.customer(open_tickets(2, 3)), "resolution": d.choice(("duplicate", "rejected"))},
)
def close_all_open(s: Slots) -> Way:
    found = yield [call("list_tickets", customer=s["customer"], status="open")]
    yield [call("close_ticket", ticket=each, resolution=s["resolution"]) for each in ids(found, "tickets")]


@family(
    "unpaid_then_remind",
    MULTI,
    log="""
    Which invoices of {customer} are unpaid? // Remind them of the {nth} one by {channel}.
    Show me only unpaid invoices of {customer}. // Reminder by {channel} on the {nth}.
    Find unpaid invoices to {customer}. // The {nth} needs a {channel} reminder.
    Any invoices of {customer} that are unpaid? // Nudge them by {channel} about the {nth} one.
    What has {customer} not paid yet? // A {channel} reminder for the {nth}.
    Has {customer} any unpaid invoices? // Please send a {channel} reminder for the {nth}.
    The unpaid invoices of {customer}, please. // The {nth} one: remind by {channel}.
    Which invoices are unpaid by {customer}? // Send a reminder for the {nth} one by {channel}.
    """,
    held="""
    List the unpaid invoices of {customer}. // Send a {channel} reminder for the {nth} one.
    Does {customer} have unpaid invoices? // For the {nth}, remind by {channel}.
    """,
    pick=lambda d: {
        "customer": d.customer(unpaid_invoices(2, 4)),
        "channel": d.choice(("email", "sms", "letter")),
        "nth": d.choice(NTH),
    },
)
def unpaid_then_remind(s: Slots) -> Way:
    listed = yield [call("list_invoices", customer=s["customer"], status="unpaid")]
    yield None
    yield [call("send_reminder", invoice=ids(listed, "invoices")[NTH.index(s["nth"])], channel=s["channel"])]


@family(
    "list_then_track",
    MULTI,
    log="""
    What has {customer} on the way? // Where is the {nth} one?
    Which orders of {customer} are shipped? // Track the {nth} of them.
    List the shipped orders of {customer}. // And where is the {nth}?
    {customer} asks for the shipped orders. // When does the {nth} arrive?
    Shipped orders for {customer}? // Please track the {nth} one.
    Show what was shipped to {customer}. // How far has the {nth} got?
    """,
    held="""
    Are there shipped orders of {customer}? // Look where the {nth} one is.
    {customer}, orders in status shipped. // Track that {nth} order.
    """,
    pick=lambda d: {
        "customer": d.customer(
            "(SELECT count(*) FROM orders o WHERE o.customer = c.customer AND o.status = 'shipped') BETWEEN 2 AND 4"
        ),
        "nth": d.choice(NTH),
    },
)
def list_then_track(s: Slots) -> Way:
    listed = yield [call("list_orders", customer=s["customer"], status="shipped")]
    yield None
    yield [call("track_order", order=ids(listed, "orders")[NTH.index(s["nth"])])]


def _to_the_end(tool: str, name: str, **asked: Any) -> Way:
    """Read a list page by page, then name everything on it."""
    page = yield [call(tool, **asked)]
    rows = list(page[0].data[name])
    while "next" in page[0].data:
        page = yield [call(tool, **asked, cursor=page[0].data["next"])]
        rows += page[0].data[name]
    yield Say(f"all_{name}", {"customer": asked["customer"], "count": len(rows), "rows": rows})


@family(
    "all_open_tickets",
    MULTI,
    log="""
    I need all open tickets of {customer}, to the last one.
    How many tickets does {customer} have open, and which?
    Every open ticket of {customer}, all pages.
    Read me the complete list of open tickets of {customer}.
    Go through all open tickets of {customer} and name them.
    Which tickets are open for {customer}? All of them please.
    The full list of what {customer} has open as tickets.
    """,
    held="""
    All open tickets of {customer}, please do not leave one out.
    Count and name every open ticket of {customer}.
    """,
    pick=lambda d: {"customer": d.customer(open_tickets(4, 8))},
)
def all_open_tickets(s: Slots) -> Way:
    return _to_the_end("list_tickets", "tickets", customer=s["customer"], status="open")


@family(
    "all_orders",
    MULTI,
    log="""
    How many orders does {customer} have in all, and which?
    I need every single order of {customer}, all pages.
    The complete list of orders of {customer}, to the end.
    Count all orders of {customer} and name them.
    Go through the whole order list of {customer}.
    All orders that {customer} ever made, do not stop at page one.
    """,
    held="""
    Every order of {customer} to the last page, please.
    Tell me how many orders {customer} has altogether and which ones.
    """,
    pick=lambda d: {
        "customer": d.customer(
            "(SELECT count(*) FROM orders o WHERE o.customer = c.customer AND o.status != 'moved') BETWEEN 5 AND 10"
        )
    },
)
def all_orders(s: Slots) -> Way:
    return _to_the_end("list_orders", "orders", customer=s["customer"])
