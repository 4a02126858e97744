"""One call about a product or its stock."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct

direct(
    "check_stock",
    ("check_stock", "sku"),
    answer=lambda s, r: f"{s['sku']}: " + ", ".join(f"{qty} {wh}" for wh, qty in r[0].data.items()) + ".",
    log="""
    How many {sku} do we have?
    Check the stock of {sku}.
    Where do we have {sku}?
    Is {sku} in stock?
    What is the stock of {sku}?
    """,
    held="""
    Do we still have any {sku}?
    Count the {sku} in all warehouses.
    How much {sku} is left?
    """,
    pick=lambda d: {"sku": d.sku()},
)


direct(
    "check_stock_in_warehouse",
    ("check_stock", "sku warehouse=wh"),
    answer=lambda s, r: f"{r[0].data[s['wh']]} {s['sku']} in {s['wh']}.",
    log="""
    How many {sku} are in {wh}?
    Check the stock of {sku} in {wh}.
    Is there any {sku} in the {wh} warehouse?
    What does {wh} hold of {sku}?
    Stock of {sku}, warehouse {wh}?
    """,
    held="""
    Does {wh} still have {sku}?
    Count the {sku} in {wh}.
    How much {sku} is left in {wh}?
    """,
    pick=lambda d: {"sku": d.sku(), "wh": d.warehouse()},
)


direct(
    "receive_stock",
    ("receive_stock", "sku qty warehouse=wh"),
    answer=lambda s, r: f"{s['wh']} now has {r[0].data['qty']} {s['sku']}.",
    log="""
    {qty} {sku} arrived in {wh}.
    Book {qty} {sku} into {wh}.
    Receive {qty} {sku} at {wh}.
    The {wh} warehouse got {qty} {sku}.
    Delivery of {qty} {sku} for {wh}, book it.
    """,
    held="""
    {wh} took in {qty} {sku} today.
    Please add the {qty} {sku} that came to {wh}.
    A truck brought {qty} {sku} to {wh}.
    """,
    pick=lambda d: {"sku": d.sku(), "qty": d.number(5, 90), "wh": d.warehouse()},
)


direct(
    "move_stock",
    ("move_stock", "sku qty source target"),
    answer="{qty} {sku} moved to {target}.",
    log="""
    Move {qty} {sku} from {source} to {target}.
    Transfer {qty} {sku} from {source} to {target}.
    {target} needs {qty} {sku} from {source}.
    Send {qty} {sku} from {source} over to {target}.
    Shift {qty} {sku}, {source} to {target}.
    """,
    held="""
    Take {qty} {sku} out of {source} and put them in {target}.
    Bring {qty} {sku} to {target} from {source}.
    {source} gives {qty} {sku} to {target}.
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
    answer=lambda s, r: f"Reserved under {r[0].data['reservation']}.",
    log="""
    Reserve {qty} {sku} in {wh}.
    Keep {qty} {sku} in {wh} for me.
    Set aside {qty} {sku} at {wh}.
    Please reserve {qty} x {sku}, warehouse {wh}.
    Make a reservation of {qty} {sku} in {wh}.
    """,
    held="""
    Put {qty} {sku} in {wh} by for a customer.
    Hold back {qty} {sku} at {wh}.
    Earmark {qty} {sku} in {wh}.
    """,
    pick=lambda d: d.stocked(),
)


direct(
    "release_stock",
    ("release_stock", "reservation=res"),
    answer="Reservation {res} is released.",
    log="""
    Release reservation {res}.
    {res} is not needed any more, release it.
    Give back the goods of {res}.
    Drop reservation {res}.
    Free what is reserved under {res}.
    """,
    held="""
    Undo reservation {res}.
    Nobody collects {res}, put it back into stock.
    Dissolve {res} please.
    """,
    pick=lambda d: {"res": d.reservation()},
)


direct(
    "list_reservations",
    ("list_reservations", "sku"),
    answer=lambda s, r: f"Reservations: {', '.join(r[0].data['reservations']) or 'none'}.",
    log="""
    Which reservations are there for {sku}?
    List the reservations of {sku}.
    Is {sku} reserved by anybody?
    Show reservations for {sku}.
    Who keeps {sku} reserved?
    """,
    held="""
    Any reservations on {sku}?
    Give me all reservations of {sku}.
    Under which numbers is {sku} reserved?
    """,
    pick=lambda d: {"sku": d.sku()},
)


direct(
    "set_price",
    ("set_price", "sku price"),
    answer="{sku} costs {price} euros now.",
    log="""
    Set the price of {sku} to {price}.
    {sku} costs {price} euros from now on.
    Change the price of {sku}: {price} euros.
    New price for {sku} is {price}.
    Make {sku} {price} euros.
    """,
    held="""
    {sku} should sell for {price}.
    Price {sku} at {price} euros.
    We ask {price} euros for {sku} from today.
    """,
    pick=lambda d: {"sku": d.sku(), "price": d.number(10, 300)},
)
