"""One call about an order or a return."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct

OPEN = "status IN ('new', 'paid')"
GONE = "status IN ('shipped', 'delivered')"
READY = (
    "status IN ('paid', 'packed') AND held = 0 AND NOT EXISTS "
    "(SELECT 1 FROM invoices i WHERE i.order_id = o.order_id AND i.status = 'unpaid')"
)

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
    Show me what is {status} for {customer}.
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
direct(
    "ship_order",
    ("ship_order", "order carrier"),
    answer="{order} is on its way with {carrier}.",
    log="""
    Ship {order} with {carrier}.
    Send {order} by {carrier}.
    {order} goes out with {carrier}.
    Hand order {order} to {carrier}.
    {order} is ready, {carrier} takes it.
    """,
    held="""
    Dispatch {order} via {carrier}.
    Let {carrier} carry {order}.
    Give {order} to {carrier} for shipping.
    """,
    pick=lambda d: {"order": d.order(READY), "carrier": d.carrier()},
)
direct(
    "track_order",
    ("track_order", "order"),
    answer=lambda s, r: f"{s['order']} is in {r[0].data['place']} with {r[0].data['carrier']}.",
    log="""
    Where is {order}?
    Track {order}.
    When does {order} arrive?
    Where is the parcel of {order} right now?
    Which carrier has {order}?
    """,
    held="""
    How far has {order} got?
    Locate the parcel for {order}.
    {order} has left, where is it now?
    """,
    pick=lambda d: {"order": d.order(GONE)},
)
direct(
    "hold_order",
    ("hold_order", "order"),
    answer="{order} is on hold.",
    log="""
    Put {order} on hold.
    Hold {order} for now.
    Do not ship {order} yet, hold it.
    Please pause order {order}.
    Keep {order} back for the moment.
    """,
    held="""
    {order} has to wait, put a hold on it.
    Freeze {order} for the time being.
    Suspend {order} until further notice.
    """,
    pick=lambda d: {"order": d.order("status IN ('new', 'paid', 'packed') AND held = 0")},
)
direct(
    "release_order",
    ("release_order", "order"),
    answer="{order} is released.",
    log="""
    Release {order}.
    Take {order} off hold.
    {order} can go on, release it.
    Lift the hold on {order}.
    Order {order} need not wait any longer.
    """,
    held="""
    Let {order} proceed.
    End the hold of {order}.
    {order} may move again, please unfreeze.
    """,
    pick=lambda d: {"order": d.order("held = 1")},
)
direct(
    "set_delivery_day",
    ("set_delivery", "order window.day=day"),
    answer="{order} comes on {day}.",
    log="""
    Deliver {order} on {day}.
    {order} should come on {day}.
    Set the delivery of {order} to {day}.
    Change delivery day of {order}: {day}.
    The customer wants {order} on {day}.
    """,
    held="""
    Please bring {order} on {day}.
    {day} is the day for {order}.
    Plan {order} for {day}.
    """,
    pick=lambda d: {"order": d.order("status IN ('new', 'paid', 'packed', 'shipped')"), "day": d.open_day()},
)
direct(
    "set_delivery_slot",
    ("set_delivery", "order window.day=day window.slot=slot"),
    answer="{order} comes on {day}, {slot}.",
    log="""
    Deliver {order} on {day} {slot}.
    {order} should come on {day}, {slot} if possible.
    Set the delivery of {order} to {day} {slot}.
    Change delivery of {order}: {day}, {slot}.
    The customer wants {order} on {day} in the {slot} slot.
    """,
    held="""
    Please bring {order} on {day}, {slot}.
    {day} {slot} is the time for {order}.
    Plan {order} for {day}, slot {slot}.
    """,
    pick=lambda d: {
        "order": d.order("status IN ('new', 'paid', 'packed', 'shipped')"),
        "day": d.open_day(),
        "slot": d.choice(("morning", "noon", "evening")),
    },
)
direct(
    "add_gift_note",
    ("add_gift_note", "order text"),
    answer="The gift note is in {order}.",
    log="""
    Put a gift note "{text}" into {order}.
    Gift note for {order}: "{text}".
    {order} is a present, write "{text}".
    Add the note "{text}" to the gift {order}.
    Write "{text}" on the gift card of {order}.
    """,
    held="""
    The card in {order} should say "{text}".
    "{text}" as gift note for {order}, please.
    Slip a gift note "{text}" in with {order}.
    """,
    pick=lambda d: {"order": d.order(OPEN), "text": d.wish()},
)
direct(
    "open_return",
    ("open_return", "order reason"),
    answer=lambda s, r: f"Return {r[0].data['return']} is open for {s['order']}.",
    log="""
    Open a return for {order}, it is {reason}.
    {order} was delivered and is {reason}, it comes back.
    Return order {order}, reason {reason}.
    The customer sends {order} back, {reason}.
    Start a return of {order}: {reason}.
    """,
    held="""
    {order} is to be sent back as {reason}.
    Set up a return for {order} because it is {reason}.
    We take {order} back, {reason}.
    """,
    pick=lambda d: {"order": d.order("status = 'delivered'"), "reason": d.reason()},
)
direct(
    "get_return",
    ("get_return", "return_id=ret"),
    answer=lambda s, r: f"{s['ret']} is {r[0].data['status']}, for {r[0].data['order']}.",
    log="""
    Show return {ret}.
    What is the status of return {ret}?
    Has {ret} arrived?
    Which order does {ret} belong to?
    How is return {ret} doing?
    """,
    held="""
    Give me the details of return {ret}.
    Look at {ret} for me.
    Is {ret} back with us?
    """,
    pick=lambda d: {"ret": d.returned("1")},
)
direct(
    "receive_return",
    ("receive_return", "return_id=ret condition"),
    answer="{ret} has arrived, {condition}.",
    log="""
    {ret} has arrived, it is {condition}.
    Book in return {ret}, condition {condition}.
    Return {ret} is here and {condition}.
    We got {ret} back {condition}.
    Receive {ret} as {condition}.
    """,
    held="""
    {ret} came in today, {condition}.
    Note the arrival of {ret}, state {condition}.
    The parcel of {ret} is back, goods {condition}.
    """,
    pick=lambda d: {"ret": d.returned("status = 'requested'"), "condition": d.choice(("intact", "used", "broken"))},
)
direct(
    "approve_return",
    ("approve_return", "return_id=ret outcome"),
    answer="{ret} is approved for {outcome}.",
    log="""
    Approve {ret} with {outcome}.
    {ret} gets a {outcome}.
    Decide on return {ret}: {outcome}.
    The customer of {ret} chose {outcome}, approve it.
    Return {ret} is fine, {outcome} please.
    """,
    held="""
    Grant {ret} the {outcome}.
    {outcome} for {ret}, please approve.
    Wrap up {ret} as {outcome}.
    """,
    pick=lambda d: {"ret": d.returned("status = 'received'"), "outcome": d.choice(("refund", "exchange", "repair"))},
)
