"""One call about a product or its stock."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct

direct(
    "check_stock",
    ("check_stock", "sku"),
    log="""
    How many {sku} do we have?
    Where do we have {sku}?
    What is the stock of {sku}?
    Do we still have any {sku}?
    Count the {sku} in all warehouses.
    How much {sku} is left?
    """,
    held="""
    Check the stock of {sku}.
    Is {sku} in stock?
    """,
    pick=lambda d: {"sku": d.sku()},
)


direct(
    "check_stock_in_warehouse",
    ("check_stock", "sku warehouse=wh"),
    log="""
    How many {sku} are in {wh}?
    Is there any {sku} in the {wh} warehouse?
    Stock of {sku}, warehouse {wh}?
    Does {wh} still have {sku}?
    Count the {sku} in {wh}.
    How much {sku} is left in {wh}?
    """,
    held="""
    Check the stock of {sku} in {wh}.
    What does {wh} hold of {sku}?
    """,
    pick=lambda d: {"sku": d.sku(), "wh": d.warehouse()},
)


direct(
    "receive_stock",
    ("receive_stock", "sku qty warehouse=wh"),
    log="""
    {qty} {sku} arrived in {wh}.
    Receive {qty} {sku} at {wh}.
    Delivery of {qty} {sku} for {wh}, book it.
    {wh} took in {qty} {sku} today.
    Please add the {qty} {sku} that came to {wh}.
    A truck brought {qty} {sku} to {wh}.
    """,
    held="""
    Book {qty} {sku} into {wh}.
    The {wh} warehouse got {qty} {sku}.
    """,
    pick=lambda d: {"sku": d.sku(), "qty": d.number(5, 90), "wh": d.warehouse()},
)


direct(
    "move_stock",
    ("move_stock", "sku qty source target"),
    log="""
    Move {qty} {sku} from {source} to {target}.
    {target} needs {qty} {sku} from {source}.
    Shift {qty} {sku}, {source} to {target}.
    Take {qty} {sku} out of {source} and put them in {target}.
    Bring {qty} {sku} to {target} from {source}.
    {source} gives {qty} {sku} to {target}.
    """,
    held="""
    Transfer {qty} {sku} from {source} to {target}.
    Send {qty} {sku} from {source} over to {target}.
    """,
    pick=lambda d: (
        (stocked := d.stocked())
        | {
            "source": stocked["wh"],
            "target": d.choice([w for w in ("north", "south", "east", "west") if w != stocked["wh"]]),
        }
    ),
)


direct(
    "reserve_stock",
    ("reserve_stock", "sku qty warehouse=wh"),
    log="""
    Reserve {qty} {sku} in {wh}.
    Set aside {qty} {sku} at {wh}.
    Make a reservation of {qty} {sku} in {wh}.
    Put {qty} {sku} in {wh} by for a customer.
    Hold back {qty} {sku} at {wh}.
    Earmark {qty} {sku} in {wh}.
    """,
    held="""
    Keep {qty} {sku} in {wh} for me.
    Please reserve {qty} x {sku}, warehouse {wh}.
    """,
    pick=lambda d: d.stocked(),
)


direct(
    "release_stock",
    ("release_stock", "reservation=res"),
    log="""
    Release reservation {res}.
    Give back the goods of {res}.
    Free what is reserved under {res}.
    Undo reservation {res}.
    Nobody collects {res}, put it back into stock.
    Dissolve {res} please.
    """,
    held="""
    {res} is not needed any more, release it.
    Drop reservation {res}.
    """,
    pick=lambda d: {"res": d.reservation()},
)


direct(
    "set_price",
    ("set_price", "sku price"),
    log="""
    Set the price of {sku} to {price}.
    Change the price of {sku}: {price} euros.
    Make {sku} {price} euros.
    {sku} should sell for {price}.
    Price {sku} at {price} euros.
    We ask {price} euros for {sku} from today.
    """,
    held="""
    {sku} costs {price} euros from now on.
    New price for {sku} is {price}.
    """,
    pick=lambda d: {"sku": d.sku(), "price": d.number(10, 300)},
)
