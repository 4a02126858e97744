"""A call fails and leaves no way on: the agent says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.draw import Draw
from toolft_pipeline.helpdesk.family import Slots, Way, arguments_of, call, family, sorry

EXPLAIN = Category.ERROR_THEN_EXPLAIN


def refused(name: str, tool: str, spec: str, *, log: str, held: str, pick: Callable[[Draw], dict[str, Any]]) -> None:
    """A family of one call that fails, and the explanation."""

    def way(s: Slots) -> Way:
        results = yield [call(tool, **arguments_of(spec, s))]
        yield sorry(results[0])

    family(name, EXPLAIN, log=log, held=held, pick=pick)(way)


def refused_by_mail(
    name: str, tool: str, spec: str, *, log: str, held: str, pick: Callable[[Draw], dict[str, Any]]
) -> None:
    """A family that looks the customer up first, then fails and explains."""

    def way(s: Slots) -> Way:
        found = yield [call("find_customer", email=s["email"])]
        results = yield [call(tool, customer=found[0].data["customer"], **arguments_of(spec, s))]
        yield sorry(results[0])

    family(name, EXPLAIN, log=log, held=held, pick=pick)(way)


refused(
    "hold_gone_order",
    "hold_order",
    "order",
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
    """,
    pick=lambda d: {"order": d.order("status IN ('shipped', 'delivered', 'cancelled')")},
)
refused(
    "note_in_packed_order",
    "add_gift_note",
    "order text",
    log="""
    Put a gift note "{text}" into {order}.
    Gift note for {order}: "{text}".
    {order} is a present, write "{text}".
    Add the note "{text}" to the gift {order}.
    Write "{text}" on the gift card of {order}.
    """,
    held="""
    The card in {order} should say "{text}".
    Slip a gift note "{text}" in with {order}.
    """,
    pick=lambda d: {"order": d.order("status IN ('packed', 'shipped', 'delivered')"), "text": d.wish()},
)
refused(
    "track_unshipped",
    "track_order",
    "order",
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
    """,
    pick=lambda d: {"order": d.order("status IN ('new', 'paid', 'packed')")},
)
refused(
    "release_free_order",
    "release_order",
    "order",
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
    """,
    pick=lambda d: {"order": d.order("held = 0 AND status != 'moved'")},
)
refused(
    "mail_taken",
    "add_customer",
    "name email",
    log="""
    Add a new customer: {name}, {email}.
    Create a customer record for {name} with {email}.
    {name} is new here, the address is {email}. Please add.
    We have a new customer, {name}, e-mail {email}.
    Register {name} with {email}.
    """,
    held="""
    Please set up {name} as a customer, {email}.
    Enter {name}, {email}, as a new customer.
    """,
    pick=lambda d: d.person() | {"name": d.stranger()["name"]},
)
refused(
    "unknown_mail",
    "find_customer",
    "email",
    log="""
    Who is {email}?
    Which customer id belongs to {email}?
    Find the customer with the address {email}.
    I need the customer number of {email}.
    Look up {email} for me.
    """,
    held="""
    Whose address is {email}?
    Search for {email} among our customers.
    """,
    pick=lambda d: {"email": d.stranger()["email"]},
)
refused(
    "remind_paid",
    "send_reminder",
    "invoice channel",
    log="""
    Remind the customer of {invoice} by {channel}.
    Send a reminder for {invoice} by {channel}.
    {invoice} is late, remind by {channel}.
    Reminder on {invoice}, {channel} please.
    Write a reminder about {invoice}, via {channel}.
    """,
    held="""
    Nudge the customer about {invoice} by {channel}.
    Ask again for the money of {invoice} by {channel}.
    """,
    pick=lambda d: {
        "invoice": d.invoice("status IN ('paid', 'void')"),
        "channel": d.choice(("email", "sms", "letter")),
    },
)
refused(
    "release_twice",
    "release_stock",
    "reservation=res",
    log="""
    Release reservation {res}.
    {res} is not needed any more, release it.
    Give back the goods of {res}.
    Drop reservation {res}.
    Free what is reserved under {res}.
    """,
    held="""
    Undo reservation {res}.
    Dissolve {res} please.
    """,
    pick=lambda d: {"res": d.reservation("status = 'released'")},
)
refused(
    "billed_already",
    "create_invoice",
    "order amount",
    log="""
    Bill {order} with {amount} euros.
    Make an invoice over {amount} for {order}.
    Invoice order {order}, {amount} euros.
    {order} is to be billed, {amount} euros.
    Create an invoice for {order}: {amount}.
    """,
    held="""
    Charge {amount} euros for {order}.
    Write a bill of {amount} for order {order}.
    """,
    pick=lambda d: {
        "order": d.order("EXISTS (SELECT 1 FROM invoices i WHERE i.order_id = o.order_id)"),
        "amount": d.number(2, 90) * 10,
    },
)
refused_by_mail(
    "order_of_blocked_by_mail",
    "place_order",
    "items",
    log="""
    {email} wants {qty} {sku}.
    Order {qty} {sku} for {email}.
    Place an order of {qty} {sku} for {email}.
    {email} is on the phone and orders {qty} {sku}.
    Please order {qty} x {sku}, customer {email}.
    """,
    held="""
    {email} would like to buy {qty} {sku}.
    Put in an order of {qty} {sku} by {email}.
    """,
    pick=lambda d: (
        (one := {"sku": d.sku(), "qty": d.number(1, 20)}) | d.person("status = 'blocked'") | {"items": [one]}
    ),
)
refused_by_mail(
    "move_while_travelling",
    "change_address",
    "address.street=street address.city=city",
    log="""
    {email} moved to {street}, {city}.
    Change the address of {email} to {street}, {city}.
    {email} lives at {street} in {city} now.
    New address for {email}: {street}, {city}.
    Update where {email} lives: {street}, {city}.
    """,
    held="""
    From today {email} is at {street}, {city}.
    The home of {email} is now {street}, {city}.
    """,
    pick=lambda d: (
        d.person("EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.customer AND o.status = 'shipped')")
        | {"street": d.street(), "city": d.city()}
    ),
)
refused_by_mail(
    "gold_in_debt",
    "set_tier",
    "tier",
    log="""
    Make {email} a gold customer.
    Put {email} in tier gold.
    Change the tier of {email} to gold.
    {email} should be gold from now on.
    Set {email} to gold.
    """,
    held="""
    {email} deserves tier gold, please change.
    From today {email} counts as gold.
    """,
    pick=lambda d: (
        d.person("EXISTS (SELECT 1 FROM invoices i WHERE i.customer = c.customer AND i.status = 'unpaid')")
        | {"tier": "gold"}
    ),
)
refused_by_mail(
    "unblock_active_by_mail",
    "unblock_customer",
    "",
    log="""
    Unblock {email}.
    {email} may buy again, please unblock.
    Lift the block on {email}.
    The block of {email} was a mistake, remove it.
    Let {email} order again.
    """,
    held="""
    {email} was blocked wrongly, undo that.
    Make {email} active again.
    """,
    pick=lambda d: d.person(),
)
refused_by_mail(
    "block_twice_by_mail",
    "block_customer",
    "reason=why",
    log="""
    Block {email} for {why}.
    {email} must be blocked, it is {why}.
    We have a case of {why}: block {email}.
    No more orders from {email}, {why}. Block.
    Please block the customer {email}, {why}.
    """,
    held="""
    Lock out {email} because of {why}.
    Shut {email} off, the reason is {why}.
    """,
    pick=lambda d: d.person("status = 'blocked'") | {"why": d.choice(("fraud", "chargeback", "abuse"))},
)


