"""Several calls of different tools in one turn."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct

direct(
    "assign_and_prioritize",
    ("assign_ticket", "ticket agent"),
    ("set_priority", "ticket priority"),
    log="""
    Assign {ticket} to {agent} with {priority} priority.
    {agent} takes {ticket}, priority {priority}.
    Set {ticket} to {priority} priority and assign it to {agent}.
    {ticket} for {agent}, {priority} priority.
    """,
    held="""
    Give {ticket} to {agent} with {priority} priority.
    {ticket}: agent {agent}, priority {priority}.
    """,
    pick=lambda d: {"ticket": d.ticket(), "agent": d.agent(), "priority": d.choice(("low", "normal", "high"))},
)


direct(
    "track_and_bill",
    ("track_order", "order"),
    ("get_invoice", "invoice"),
    log="""
    Where is {order}, and is {invoice} paid?
    Is {invoice} paid, and where is {order}?
    Track {order} and look at invoice {invoice}.
    Show {invoice}, and where is {order}?
    """,
    held="""
    Where is {order}, and what is the status of {invoice}?
    Show invoice {invoice} and track {order}.
    """,
    pick=lambda d: {"order": d.order("status IN ('shipped', 'delivered')"), "invoice": d.invoice("1")},
)


direct(
    "customer_overview",
    ("list_orders", "customer"),
    ("list_tickets", "customer"),
    ("list_invoices", "customer"),
    log="""
    Give me the overview of {customer}.
    What is the overview of {customer}?
    The usual overview for {customer}.
    An overview of everything on {customer}, please.
    """,
    held="""
    Overview for {customer} please.
    I need an overview on {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1")},
)
