"""Tools that the catalog offers and no log shows."""

from __future__ import annotations

from helpdesk.families.lists import open_tickets
from helpdesk.family import Level, direct

NEW = Level.NEW_TOOL

direct(
    "product_record",
    ("get_product", "sku"),
    level=NEW,
    held="""
    What does the {sku} cost?
    Show me the product {sku}.
    Which price and shelf does {sku} have?
    """,
    pick=lambda d: {"sku": d.sku()},
)
direct(
    "merge_two_tickets",
    ("merge_tickets", "ticket target=ticket2"),
    level=NEW,
    held="""
    Merge {ticket} into {ticket2}.
    {ticket} and {ticket2} are one case, merge the first into the second.
    Put {ticket} together with {ticket2}, the latter stays.
    """,
    pick=lambda d: {"ticket": (two := d.tickets(2))[0], "ticket2": two[1]},
)
direct(
    "callback_planned",
    ("plan_callback", "customer day slot"),
    level=NEW,
    held="""
    Plan a call back to {customer} on {day}, {slot}.
    {customer} wants to be called back on {day}, {slot}.
    Callback for {customer}: {day}, {slot}.
    """,
    pick=lambda d: {
        "customer": d.customer(open_tickets(0, 9)),
        "day": d.open_day(),
        "slot": d.choice(("morning", "noon", "evening")),
    },
)
direct(
    "more_days_to_pay",
    ("extend_due_date", "invoice days"),
    level=NEW,
    held="""
    Give the customer {days} more days for {invoice}.
    {invoice} may be paid {days} days later.
    Extend {invoice} by {days} days.
    """,
    pick=lambda d: {"invoice": d.invoice(), "days": d.number(3, 30)},
)
