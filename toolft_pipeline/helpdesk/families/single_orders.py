"""One call about an order that has not left."""

from __future__ import annotations

from toolft_pipeline.helpdesk.families.where import OPEN
from toolft_pipeline.helpdesk.family import direct

direct(
    "get_order",
    ("get_order", "order"),
    log="""
    Show order {order}.
    What is the status of {order}?
    Pull up {order} please.
    Give me the details of order {order}.
    Which products does {order} hold?
    Open {order} for me.
    """,
    held="""
    What is in {order}?
    Whose order is {order}?
    """,
    pick=lambda d: {"order": d.order()},
)


direct(
    "list_orders",
    ("list_orders", "customer"),
    log="""
    List the orders of {customer}.
    Show all orders of {customer}.
    I need every order of {customer}.
    Give me the order history of {customer}.
    What orders are there for {customer}?
    All orders by {customer}, please.
    """,
    held="""
    Which orders does {customer} have?
    What has {customer} ordered so far?
    """,
    pick=lambda d: {"customer": d.customer("1")},
)


direct(
    "list_orders_by_status",
    ("list_orders", "customer status"),
    log="""
    List the {status} orders of {customer}.
    Show me the orders of {customer} that are {status}.
    Only the {status} orders of {customer}.
    Any orders of {customer} that are {status}?
    Of the orders of {customer}, give me the {status} ones.
    Find orders by {customer} in status {status}.
    """,
    held="""
    Which orders of {customer} are {status}?
    Does {customer} have {status} orders?
    """,
    pick=lambda d: {"customer": d.customer(), "status": d.choice(("new", "paid", "shipped", "delivered", "cancelled"))},
)


direct(
    "place_order",
    ("place_order", "customer items"),
    log="""
    Order {qty} {sku} for {customer}.
    Place an order for {customer}: {qty} {sku}.
    New order, customer {customer}, {qty} {sku}.
    {customer} would like to buy {qty} {sku}.
    Put in an order of {qty} {sku} for {customer}.
    {qty} {sku} to be ordered by {customer}.
    """,
    held="""
    {customer} wants {qty} {sku}.
    Please order {qty} x {sku} for {customer}.
    """,
    pick=lambda d: (one := {"sku": d.sku(), "qty": d.number(1, 20)}) | {"customer": d.customer(), "items": [one]},
)


direct(
    "place_express_order",
    ("place_order", "customer items express"),
    log="""
    Order {qty} {sku} for {customer}, express.
    Place an express order for {customer}: {qty} {sku}.
    New express order, customer {customer}, {qty} {sku}.
    {customer} would like to buy {qty} {sku}, sent express.
    Put in an order of {qty} {sku} for {customer} with express.
    {qty} {sku} as express for {customer}, please order.
    """,
    held="""
    {customer} wants {qty} {sku} by express.
    Express please: {qty} x {sku} for {customer}.
    """,
    pick=lambda d: (
        (one := {"sku": d.sku(), "qty": d.number(1, 20)}) | {"customer": d.customer(), "items": [one], "express": True}
    ),
)


direct(
    "place_order_of_two",
    ("place_order", "customer items"),
    log="""
    Order {qty} {sku} and {qty2} {sku2} for {customer}.
    Place an order for {customer}: {qty} {sku}, {qty2} {sku2}.
    New order of {customer}: {qty} x {sku} and {qty2} x {sku2}.
    {customer} would like to buy {qty} {sku} as well as {qty2} {sku2}.
    Put {qty} {sku} and {qty2} {sku2} in one order for {customer}.
    {qty} {sku} together with {qty2} {sku2}, ordered by {customer}.
    """,
    held="""
    {customer} wants {qty} {sku} and {qty2} {sku2}.
    One order for {customer} with {qty} {sku} plus {qty2} {sku2}.
    """,
    pick=lambda d: (
        (two := [{"sku": sku, "qty": d.number(1, 20)} for sku in d.skus(2)])[0]
        | {"sku2": two[1]["sku"], "qty2": two[1]["qty"], "items": two, "customer": d.customer()}
    ),
)


direct(
    "cancel_order",
    ("cancel_order", "order reason"),
    log="""
    Cancel {order}, it is {reason}.
    {order} is {reason}, cancel it.
    Cancel order {order} as {reason}.
    Call off {order}, {reason}.
    {order} should not go out, it is {reason}; cancel please.
    Please stop {order} for good and cancel, {reason}.
    """,
    held="""
    Please cancel order {order}, reason {reason}.
    The customer says {order} is {reason}. Cancel that order.
    """,
    pick=lambda d: {"order": d.order(OPEN), "reason": d.reason()},
)


direct(
    "add_item",
    ("add_item", "order item.sku=sku item.qty=qty"),
    log="""
    Add {qty} {sku} to {order}.
    {order} should also have {qty} {sku}.
    The customer wants {qty} {sku} on top in {order}.
    Include {qty} {sku} in {order} too.
    {qty} {sku} should go into {order} as well.
    Extend {order} by {qty} {sku}.
    """,
    held="""
    Put {qty} more {sku} into order {order}.
    Please add {qty} x {sku} to {order}.
    """,
    pick=lambda d: {"order": d.order(OPEN), "sku": d.sku(), "qty": d.number(1, 20)},
)
