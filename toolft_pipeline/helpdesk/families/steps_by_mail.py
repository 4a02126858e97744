"""A customer is known by an e-mail address: find the id, then act on it."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

MULTI = Category.MULTI_STEP


@family(
    "order_by_mail",
    MULTI,
    log="""
    {email} wants {qty} {sku}.
    Place an order of {qty} {sku} for {email}.
    Please order {qty} x {sku}, customer {email}.
    {email} would like to buy {qty} {sku}.
    Put in an order of {qty} {sku} by {email}.
    """,
    held="""
    Order {qty} {sku} for {email}.
    {email} is on the phone and orders {qty} {sku}.
    """,
    pick=lambda d: d.person() | {"sku": d.sku(), "qty": d.number(1, 20)},
)
def order_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    items = [{"sku": s["sku"], "qty": s["qty"]}]
    yield [call("place_order", customer=found[0].data["customer"], items=items)]


@family(
    "complaint_by_mail",
    MULTI,
    log="""
    {email} complains: "{subject}".
    Open a ticket for {email}: "{subject}".
    New ticket, {email}, "{subject}".
    Log "{subject}" for {email} as a ticket.
    A complaint by {email}: "{subject}", take it down.
    """,
    held="""
    {email} writes "{subject}", open a ticket.
    Mail from {email}: "{subject}". Ticket please.
    """,
    pick=lambda d: d.person() | {"subject": d.subject()},
)
def complaint_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    yield [call("open_ticket", customer=found[0].data["customer"], subject=s["subject"])]


@family(
    "complaint_by_mail_assigned",
    MULTI,
    log="""
    {email} complains: "{subject}". {agent} takes it.
    {email} writes "{subject}", a ticket for {agent}.
    "{subject}", says {email}. Ticket, and assign {agent}.
    Log "{subject}" for {email} as a ticket that {agent} handles.
    A complaint by {email}: "{subject}", to be handled by {agent}.
    """,
    held="""
    Open a ticket for {email}, "{subject}", and give it to {agent}.
    New ticket for {agent} from {email}: "{subject}".
    """,
    pick=lambda d: d.person() | {"subject": d.subject(), "agent": d.agent()},
)
def complaint_by_mail_assigned(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    opened = yield [call("open_ticket", customer=found[0].data["customer"], subject=s["subject"])]
    ticket = opened[0].data["ticket"]
    yield [call("assign_ticket", ticket=ticket, agent=s["agent"])]


@family(
    "move_house_by_mail",
    MULTI,
    log="""
    {email} moved to {street}, {city}.
    {email} lives at {street} in {city} now.
    Update where {email} lives: {street}, {city}.
    From today {email} is at {street}, {city}.
    The home of {email} is now {street}, {city}.
    """,
    held="""
    Change the address of {email} to {street}, {city}.
    New address for {email}: {street}, {city}.
    """,
    pick=lambda d: (
        d.person("NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.customer AND o.status = 'shipped')")
        | {"street": d.street(), "city": d.city()}
    ),
)
def move_house_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield [call("change_address", customer=customer, address={"street": s["street"], "city": s["city"]})]


@family(
    "block_by_mail",
    MULTI,
    log="""
    Block {email} for {why}.
    We have a case of {why}: block {email}.
    Please block the customer {email}, {why}.
    Lock out {email} because of {why}.
    Shut {email} off, the reason is {why}.
    """,
    held="""
    {email} must be blocked, it is {why}.
    No more orders from {email}, {why}. Block.
    """,
    pick=lambda d: d.person() | {"why": d.choice(("fraud", "chargeback", "abuse"))},
)
def block_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield [call("block_customer", customer=customer, reason=s["why"])]


@family(
    "unblock_by_mail",
    MULTI,
    log="""
    Unblock {email}.
    Lift the block on {email}.
    Let {email} order again.
    {email} was blocked wrongly, undo that.
    Make {email} active again.
    """,
    held="""
    {email} may buy again, please unblock.
    The block of {email} was a mistake, remove it.
    """,
    pick=lambda d: d.person("status = 'blocked'"),
)
def unblock_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield [call("unblock_customer", customer=customer)]


@family(
    "phone_by_mail",
    MULTI,
    log="""
    {email} has a new phone number: {phone}.
    The number of {email} is {phone} now.
    Update the phone, {email}: {phone}.
    Call {email} on {phone} from now on, please update.
    Note {phone} as the new phone of {email}.
    """,
    held="""
    Change the phone of {email} to {phone}.
    Set the telephone number of {email} to {phone}.
    """,
    pick=lambda d: d.person() | {"phone": d.phone()},
)
def phone_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield [call("update_contact", customer=customer, contact={"phone": s["phone"]})]


@family(
    "cancel_the_new_one",
    MULTI,
    log="""
    Cancel the new order of {email}, it is {reason}.
    The new order of {email} is {reason}. Cancel it.
    Please cancel what is new from {email}, {reason}.
    Call off the new order of {email} as {reason}.
    {email} no longer wants the new order, {reason}; cancel please.
    """,
    held="""
    {email} has a new order that is {reason}, cancel it.
    {email} called: the new order is {reason}, cancel.
    """,
    pick=lambda d: (
        d.person("(SELECT count(*) FROM orders o WHERE o.customer = c.customer AND o.status = 'new') = 1")
        | {"reason": d.reason()}
    ),
)
def cancel_the_new_one(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    listed = yield [call("list_orders", customer=found[0].data["customer"], status="new")]
    order = listed[0].data["orders"][0]
    yield [call("cancel_order", order=order, reason=s["reason"])]


@family(
    "where_is_my_parcel",
    MULTI,
    log="""
    {email} asks where the parcel is.
    {email} waits for a parcel, where is it?
    When does the parcel of {email} arrive?
    How far has the parcel of {email} got?
    Locate what was shipped to {email}.
    """,
    held="""
    Where is the parcel of {email}?
    Track the shipped order of {email}.
    """,
    pick=lambda d: d.person(
        "(SELECT count(*) FROM orders o WHERE o.customer = c.customer AND o.status = 'shipped') = 1"
    ),
)
def where_is_my_parcel(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    listed = yield [call("list_orders", customer=found[0].data["customer"], status="shipped")]
    order = listed[0].data["orders"][0]
    yield [call("track_order", order=order)]


@family(
    "pay_by_mail",
    MULTI,
    log="""
    {email} paid the unpaid invoice by {method}, {amount} euros.
    {amount} euros by {method} came from {email}, book it.
    {email} sent {amount} by {method} for the unpaid invoice.
    We got {amount} from {email}, {method}.
    Enter {amount} euros as paid by {method}, customer {email}.
    """,
    held="""
    Book {amount} by {method} on the unpaid invoice of {email}.
    Payment of {email}: {amount}, {method}.
    """,
    pick=lambda d: {
        "email": (
            row := d.row(
                "SELECT email, amount FROM customers c JOIN invoices i USING (customer) WHERE i.status = 'unpaid' "
                "GROUP BY c.customer HAVING count(*) = 1 ORDER BY 1"
            )
        )["email"],
        "amount": row["amount"],
        "method": d.choice(("card", "cash", "transfer")),
    },
)
def pay_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    listed = yield [call("list_invoices", customer=found[0].data["customer"], status="unpaid")]
    invoice = listed[0].data["invoices"][0]
    yield [call("record_payment", invoice=invoice, amount=s["amount"], method=s["method"])]


@family(
    "new_customer_orders",
    MULTI,
    log="""
    New customer {name}, {email}, orders {qty} {sku}.
    {name} is new, {email}, and wants {qty} {sku}.
    First order of {name}, {email}: {qty} {sku}.
    Set up {name}, {email}, who would like to buy {qty} {sku}.
    {qty} {sku} for somebody new: {name}, {email}.
    """,
    held="""
    Add {name} with {email} and order {qty} {sku}.
    Register {name}, {email}, then place {qty} {sku}.
    """,
    pick=lambda d: d.stranger() | {"sku": d.sku(), "qty": d.number(1, 20)},
)
def new_customer_orders(s: Slots) -> Way:
    added = yield [call("add_customer", name=s["name"], email=s["email"])]
    items = [{"sku": s["sku"], "qty": s["qty"]}]
    yield [call("place_order", customer=added[0].data["customer"], items=items)]
