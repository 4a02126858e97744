"""One call about a product or its stock."""

from __future__ import annotations

from helpdesk.family import direct

direct(
    "check_stock",
    ("check_stock", "sku"),
    log="""
    How many {sku} do we have?
    What is the stock of {sku}?
    Do we still have any {sku}?
    How much {sku} is left in stock?
    Where do we have {sku}?
    Count the {sku} in all warehouses.
    How much {sku} is left?
    Is {sku} in stock?
    Can you check {sku}?
    Is there any {sku} left?
    Look up the stock of {sku}.
    Stock of {sku}, please.
    Check how many {sku} there are.
    Any {sku} in the warehouses?
    """,
    held="""
    Check the stock of {sku}.
    Is any {sku} in stock?
    """,
    pick=lambda d: {"sku": d.sku()},
)


direct(
    "receive_stock",
    ("receive_stock", "sku qty warehouse=wh"),
    log="""
    {qty} {sku} arrived in {wh}.
    Receive {qty} {sku} at {wh}.
    Delivery of {qty} {sku} for {wh}, book it.
    {wh} received {qty} {sku} today.
    {wh} took in {qty} {sku} today.
    Please add the {qty} {sku} that came to {wh}.
    A truck brought {qty} {sku} to {wh}.
    Book {qty} {sku} into {wh}.
    The {wh} warehouse got {qty} {sku}.
    Can you book {qty} {sku} into {wh}?
    {wh} got {qty} {sku}.
    Receive {qty} x {sku}, warehouse {wh}.
    {qty} {sku} have come to {wh}.
    {qty} more {sku} are in {wh} now, they came today.
    """,
    held="""
    Book {qty} {sku} as received in {wh}.
    {qty} {sku} came to {wh} today.
    """,
    pick=lambda d: {"sku": d.sku(), "qty": d.number(5, 90), "wh": d.warehouse()},
)


direct(
    "reserve_stock",
    ("reserve_stock", "sku qty warehouse=wh"),
    log="""
    Reserve {qty} {sku} in {wh}.
    Set aside {qty} {sku} at {wh}.
    Make a reservation of {qty} {sku} in {wh}.
    {wh} should reserve {qty} {sku}.
    Put {qty} {sku} in {wh} by for a customer.
    Hold back {qty} {sku} at {wh}.
    Earmark {qty} {sku} in {wh}.
    Keep {qty} {sku} in {wh} for me.
    Can you reserve {qty} {sku} at {wh}?
    In {wh}, reserve {qty} {sku}.
    Please set {qty} {sku} aside in {wh}.
    We need {qty} {sku} reserved in {wh}.
    Reserve {qty} x {sku} in the {wh} warehouse.
    """,
    held="""
    Reserve {qty} of {sku} at {wh} for me.
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
    Undo reservation {res}.
    {res} can be released.
    Free what is reserved under {res}.
    Nobody collects {res}, put it back into stock.
    Dissolve {res} please.
    Drop reservation {res}.
    Can you release {res}?
    Reservation {res} is not needed.
    Please release {res}.
    The customer does not want {res}, release it.
    {res} is over, release the reservation.
    Let go of reservation {res}.
    """,
    held="""
    {res} is not needed any more, release it.
    Please release the reservation {res}.
    """,
    pick=lambda d: {"res": d.reservation()},
)


direct(
    "set_price",
    ("set_price", "sku price"),
    log="""
    Set the price of {sku} to {price}.
    Change the price of {sku}: {price} euros.
    {sku} should sell for {price}.
    Price {sku} at {price} euros.
    Make {sku} {price} euros.
    We ask {price} euros for {sku} from today.
    {sku} costs {price} euros from now on.
    Can you set {sku} to {price} euros?
    New price: {sku}, {price} euros.
    The price of {sku} goes to {price}.
    From now on {sku} is {price} euros.
    {sku} has a new price, {price}.
    Please price {sku} at {price}.
    """,
    held="""
    The price of {sku} is {price} euros from now on.
    New price for {sku} is {price}.
    """,
    pick=lambda d: {"sku": d.sku(), "price": d.number(10, 300)},
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
    pick=lambda d: {"sku": (two := d.skus(2))[0], "sku2": two[1]},
)
