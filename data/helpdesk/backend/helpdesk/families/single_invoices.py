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
