"""A customer is known by an e-mail address: find the id, then act on it."""

from __future__ import annotations

from helpdesk.family import Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

MULTI = Category.MULTI_STEP


@family(
    "order_by_mail",
    MULTI,
    log="""
    {email} would like to buy {qty} {sku}.
    Place an order of {qty} {sku} for {email}.
    Please order {qty} x {sku}, customer {email}.
    New order of {email}: {qty} {sku}.
    {email} wants {qty} {sku}.
    Put in an order of {qty} {sku} by {email}.
    {email} is on the phone and orders {qty} {sku}.
    Please put in {qty} {sku} for {email}.
    Make an order for {email}: {qty} {sku}.
    {email} needs {qty} {sku}, please order.
    Can you order {qty} {sku} for {email}?
    The customer {email} takes {qty} {sku}.
    """,
    held="""
    Order {qty} {sku} for {email}.
    {email} wants to order {qty} {sku}.
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
    {email} writes "{subject}", open a ticket.
    Mail from {email}: "{subject}". Ticket please.
    {email} says "{subject}", make a ticket.
    Ticket for {email}: "{subject}".
    Please open a ticket "{subject}" for {email}.
    {email} wrote: "{subject}". Open a ticket.
    File a ticket for {email}, "{subject}".
    """,
    held="""
    {email} complains about this: "{subject}".
    New ticket for {email}: "{subject}".
    """,
    pick=lambda d: d.person() | {"subject": d.subject()},
)
def complaint_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    yield [call("open_ticket", customer=found[0].data["customer"], subject=s["subject"])]


@family(
    "block_by_mail",
    MULTI,
    log="""
    Block {email} for {why}.
    We have a case of {why}: block {email}.
    Please block the customer {email}, {why}.
    {email} has to be blocked because of {why}.
    Lock out {email} because of {why}.
    Shut {email} off, the reason is {why}.
    No more orders from {email}, {why}. Block.
    {email} was caught with {why}, block.
    Put a block on {email} for {why}.
    Can you block {email}? It is {why}.
    The account of {email} has to be blocked, {why}.
    Reason {why}: block the customer {email}.
    """,
    held="""
    {email} must be blocked, it is {why}.
    Block {email}, the reason is {why}.
    """,
    pick=lambda d: d.person() | {"why": d.choice(("fraud", "chargeback", "abuse"))},
)
def block_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield [call("block_customer", customer=customer, reason=s["why"])]


@family(
    "phone_by_mail",
    MULTI,
    log="""
    {email} has a new phone number: {phone}.
    Update {email}, the number is {phone} now.
    The new number of {email} is {phone}.
    Replace the phone number of {email} by {phone}.
    Call {email} on {phone} from now on, please update.
    Note {phone} as the new phone of {email}.
    Change the phone of {email} to {phone}.
    Set the telephone number of {email} to {phone}.
    Can you change the phone of {email}? It is {phone}.
    {phone} is the new phone of {email}.
    Phone of {email}: {phone}.
    The customer {email} now has the phone {phone}.
    Please update the phone number of {email}, {phone}.
    """,
    held="""
    The phone number of {email} is {phone} now.
    Update the phone of {email} to {phone}.
    """,
    pick=lambda d: d.person() | {"phone": d.phone()},
)
def phone_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield [call("update_contact", customer=customer, contact={"phone": s["phone"]})]
