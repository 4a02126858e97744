"""One call about an order that has not left."""

from __future__ import annotations

from helpdesk.families.where import OPEN
from helpdesk.family import direct

direct(
    "get_order",
    ("get_order", "order"),
    log="""
    Show order {order}.
    What is the status of {order}?
    Give me the details of order {order}.
    Pull up {order} please.
    Which products does {order} hold?
    Open {order} for me.
    What is in {order}?
    Whose order is {order}?
    Can you show me {order}?
    What did the customer buy with {order}?
    Check order {order} for me.
    Which items does {order} have?
    Let me see order {order}.
    How is order {order} doing?
    """,
    held="""
    Look up order {order}.
    Show me what is in {order}.
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
    What orders are there for {customer}?
    Give me the order history of {customer}.
    All orders by {customer}, please.
    What has {customer} ordered so far?
    Can you list the orders of {customer}?
    Let me see all orders of {customer}.
    Which orders did {customer} make?
    The orders of {customer}, please.
    I want to see what orders {customer} has.
    """,
    held="""
    Please list all orders of {customer}.
    Which orders does {customer} have?
    """,
    pick=lambda d: {"customer": d.customer("1")},
)


direct(
    "cancel_order",
    ("cancel_order", "order reason"),
    log="""
    Cancel {order}, it is {reason}.
    {order} is {reason}, cancel it.
    Cancel order {order} as {reason}.
    {order} should not go out, it is {reason}; cancel please.
    Call off {order}, {reason}.
    Please stop {order} for good and cancel, {reason}.
    Can you cancel {order}? It is {reason}.
    {reason} is the reason, cancel {order}.
    Order {order} has to be cancelled, {reason}.
    Please cancel {order} because it is {reason}.
    The customer does not want {order}: {reason}. Cancel it.
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
    Include {qty} {sku} in {order} too.
    The customer wants {qty} more {sku} in {order}.
    The customer wants {qty} {sku} on top in {order}.
    {qty} {sku} should go into {order} as well.
    Extend {order} by {qty} {sku}.
    Put {qty} more {sku} into order {order}.
    Can you add {qty} {sku} to {order}?
    {order} gets {qty} {sku} more.
    Add another {qty} {sku} to order {order}.
    For {order}: add {qty} {sku}.
    Put {qty} {sku} with {order}.
    """,
    held="""
    Please add {qty} x {sku} to {order}.
    Add {qty} more {sku} to order {order}.
    """,
    pick=lambda d: {"order": d.order(OPEN), "sku": d.sku(), "qty": d.number(1, 20)},
)
