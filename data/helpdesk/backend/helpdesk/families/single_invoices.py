"""One call about an invoice."""

from __future__ import annotations

from helpdesk.family import direct

direct(
    "get_invoice",
    ("get_invoice", "invoice"),
    log="""
    Show invoice {invoice}.
    How much is invoice {invoice}?
    Is {invoice} paid?
    Give me the details of invoice {invoice}.
    Which order is {invoice} for?
    What does {invoice} come to?
    Look at {invoice} for me.
    What is the status of {invoice}?
    Can you show me {invoice}?
    Let me see invoice {invoice}.
    Has the customer paid {invoice}?
    I need the details of {invoice}.
    Check invoice {invoice} for me.
    """,
    held="""
    Please show invoice {invoice}.
    Is invoice {invoice} paid?
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
    What invoices are there for {customer}?
    Give me the billing history of {customer}.
    All invoices to {customer}, please.
    What have we billed {customer}?
    Can you list the invoices of {customer}?
    Let me see all invoices of {customer}.
    Which invoices did {customer} get?
    The invoices of {customer}, please.
    I want to see what invoices {customer} has.
    """,
    held="""
    Please list all invoices of {customer}.
    Which invoices does {customer} have?
    """,
    pick=lambda d: {"customer": d.customer("1")},
)


direct(
    "create_invoice",
    ("create_invoice", "order amount"),
    log="""
    Bill {order} with {amount} euros.
    Invoice order {order}, {amount} euros.
    Create an invoice for {order}: {amount}.
    Write an invoice of {amount} for order {order}.
    Charge {amount} euros for {order}.
    Write a bill of {amount} for order {order}.
    {amount} euros should be invoiced on {order}.
    Can you bill {order}? It is {amount} euros.
    Please make an invoice for {order} over {amount} euros.
    {order} comes to {amount} euros, invoice it.
    New invoice: {order}, {amount} euros.
    Order {order} costs {amount}, write the invoice.
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
    Record {amount} for {invoice}, {method}.
    We got {amount} for {invoice}, {method}.
    Enter {amount} euros as paid by {method} on {invoice}.
    {invoice} received {amount} through {method}.
    Book {amount} on {invoice}, {method}.
    Can you record {amount} euros by {method} on {invoice}?
    The customer sent {amount} for {invoice}, {method}.
    {amount} euros by {method} for {invoice}, record the payment.
    {invoice}: {amount} euros paid by {method}.
    A {method} payment of {amount} came for {invoice}.
    """,
    held="""
    Record a {method} payment of {amount} on {invoice}.
    The customer paid {amount} euros on {invoice} by {method}.
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
    {invoice} should be refunded in full.
    Reimburse {invoice}.
    Send back what was paid on {invoice}.
    {invoice} should be paid back in full.
    Pay {invoice} back.
    Can you refund {invoice}?
    Give the money of {invoice} back.
    The customer wants a refund of {invoice}.
    Make a refund on {invoice}.
    Invoice {invoice} has to be refunded.
    """,
    held="""
    Please refund invoice {invoice}.
    Give the customer a refund on {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice("status = 'paid'")},
)


direct(
    "void_invoice",
    ("void_invoice", "invoice"),
    log="""
    Void {invoice}.
    {invoice} was sent by mistake, void it.
    Declare {invoice} void.
    Strike invoice {invoice}, make it void.
    Strike invoice {invoice}, nobody has to pay it.
    {invoice} should not count, make it void.
    Nullify invoice {invoice}.
    Annul {invoice}.
    Can you void {invoice}?
    Invoice {invoice} must be void.
    {invoice} is wrong, void it.
    Please make {invoice} void.
    Set {invoice} to void.
    """,
    held="""
    Make invoice {invoice} void.
    Please void {invoice}, nobody has to pay it.
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
    Grant a discount of {percent} percent on {invoice}.
    Knock {percent} percent off {invoice}.
    Make {invoice} {percent} percent cheaper.
    Grant {percent} percent on {invoice}.
    Can you give {percent} percent on {invoice}?
    {percent} percent less on {invoice}, please.
    Lower {invoice} by {percent} percent.
    A discount for {invoice}, {percent} percent.
    Apply {percent} percent to {invoice}.
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
    {invoice} is still open, send a {channel} reminder.
    Nudge the customer about {invoice} by {channel}.
    Ask again for the money of {invoice} by {channel}.
    Send the customer a {channel} about {invoice}, it is overdue.
    {invoice} was not paid, reminder by {channel}.
    We are waiting for {invoice}: remind them by {channel}.
    Send out a {channel} reminder for invoice {invoice}.
    Can you remind them of {invoice} by {channel}?
    """,
    held="""
    Send a reminder for {invoice} by {channel}.
    Reminder on {invoice}, {channel} please.
    """,
    pick=lambda d: {"invoice": d.invoice(), "channel": d.choice(("email", "sms", "letter"))},
)
