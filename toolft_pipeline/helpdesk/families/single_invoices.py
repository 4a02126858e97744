"""One call about an invoice."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct

direct(
    "get_invoice",
    ("get_invoice", "invoice"),
    log="""
    Show invoice {invoice}.
    How much is invoice {invoice}?
    Which order is {invoice} for?
    Give me the details of invoice {invoice}.
    What does {invoice} come to?
    Look at {invoice} for me.
    """,
    held="""
    Is {invoice} paid?
    What is the status of {invoice}?
    """,
    pick=lambda d: {"invoice": d.invoice("1")},
)


direct(
    "list_invoices",
    ("list_invoices", "customer"),
    log="""
    List the invoices of {customer}.
    Show all invoices of {customer}.
    I need every invoice of {customer}.
    Give me the billing history of {customer}.
    What invoices are there for {customer}?
    All invoices to {customer}, please.
    """,
    held="""
    Which invoices does {customer} have?
    What have we billed {customer}?
    """,
    pick=lambda d: {"customer": d.customer("1")},
)


direct(
    "list_invoices_by_status",
    ("list_invoices", "customer status"),
    log="""
    List the {status} invoices of {customer}.
    Does {customer} have {status} invoices?
    What is {status} for {customer} in invoices?
    Any invoices of {customer} that are {status}?
    Of the invoices of {customer}, give me the {status} ones.
    Find {status} invoices to {customer}.
    """,
    held="""
    Which invoices of {customer} are {status}?
    Show me only {status} invoices of {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1"), "status": d.choice(("unpaid", "paid", "void"))},
)


direct(
    "create_invoice",
    ("create_invoice", "order amount"),
    log="""
    Bill {order} with {amount} euros.
    Invoice order {order}, {amount} euros.
    Create an invoice for {order}: {amount}.
    Charge {amount} euros for {order}.
    Write a bill of {amount} for order {order}.
    {amount} euros should be invoiced on {order}.
    """,
    held="""
    Make an invoice over {amount} for {order}.
    {order} is to be billed, {amount} euros.
    """,
    pick=lambda d: {
        "order": d.order("status != 'moved' AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.order_id = o.order_id)"),
        "amount": d.number(2, 90) * 10,
    },
)


direct(
    "record_payment",
    ("record_payment", "invoice amount method"),
    log="""
    {amount} euros came in for {invoice} by {method}.
    The customer paid {amount} of {invoice} by {method}.
    Payment for {invoice}: {amount}, {method}.
    We got {amount} for {invoice}, {method}.
    Enter {amount} euros as paid by {method} on {invoice}.
    {invoice} received {amount} through {method}.
    """,
    held="""
    Book {amount} on {invoice}, {method}.
    Record a {method} payment of {amount} on {invoice}.
    """,
    pick=lambda d: {
        "invoice": (row := d.row("SELECT invoice, amount FROM invoices WHERE status = 'unpaid' ORDER BY 1"))["invoice"],
        "amount": d.choice([amount for amount in (10, 15, 20, row["amount"]) if amount <= row["amount"]]),
        "method": d.choice(("card", "cash", "transfer")),
    },
)


direct(
    "refund_invoice",
    ("refund_invoice", "invoice"),
    log="""
    Refund {invoice}.
    The customer gets the money of {invoice} back.
    Return the money for {invoice}.
    Reimburse {invoice}.
    Send back what was paid on {invoice}.
    {invoice} should be paid back in full.
    """,
    held="""
    Pay {invoice} back.
    Please refund invoice {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice("status = 'paid'")},
)


direct(
    "void_invoice",
    ("void_invoice", "invoice"),
    log="""
    Void {invoice}.
    {invoice} was sent by mistake, void it.
    Strike invoice {invoice}, nobody has to pay it.
    Declare {invoice} void.
    {invoice} should not count, make it void.
    Nullify invoice {invoice}.
    """,
    held="""
    Make invoice {invoice} void.
    Annul {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice()},
)


direct(
    "apply_discount",
    ("apply_discount", "invoice percent"),
    log="""
    Give {percent} percent off {invoice}.
    {invoice} gets {percent} percent discount.
    Discount {invoice} by {percent} percent.
    Knock {percent} percent off {invoice}.
    Make {invoice} {percent} percent cheaper.
    Grant {percent} percent on {invoice}.
    """,
    held="""
    Apply a discount of {percent} percent to {invoice}.
    Take {percent} percent off invoice {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice(), "percent": d.number(1, 5)},
)


direct(
    "send_reminder",
    ("send_reminder", "invoice channel"),
    log="""
    Remind the customer of {invoice} by {channel}.
    {invoice} is late, remind by {channel}.
    Write a reminder about {invoice}, via {channel}.
    Nudge the customer about {invoice} by {channel}.
    {invoice} is still open, send a {channel} reminder.
    Ask again for the money of {invoice} by {channel}.
    """,
    held="""
    Send a reminder for {invoice} by {channel}.
    Reminder on {invoice}, {channel} please.
    """,
    pick=lambda d: {"invoice": d.invoice(), "channel": d.choice(("email", "sms", "letter"))},
)
