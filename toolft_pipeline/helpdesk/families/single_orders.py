"""One call about an order that has not left."""

from __future__ import annotations

from toolft_pipeline.helpdesk.families.where import OPEN
from toolft_pipeline.helpdesk.family import direct

direct(
    "get_order",
    ("get_order", "order"),
    answer=lambda s, r: f"{s['order']} is {r[0].data['status']}, for {r[0].data['customer']}.",
    log="""
    Show order {order}.
    What is in {order}?
    What is the status of {order}?
    Whose order is {order}?
    Pull up {order} please.
    """,
    held="""
    Give me the details of order {order}.
    Which products does {order} hold?
    Open {order} for me.
    """,
    pick=lambda d: {"order": d.order()},
)


direct(
    "list_orders",
    ("list_orders", "customer"),
    answer=lambda s, r: f"Orders of {s['customer']}: {', '.join(r[0].data['orders']) or 'none'}.",
    log="""
    List the orders of {customer}.
    Which orders does {customer} have?
    Show all orders of {customer}.
    What has {customer} ordered so far?
    I need every order of {customer}.
    """,
    held="""
    Give me the order history of {customer}.
    What orders are there for {customer}?
    All orders by {customer}, please.
    """,
    pick=lambda d: {"customer": d.customer("1")},
)


direct(
    "list_orders_by_status",
    ("list_orders", "customer status"),
    answer=lambda s, r: f"Orders {s['status']}: {', '.join(r[0].data['orders']) or 'none'}.",
    log="""
    List the {status} orders of {customer}.
    Which orders of {customer} are {status}?
    Show me the orders of {customer} that are {status}.
    Does {customer} have {status} orders?
    Only the {status} orders of {customer}.
    """,
    held="""
    Any orders of {customer} that are {status}?
    Of the orders of {customer}, give me the {status} ones.
    Find orders by {customer} in status {status}.
    """,
    pick=lambda d: {"customer": d.customer(), "status": d.choice(("new", "paid", "shipped", "delivered", "cancelled"))},
)


direct(
    "place_order",
    ("place_order", "customer items"),
    answer=lambda s, r: f"Order {r[0].data['order']} is placed.",
    log="""
    Order {qty} {sku} for {customer}.
    {customer} wants {qty} {sku}.
    Place an order for {customer}: {qty} {sku}.
    Please order {qty} x {sku} for {customer}.
    New order, customer {customer}, {qty} {sku}.
    """,
    held="""
    {customer} would like to buy {qty} {sku}.
    Put in an order of {qty} {sku} for {customer}.
    {qty} {sku} to be ordered by {customer}.
    """,
    pick=lambda d: (one := {"sku": d.sku(), "qty": d.number(1, 20)}) | {"customer": d.customer(), "items": [one]},
)


direct(
    "place_express_order",
    ("place_order", "customer items express"),
    answer=lambda s, r: f"Express order {r[0].data['order']} is placed.",
    log="""
    Order {qty} {sku} for {customer}, express.
    {customer} wants {qty} {sku} by express.
    Place an express order for {customer}: {qty} {sku}.
    Express please: {qty} x {sku} for {customer}.
    New express order, customer {customer}, {qty} {sku}.
    """,
    held="""
    {customer} would like to buy {qty} {sku}, sent express.
    Put in an order of {qty} {sku} for {customer} with express.
    {qty} {sku} as express for {customer}, please order.
    """,
    pick=lambda d: (
        (one := {"sku": d.sku(), "qty": d.number(1, 20)}) | {"customer": d.customer(), "items": [one], "express": True}
    ),
)


direct(
    "place_order_of_two",
    ("place_order", "customer items"),
    answer=lambda s, r: f"Order {r[0].data['order']} is placed.",
    log="""
    Order {qty} {sku} and {qty2} {sku2} for {customer}.
    {customer} wants {qty} {sku} and {qty2} {sku2}.
    Place an order for {customer}: {qty} {sku}, {qty2} {sku2}.
    One order for {customer} with {qty} {sku} plus {qty2} {sku2}.
    New order of {customer}: {qty} x {sku} and {qty2} x {sku2}.
    """,
    held="""
    {customer} would like to buy {qty} {sku} as well as {qty2} {sku2}.
    Put {qty} {sku} and {qty2} {sku2} in one order for {customer}.
    {qty} {sku} together with {qty2} {sku2}, ordered by {customer}.
    """,
    pick=lambda d: (
        (two := [{"sku": sku, "qty": d.number(1, 20)} for sku in d.skus(2)])[0]
        | {"sku2": two[1]["sku"], "qty2": two[1]["qty"], "items": two, "customer": d.customer()}
    ),
)


direct(
    "cancel_order",
    ("cancel_order", "order reason"),
    answer="Order {order} is cancelled.",
    log="""
    Cancel {order}, it is {reason}.
    Please cancel order {order}, reason {reason}.
    {order} is {reason}, cancel it.
    The customer says {order} is {reason}. Cancel that order.
    Cancel order {order} as {reason}.
    """,
    held="""
    Call off {order}, {reason}.
    {order} should not go out, it is {reason}; cancel please.
    Please stop {order} for good and cancel, {reason}.
    """,
    pick=lambda d: {"order": d.order(OPEN), "reason": d.reason()},
)


direct(
    "add_item",
    ("add_item", "order item.sku=sku item.qty=qty"),
    answer="{qty} {sku} added to {order}.",
    log="""
    Add {qty} {sku} to {order}.
    Put {qty} more {sku} into order {order}.
    {order} should also have {qty} {sku}.
    Please add {qty} x {sku} to {order}.
    The customer wants {qty} {sku} on top in {order}.
    """,
    held="""
    Include {qty} {sku} in {order} too.
    {qty} {sku} should go into {order} as well.
    Extend {order} by {qty} {sku}.
    """,
    pick=lambda d: {"order": d.order(OPEN), "sku": d.sku(), "qty": d.number(1, 20)},
)


direct(
    "set_quantity",
    ("set_quantity", "order sku qty"),
    answer="{order} now has {qty} {sku}.",
    log="""
    Change {sku} in {order} to {qty}.
    {order} should have {qty} {sku} instead.
    Set the quantity of {sku} in {order} to {qty}.
    Make it {qty} {sku} in order {order}.
    In {order}, {sku}: quantity {qty} please.
    """,
    held="""
    Correct the number of {sku} in {order} to {qty}.
    {qty} is the right quantity of {sku} in {order}, change it.
    Adjust {order}: {sku} times {qty}.
    """,
    pick=lambda d: {
        "order": (
            row := d.row(
                "SELECT order_id, sku FROM items JOIN orders USING (order_id) "
                "WHERE status IN ('new', 'paid') ORDER BY 1, 2"
            )
        )["order_id"],
        "sku": row["sku"],
        "qty": d.number(10, 30),
    },
)
