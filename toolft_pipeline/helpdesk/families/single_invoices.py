"""One call about an invoice."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct

direct(
    "get_invoice",
    ("get_invoice", "invoice"),
    answer=lambda s, r: f"{s['invoice']} is {r[0].data['status']}, {r[0].data['amount']} euros.",
    log="""
    Show invoice {invoice}.
    Is {invoice} paid?
    How much is invoice {invoice}?
    What is the status of {invoice}?
    Which order is {invoice} for?
    """,
    held="""
    Give me the details of invoice {invoice}.
    What does {invoice} come to?
    Look at {invoice} for me.
    """,
    pick=lambda d: {"invoice": d.invoice("1")},
)


direct(
    "list_invoices",
    ("list_invoices", "customer"),
    answer=lambda s, r: f"Invoices of {s['customer']}: {', '.join(r[0].data['invoices']) or 'none'}.",
    log="""
    List the invoices of {customer}.
    Which invoices does {customer} have?
    Show all invoices of {customer}.
    What have we billed {customer}?
    I need every invoice of {customer}.
    """,
    held="""
    Give me the billing history of {customer}.
    What invoices are there for {customer}?
    All invoices to {customer}, please.
    """,
    pick=lambda d: {"customer": d.customer("1")},
)


direct(
    "list_invoices_by_status",
    ("list_invoices", "customer status"),
    answer=lambda s, r: f"Invoices {s['status']}: {', '.join(r[0].data['invoices']) or 'none'}.",
    log="""
    List the {status} invoices of {customer}.
    Which invoices of {customer} are {status}?
    Does {customer} have {status} invoices?
    Show me only {status} invoices of {customer}.
    What is {status} for {customer} in invoices?
    """,
    held="""
    Any invoices of {customer} that are {status}?
    Of the invoices of {customer}, give me the {status} ones.
    Find {status} invoices to {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1"), "status": d.choice(("unpaid", "paid", "void"))},
)


direct(
    "create_invoice",
    ("create_invoice", "order amount"),
    answer=lambda s, r: f"Invoice {r[0].data['invoice']} is made.",
    log="""
    Bill {order} with {amount} euros.
    Make an invoice over {amount} for {order}.
    Invoice order {order}, {amount} euros.
    {order} is to be billed, {amount} euros.
    Create an invoice for {order}: {amount}.
    """,
    held="""
    Charge {amount} euros for {order}.
    Write a bill of {amount} for order {order}.
    {amount} euros should be invoiced on {order}.
    """,
    pick=lambda d: {
        "order": d.order("status != 'moved' AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.order_id = o.order_id)"),
        "amount": d.number(2, 90) * 10,
    },
)


direct(
    "record_payment",
    ("record_payment", "invoice amount method"),
    answer=lambda s, r: f"Booked; {r[0].data['due']} euros are due on {s['invoice']}.",
    log="""
    {amount} euros came in for {invoice} by {method}.
    Book {amount} on {invoice}, {method}.
    The customer paid {amount} of {invoice} by {method}.
    Record a {method} payment of {amount} on {invoice}.
    Payment for {invoice}: {amount}, {method}.
    """,
    held="""
    We got {amount} for {invoice}, {method}.
    Enter {amount} euros as paid by {method} on {invoice}.
    {invoice} received {amount} through {method}.
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
    answer="{invoice} is refunded.",
    log="""
    Refund {invoice}.
    Pay {invoice} back.
    The customer gets the money of {invoice} back.
    Please refund invoice {invoice}.
    Return the money for {invoice}.
    """,
    held="""
    Reimburse {invoice}.
    Send back what was paid on {invoice}.
    {invoice} should be paid back in full.
    """,
    pick=lambda d: {"invoice": d.invoice("status = 'paid'")},
)


direct(
    "void_invoice",
    ("void_invoice", "invoice"),
    answer="{invoice} is void.",
    log="""
    Void {invoice}.
    Make invoice {invoice} void.
    {invoice} was sent by mistake, void it.
    Annul {invoice}.
    Strike invoice {invoice}, nobody has to pay it.
    """,
    held="""
    Declare {invoice} void.
    {invoice} should not count, make it void.
    Nullify invoice {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice()},
)


direct(
    "apply_discount",
    ("apply_discount", "invoice percent"),
    answer="{percent} percent off {invoice}.",
    log="""
    Give {percent} percent off {invoice}.
    Apply a discount of {percent} percent to {invoice}.
    {invoice} gets {percent} percent discount.
    Take {percent} percent off invoice {invoice}.
    Discount {invoice} by {percent} percent.
    """,
    held="""
    Knock {percent} percent off {invoice}.
    Make {invoice} {percent} percent cheaper.
    Grant {percent} percent on {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice(), "percent": d.number(1, 5)},
)


direct(
    "send_reminder",
    ("send_reminder", "invoice channel"),
    answer="A reminder of {invoice} went out by {channel}.",
    log="""
    Remind the customer of {invoice} by {channel}.
    Send a reminder for {invoice} by {channel}.
    {invoice} is late, remind by {channel}.
    Reminder on {invoice}, {channel} please.
    Write a reminder about {invoice}, via {channel}.
    """,
    held="""
    Nudge the customer about {invoice} by {channel}.
    {invoice} is still open, send a {channel} reminder.
    Ask again for the money of {invoice} by {channel}.
    """,
    pick=lambda d: {"invoice": d.invoice(), "channel": d.choice(("email", "sms", "letter"))},
)
