"""Several calls of one tool in one turn."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct


def _two(name: str, values: list[str]) -> dict[str, str]:
    return {name: values[0], f"{name}2": values[1]}


direct(
    "check_two_products",
    ("check_stock", "sku"),
    ("check_stock", "sku=sku2"),
    answer="Both stocks are listed.",
    log="""
    Check the stock of {sku} and {sku2}.
    How many {sku} and {sku2} do we have?
    I need stock figures for {sku} and for {sku2}.
    Are {sku} and {sku2} in stock?
    Stock of {sku}? And of {sku2}?
    """,
    held="""
    Do we still have {sku}, and {sku2} too?
    Count the {sku} and also the {sku2}.
    """,
    pick=lambda d: _two("sku", d.skus(2)),
)


direct(
    "track_two",
    ("track_order", "order"),
    ("track_order", "order=order2"),
    answer=lambda s, r: f"{s['order']} is in {r[0].data['place']}, {s['order2']} in {r[1].data['place']}.",
    log="""
    Where are {order} and {order2}?
    Track {order} and {order2}.
    Where is {order}, and where is {order2}?
    Locate both {order} and {order2}.
    When do {order} and {order2} arrive?
    """,
    held="""
    How far have {order} and {order2} got?
    Find the parcels of {order} and {order2}.
    """,
    pick=lambda d: _two("order", d.orders(2, "status IN ('shipped', 'delivered')")),
)


direct(
    "cancel_two",
    ("cancel_order", "order reason"),
    ("cancel_order", "order=order2 reason=reason2"),
    answer="{order} and {order2} are cancelled.",
    log="""
    Cancel {order}, it is {reason}, and {order2}, it is {reason2}.
    Please cancel {order} ({reason}) and {order2} ({reason2}).
    {order} is {reason} and {order2} is {reason2}, cancel both.
    Two to cancel: {order}, {reason}; {order2}, {reason2}.
    Cancel both {order} as {reason} and {order2} as {reason2}.
    """,
    held="""
    Call off {order} as {reason}, likewise {order2} as {reason2}.
    Neither {order} ({reason}) nor {order2} ({reason2}) should go out, cancel them.
    """,
    pick=lambda d: (
        _two("order", d.orders(2, "status IN ('new', 'paid')")) | {"reason": d.reason(), "reason2": d.reason()}
    ),
)


direct(
    "assign_two",
    ("assign_ticket", "ticket agent"),
    ("assign_ticket", "ticket=ticket2 agent=agent2"),
    answer="{agent} has {ticket}, {agent2} has {ticket2}.",
    log="""
    Assign {ticket} to {agent} and {ticket2} to {agent2}.
    {ticket} goes to {agent}, {ticket2} to {agent2}.
    {agent} takes {ticket}, {agent2} takes {ticket2}.
    Give {agent} {ticket} and {agent2} {ticket2}.
    Split them: {ticket} for {agent}, {ticket2} for {agent2}.
    """,
    held="""
    Hand {ticket} to {agent} and pass {ticket2} on to {agent2}.
    {agent} should handle {ticket} and {agent2} {ticket2}.
    """,
    pick=lambda d: _two("ticket", d.tickets(2)) | {"agent": d.agent(), "agent2": d.agent()},
)


direct(
    "two_priorities",
    ("set_priority", "ticket priority"),
    ("set_priority", "ticket=ticket2 priority=priority2"),
    answer="{ticket} is {priority}, {ticket2} is {priority2}.",
    log="""
    Set {ticket} to {priority} and {ticket2} to {priority2} priority.
    {ticket} is {priority} priority, {ticket2} is {priority2} priority.
    Priorities: {ticket} {priority}, {ticket2} {priority2}.
    Make {ticket} {priority} and {ticket2} {priority2} priority.
    Change priority, {ticket} to {priority} and {ticket2} to {priority2}.
    """,
    held="""
    Treat {ticket} with {priority} and {ticket2} with {priority2} priority.
    Priority {priority} fits {ticket}, and {priority2} fits {ticket2}.
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
    answer="{sku} costs {price}, {sku2} costs {price2} euros.",
    log="""
    Set {sku} to {price} euros and {sku2} to {price2} euros.
    New prices: {sku} {price}, {sku2} {price2}.
    {sku} costs {price} now and {sku2} costs {price2}.
    Change prices, {sku} to {price} and {sku2} to {price2}.
    Price {price} for {sku}, price {price2} for {sku2}.
    """,
    held="""
    {sku} should sell for {price}, {sku2} for {price2}.
    We ask {price} for {sku} from today and {price2} for {sku2}.
    """,
    pick=lambda d: _two("sku", d.skus(2)) | {"price": d.number(10, 300), "price2": d.number(10, 300)},
)


direct(
    "release_two_reservations",
    ("release_stock", "reservation=res"),
    ("release_stock", "reservation=res2"),
    answer="{res} and {res2} are released.",
    log="""
    Release {res} and {res2}.
    {res} and {res2} are not needed any more.
    Drop the reservations {res} and {res2}.
    Give back the goods of {res} and of {res2}.
    Free both {res} and {res2}.
    """,
    held="""
    Undo {res} as well as {res2}.
    Nobody collects {res} or {res2}, put them back.
    """,
    pick=lambda d: _two(
        "res", d.sample(d.query("SELECT reservation FROM reservations WHERE status = 'active' ORDER BY 1"), 2)
    ),
)


direct(
    "receive_two",
    ("receive_stock", "sku qty warehouse=wh"),
    ("receive_stock", "sku=sku2 qty=qty2 warehouse=wh"),
    answer="{wh} got {qty} {sku} and {qty2} {sku2}.",
    log="""
    {qty} {sku} and {qty2} {sku2} arrived in {wh}.
    Book {qty} {sku} and {qty2} {sku2} into {wh}.
    Receive {qty} {sku} plus {qty2} {sku2} at {wh}.
    The {wh} warehouse got {qty} {sku} and {qty2} {sku2}.
    Delivery for {wh}: {qty} {sku}, {qty2} {sku2}.
    """,
    held="""
    {wh} took in {qty} {sku} as well as {qty2} {sku2} today.
    A truck brought {qty} {sku} and {qty2} {sku2} to {wh}.
    """,
    pick=lambda d: _two("sku", d.skus(2)) | {"qty": d.number(5, 90), "qty2": d.number(5, 90), "wh": d.warehouse()},
)
