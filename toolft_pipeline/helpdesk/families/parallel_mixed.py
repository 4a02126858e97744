"""Several calls of different tools in one turn."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct

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
    I need the full overview of {customer}.
    Prepare an overview on {customer}.
    """,
    held="""
    Overview for {customer} please.
    I need the overview of {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1")},
)
