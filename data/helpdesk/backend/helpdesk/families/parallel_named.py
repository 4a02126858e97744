"""Several calls in one turn, all of them named by the user's words."""

from __future__ import annotations

from helpdesk.family import direct


def _two(name: str, values: list[str]) -> dict[str, str]:
    return {name: values[0], f"{name}2": values[1]}


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
    Can I have the overview of {customer}?
    Overview of customer {customer}.
    Please make the overview for {customer}.
    Show me an overview on {customer}.
    The overview of {customer}, please.
    Let me see the overview for customer {customer}.
    """,
    held="""
    Overview for {customer} please.
    I need the overview of {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1")},
)


direct(
    "check_two_products",
    ("check_stock", "sku"),
    ("check_stock", "sku=sku2"),
    log="""
    Check the stock of {sku} and {sku2}.
    I need the stock of {sku} and of {sku2}.
    Stock of {sku}? And of {sku2}?
    Do we still have {sku}, and {sku2} too?
    I need stock figures for {sku} and for {sku2}.
    Count the {sku} and also the {sku2}.
    How many {sku} and {sku2} do we have?
    Are {sku} and {sku2} in stock?
    Can you check {sku} and {sku2}?
    Is there any {sku} left, and any {sku2}?
    Stock of {sku} plus {sku2}, please.
    How much {sku} and how much {sku2} is there?
    Look up the stock of both {sku} and {sku2}.
    """,
    held="""
    I need the stock of {sku} and {sku2}.
    Do we still have {sku} and {sku2}?
    """,
    pick=lambda d: _two("sku", d.skus(2)),
)


direct(
    "track_two",
    ("track_order", "order"),
    ("track_order", "order=order2"),
    log="""
    Where are {order} and {order2}?
    Where is {order}, and where is {order2}?
    When do {order} and {order2} arrive?
    Track {order}, and {order2} too.
    How far have {order} and {order2} got?
    Find the parcels of {order} and {order2}.
    Locate both {order} and {order2}.
    Can you track {order} and {order2}?
    Which carriers have {order} and {order2}?
    Track both, {order} and {order2}.
    Please find out where {order} and {order2} are.
    The customer waits for {order} and {order2}, where are they?
    """,
    held="""
    Track {order} and {order2}.
    Where are the parcels of {order} and {order2}?
    """,
    pick=lambda d: _two("order", d.orders(2, "status IN ('shipped', 'delivered')")),
)


direct(
    "receive_two",
    ("receive_stock", "sku qty warehouse=wh"),
    ("receive_stock", "sku=sku2 qty=qty2 warehouse=wh"),
    log="""
    {qty} {sku} and {qty2} {sku2} arrived in {wh}.
    Receive {qty} {sku} plus {qty2} {sku2} at {wh}.
    Delivery for {wh}: {qty} {sku}, {qty2} {sku2}.
    {wh} received {qty} {sku} as well as {qty2} {sku2}.
    {wh} took in {qty} {sku} as well as {qty2} {sku2} today.
    A truck brought {qty} {sku} and {qty2} {sku2} to {wh}.
    Book {qty} {sku} and {qty2} {sku2} into {wh}.
    The {wh} warehouse got {qty} {sku} and {qty2} {sku2}.
    Two things came to {wh}: {qty} {sku} and {qty2} {sku2}.
    Please book {qty} {sku} and also {qty2} {sku2} for {wh}.
    {wh} has {qty} {sku} and {qty2} {sku2} more, they came today.
    Arrived in {wh}: {qty} {sku}, also {qty2} {sku2}.
    We got {qty} {sku} and {qty2} {sku2} at {wh}.
    """,
    held="""
    {qty} {sku} as well as {qty2} {sku2} came to {wh}.
    Book {qty} {sku} and {qty2} {sku2} as received in {wh}.
    """,
    pick=lambda d: _two("sku", d.skus(2)) | {"qty": d.number(5, 90), "qty2": d.number(5, 90), "wh": d.warehouse()},
)
