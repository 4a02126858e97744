"""Several calls of one tool in one turn."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct


def _two(name: str, values: list[str]) -> dict[str, str]:
    return {name: values[0], f"{name}2": values[1]}


direct(
    "check_two_products",
    ("check_stock", "sku"),
    ("check_stock", "sku=sku2"),
    log="""
    Check the stock of {sku} and {sku2}.
    I need stock figures for {sku} and for {sku2}.
    Stock of {sku}? And of {sku2}?
    Do we still have {sku}, and {sku2} too?
    Count the {sku} and also the {sku2}.
    """,
    held="""
    How many {sku} and {sku2} do we have?
    Are {sku} and {sku2} in stock?
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
    How far have {order} and {order2} got?
    Find the parcels of {order} and {order2}.
    """,
    held="""
    Track {order} and {order2}.
    Locate both {order} and {order2}.
    """,
    pick=lambda d: _two("order", d.orders(2, "status IN ('shipped', 'delivered')")),
)


direct(
    "cancel_two",
    ("cancel_order", "order reason"),
    ("cancel_order", "order=order2 reason=reason2"),
    log="""
    Cancel {order}, it is {reason}, and {order2}, it is {reason2}.
    {order} is {reason} and {order2} is {reason2}, cancel both.
    Cancel both {order} as {reason} and {order2} as {reason2}.
    Call off {order} as {reason}, likewise {order2} as {reason2}.
    Neither {order} ({reason}) nor {order2} ({reason2}) should go out, cancel them.
    """,
    held="""
    Please cancel {order} ({reason}) and {order2} ({reason2}).
    Two to cancel: {order}, {reason}; {order2}, {reason2}.
    """,
    pick=lambda d: (
        _two("order", d.orders(2, "status IN ('new', 'paid')")) | {"reason": d.reason(), "reason2": d.reason()}
    ),
)


direct(
    "assign_two",
    ("assign_ticket", "ticket agent"),
    ("assign_ticket", "ticket=ticket2 agent=agent2"),
    log="""
    Assign {ticket} to {agent} and {ticket2} to {agent2}.
    {agent} takes {ticket}, {agent2} takes {ticket2}.
    Split them: {ticket} for {agent}, {ticket2} for {agent2}.
    Hand {ticket} to {agent} and pass {ticket2} on to {agent2}.
    {agent} should handle {ticket} and {agent2} {ticket2}.
    """,
    held="""
    {ticket} goes to {agent}, {ticket2} to {agent2}.
    Give {agent} {ticket} and {agent2} {ticket2}.
    """,
    pick=lambda d: _two("ticket", d.tickets(2)) | {"agent": d.agent(), "agent2": d.agent()},
)


direct(
    "two_priorities",
    ("set_priority", "ticket priority"),
    ("set_priority", "ticket=ticket2 priority=priority2"),
    log="""
    Set {ticket} to {priority} and {ticket2} to {priority2} priority.
    Priorities: {ticket} {priority}, {ticket2} {priority2}.
    Change priority, {ticket} to {priority} and {ticket2} to {priority2}.
    Treat {ticket} with {priority} and {ticket2} with {priority2} priority.
    Priority {priority} fits {ticket}, and {priority2} fits {ticket2}.
    """,
    held="""
    {ticket} is {priority} priority, {ticket2} is {priority2} priority.
    Make {ticket} {priority} and {ticket2} {priority2} priority.
    """,
    pick=lambda d: (
        _two("ticket", d.tickets(2))
        | {"priority": d.choice(("low", "normal", "high")), "priority2": d.choice(("low", "normal", "high"))}
    ),
)


direct(
    "two_prices",
    ("set_price", "sku price"),
    ("set_price", "sku=sku2 price=price2"),
    log="""
    Set {sku} to {price} euros and {sku2} to {price2} euros.
    {sku} costs {price} now and {sku2} costs {price2}.
    Price {price} for {sku}, price {price2} for {sku2}.
    {sku} should sell for {price}, {sku2} for {price2}.
    We ask {price} for {sku} from today and {price2} for {sku2}.
    """,
    held="""
    New prices: {sku} {price}, {sku2} {price2}.
    Change prices, {sku} to {price} and {sku2} to {price2}.
    """,
    pick=lambda d: _two("sku", d.skus(2)) | {"price": d.number(10, 300), "price2": d.number(10, 300)},
)


direct(
    "release_two_reservations",
    ("release_stock", "reservation=res"),
    ("release_stock", "reservation=res2"),
    log="""
    Release {res} and {res2}.
    Drop the reservations {res} and {res2}.
    Free both {res} and {res2}.
    Undo {res} as well as {res2}.
    Nobody collects {res} or {res2}, put them back.
    """,
    held="""
    {res} and {res2} are not needed any more.
    Give back the goods of {res} and of {res2}.
    """,
    pick=lambda d: _two(
        "res", d.sample(d.query("SELECT reservation FROM reservations WHERE status = 'active' ORDER BY 1"), 2)
    ),
)


direct(
    "receive_two",
    ("receive_stock", "sku qty warehouse=wh"),
    ("receive_stock", "sku=sku2 qty=qty2 warehouse=wh"),
    log="""
    {qty} {sku} and {qty2} {sku2} arrived in {wh}.
    Receive {qty} {sku} plus {qty2} {sku2} at {wh}.
    Delivery for {wh}: {qty} {sku}, {qty2} {sku2}.
    {wh} took in {qty} {sku} as well as {qty2} {sku2} today.
    A truck brought {qty} {sku} and {qty2} {sku2} to {wh}.
    """,
    held="""
    Book {qty} {sku} and {qty2} {sku2} into {wh}.
    The {wh} warehouse got {qty} {sku} and {qty2} {sku2}.
    """,
    pick=lambda d: _two("sku", d.skus(2)) | {"qty": d.number(5, 90), "qty2": d.number(5, 90), "wh": d.warehouse()},
)