@family(
    "link_foreign_order",
    EXPLAIN,
    log="""
    Link {ticket} to {order}.
    {ticket} is about order {order}, link them.
    Connect ticket {ticket} with {order}.
    Attach {order} to {ticket}.
    {ticket} belongs to order {order}.
    """,
    held="""
    Tie {ticket} to order {order}.
    Record that {ticket} concerns {order}.
    """,
    pick=lambda d: {
        "ticket": (
            row := d.row(
                "SELECT ticket, o.order_id FROM tickets t JOIN orders o ON t.customer != o.customer "
                "WHERE t.status = 'open' AND o.status != 'moved' ORDER BY 1, 2"
            )
        )["ticket"],
        "order": row["order_id"],
    },
)
def link_foreign_order(s: Slots) -> Way:
    results = yield [call("link_order", ticket=s["ticket"], order=s["order"])]
    yield sorry(results[0])


@family(
    "ship_order_of_ticket_refused",
    EXPLAIN,
    log="""
    Ship the order of ticket {ticket} with {carrier}.
    The order behind {ticket} goes out with {carrier}.
    Ticket {ticket}: send its order by {carrier}.
    Hand the order that {ticket} is about to {carrier}.
    {carrier} takes the order of ticket {ticket}.
    """,
    held="""
    Dispatch the order that {ticket} concerns via {carrier}.
    Give the order of {ticket} to {carrier} for shipping.
    """,
    pick=lambda d: {
        "ticket": d.choice(
            d.query(
                "SELECT ticket FROM tickets t JOIN orders o USING (order_id) WHERE t.status IN ('open', 'closed') "
                "AND o.status IN ('shipped', 'delivered', 'cancelled') ORDER BY 1"
            )
        ),
        "carrier": d.carrier(),
    },
)
def ship_order_of_ticket_refused(s: Slots) -> Way:
    shown = yield [call("get_ticket", ticket=s["ticket"])]
    results = yield [call("ship_order", order=shown[0].data["order"], carrier=s["carrier"])]
    yield sorry(results[0])
