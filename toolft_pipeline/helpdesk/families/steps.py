"""Several calls, one after the other: an id from one result, or a house rule that a result decides."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.families.single_orders import GONE, OPEN
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

MULTI = Category.MULTI_STEP


@family(
    "order_by_mail",
    MULTI,
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
    pick=lambda d: d.person() | {"sku": d.sku(), "qty": d.number(1, 20)},
)
def order_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    items = [{"sku": s["sku"], "qty": s["qty"]}]
    placed = yield [call("place_order", customer=found[0].data["customer"], items=items)]
    yield f"Order {placed[0].data['order']} is placed."


@family(
    "complaint_by_mail",
    MULTI,
    log="""
    {email} complains: "{subject}".
    {email} writes "{subject}", open a ticket.
    Open a ticket for {email}: "{subject}".
    Mail from {email}: "{subject}". Ticket please.
    New ticket, {email}, "{subject}".
    """,
    held="""
    Log "{subject}" for {email} as a ticket.
    A complaint by {email}: "{subject}", take it down.
    """,
    pick=lambda d: d.person() | {"subject": d.subject()},
)
def complaint_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    opened = yield [call("open_ticket", customer=found[0].data["customer"], subject=s["subject"])]
    yield f"Ticket {opened[0].data['ticket']} is open."


@family(
    "complaint_by_mail_assigned",
    MULTI,
    log="""
    {email} complains: "{subject}". {agent} takes it.
    Open a ticket for {email}, "{subject}", and give it to {agent}.
    {email} writes "{subject}", a ticket for {agent}.
    New ticket for {agent} from {email}: "{subject}".
    "{subject}", says {email}. Ticket, and assign {agent}.
    """,
    held="""
    Log "{subject}" for {email} as a ticket that {agent} handles.
    A complaint by {email}: "{subject}", to be handled by {agent}.
    """,
    pick=lambda d: d.person() | {"subject": d.subject(), "agent": d.agent()},
)
def complaint_by_mail_assigned(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    opened = yield [call("open_ticket", customer=found[0].data["customer"], subject=s["subject"])]
    ticket = opened[0].data["ticket"]
    yield [call("assign_ticket", ticket=ticket, agent=s["agent"])]
    yield f"{s['agent']} has the new ticket {ticket}."


@family(
    "move_house_by_mail",
    MULTI,
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
        d.person("NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.customer AND o.status = 'shipped')")
        | {"street": d.street(), "city": d.city()}
    ),
)
def move_house_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield [call("change_address", customer=customer, address={"street": s["street"], "city": s["city"]})]
    yield f"{customer} now lives in {s['city']}."


@family(
    "block_by_mail",
    MULTI,
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
    pick=lambda d: d.person() | {"why": d.choice(("fraud", "chargeback", "abuse"))},
)
def block_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield [call("block_customer", customer=customer, reason=s["why"])]
    yield f"{customer} is blocked for {s['why']}."


@family(
    "unblock_by_mail",
    MULTI,
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
    pick=lambda d: d.person("status = 'blocked'"),
)
def unblock_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield [call("unblock_customer", customer=customer)]
    yield f"{customer} is active again."


@family(
    "phone_by_mail",
    MULTI,
    log="""
    {email} has a new phone number: {phone}.
    Change the phone of {email} to {phone}.
    The number of {email} is {phone} now.
    Set the telephone number of {email} to {phone}.
    Update the phone, {email}: {phone}.
    """,
    held="""
    Call {email} on {phone} from now on, please update.
    Note {phone} as the new phone of {email}.
    """,
    pick=lambda d: d.person() | {"phone": d.phone()},
)
def phone_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield [call("update_contact", customer=customer, contact={"phone": s["phone"]})]
    yield f"The phone number of {customer} is updated."


@family(
    "cancel_the_new_one",
    MULTI,
    log="""
    Cancel the new order of {email}, it is {reason}.
    {email} has a new order that is {reason}, cancel it.
    The new order of {email} is {reason}. Cancel it.
    {email} called: the new order is {reason}, cancel.
    Please cancel what is new from {email}, {reason}.
    """,
    held="""
    Call off the new order of {email} as {reason}.
    {email} no longer wants the new order, {reason}; cancel please.
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
    yield f"Order {order} is cancelled."


@family(
    "where_is_my_parcel",
    MULTI,
    log="""
    {email} asks where the parcel is.
    Where is the parcel of {email}?
    {email} waits for a parcel, where is it?
    Track the shipped order of {email}.
    When does the parcel of {email} arrive?
    """,
    held="""
    How far has the parcel of {email} got?
    Locate what was shipped to {email}.
    """,
    pick=lambda d: d.person(
        "(SELECT count(*) FROM orders o WHERE o.customer = c.customer AND o.status = 'shipped') = 1"
    ),
)
def where_is_my_parcel(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    listed = yield [call("list_orders", customer=found[0].data["customer"], status="shipped")]
    order = listed[0].data["orders"][0]
    tracked = yield [call("track_order", order=order)]
    yield f"{order} is in {tracked[0].data['place']} with {tracked[0].data['carrier']}."


@family(
    "pay_by_mail",
    MULTI,
    log="""
    {email} paid the unpaid invoice by {method}, {amount} euros.
    Book {amount} by {method} on the unpaid invoice of {email}.
    {amount} euros by {method} came from {email}, book it.
    Payment of {email}: {amount}, {method}.
    {email} sent {amount} by {method} for the unpaid invoice.
    """,
    held="""
    We got {amount} from {email}, {method}.
    Enter {amount} euros as paid by {method}, customer {email}.
    """,
    pick=lambda d: (
        (
            person := d.row(
                "SELECT c.customer, email, amount FROM customers c JOIN invoices i USING (customer) WHERE i.status = 'unpaid' "
                "GROUP BY c.customer HAVING count(*) = 1 ORDER BY 1"
            )
        )
        and {"email": person["email"], "amount": person["amount"], "method": d.choice(("card", "cash", "transfer"))}
    ),
)
def pay_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    listed = yield [call("list_invoices", customer=found[0].data["customer"], status="unpaid")]
    invoice = listed[0].data["invoices"][0]
    booked = yield [call("record_payment", invoice=invoice, amount=s["amount"], method=s["method"])]
    yield f"Booked; {booked[0].data['due']} euros are due on {invoice}."


@family(
    "hold_order_of_ticket",
    MULTI,
    log="""
    Hold the order of ticket {ticket}.
    Put the order behind {ticket} on hold.
    The order that {ticket} is about has to wait, hold it.
    Ticket {ticket}: pause its order.
    Do not ship the order of {ticket} yet, hold it.
    """,
    held="""
    Freeze the order that {ticket} concerns.
    Whatever order {ticket} is linked to, put a hold on it.
    """,
    pick=lambda d: {
        "ticket": d.choice(
            d.query(
                "SELECT ticket FROM tickets t JOIN orders o USING (order_id) WHERE t.status = 'open' "
                "AND o.status IN ('new', 'paid', 'packed') AND held = 0 ORDER BY 1"
            )
        )
    },
)
def hold_order_of_ticket(s: Slots) -> Way:
    shown = yield [call("get_ticket", ticket=s["ticket"])]
    order = shown[0].data["order"]
    yield [call("hold_order", order=order)]
    yield f"{order} is on hold."


@family(
    "return_for_ticket",
    MULTI,
    log="""
    Open a return for the order of ticket {ticket}, it is {reason}.
    The order behind {ticket} comes back, {reason}.
    Ticket {ticket}: return its order, reason {reason}.
    Start a return of the order that {ticket} is about: {reason}.
    {ticket} wants to send the order back, {reason}.
    """,
    held="""
    The goods that {ticket} concerns are {reason}, set up a return.
    We take back the order of {ticket}, {reason}.
    """,
    pick=lambda d: {
        "ticket": d.choice(
            d.query(
                "SELECT ticket FROM tickets t JOIN orders o USING (order_id) WHERE t.status = 'open' "
                "AND o.status IN ('shipped', 'delivered') ORDER BY 1"
            )
        ),
        "reason": d.reason(),
    },
)
def return_for_ticket(s: Slots) -> Way:
    shown = yield [call("get_ticket", ticket=s["ticket"])]
    opened = yield [call("open_return", order=shown[0].data["order"], reason=s["reason"])]
    yield f"Return {opened[0].data['return']} is open."


@family(
    "ticket_for_order",
    MULTI,
    log="""
    Open a ticket about {order}: "{subject}".
    The customer of {order} writes "{subject}", ticket please.
    Complaint on {order}: "{subject}".
    New ticket for order {order}, "{subject}".
    File "{subject}" as a ticket on {order}.
    """,
    held="""
    Log "{subject}" as a ticket concerning {order}.
    Trouble with {order}, "{subject}", take it down as a ticket.
    """,
    pick=lambda d: {"order": d.order(), "subject": d.subject()},
)
def ticket_for_order(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    opened = yield [call("open_ticket", customer=shown[0].data["customer"], subject=s["subject"])]
    ticket = opened[0].data["ticket"]
    yield [call("link_order", ticket=ticket, order=s["order"])]
    yield f"Ticket {ticket} is open and linked to {s['order']}."


@family(
    "order_the_same_again",
    MULTI,
    log="""
    Order the same as {order} again.
    The customer of {order} wants the same once more.
    Repeat order {order}.
    Place {order} a second time.
    Please reorder {order}.
    """,
    held="""
    Once more what {order} had, for the same customer.
    Duplicate order {order} as a new one.
    """,
    pick=lambda d: {
        "order": d.order(
            "status != 'moved' AND (SELECT c.status FROM customers c WHERE c.customer = o.customer) = 'active'"
        )
    },
)
def order_the_same_again(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    placed = yield [call("place_order", customer=shown[0].data["customer"], items=shown[0].data["items"])]
    yield f"Order {placed[0].data['order']} is placed."


@family(
    "stop_order",
    MULTI,
    log="""
    The customer does not want {order} any more, it is {reason}.
    Get {order} undone, {reason}.
    {order} is {reason}, take it back or cancel it.
    Cancel or return {order}, whatever fits, {reason}.
    Undo order {order}, reason {reason}.
    """,
    held="""
    {order} has to be reversed, {reason}.
    Whichever way works, rid the customer of {order}, {reason}.
    """,
    pick=lambda d: {"order": d.order(d.choice((OPEN, GONE))), "reason": d.reason()},
)
def stop_order(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    if shown[0].data["status"] in ("shipped", "delivered"):
        opened = yield [call("open_return", order=s["order"], reason=s["reason"])]
        yield f"Return {opened[0].data['return']} is open for {s['order']}."
    else:
        yield [call("cancel_order", order=s["order"], reason=s["reason"])]
        yield f"Order {s['order']} is cancelled."


@family(
    "undo_invoice",
    MULTI,
    log="""
    Undo invoice {invoice}.
    {invoice} was wrong, undo it the right way.
    Refund or void {invoice}, whichever fits.
    The customer should not have to pay {invoice}, sort it out.
    Take back {invoice}, paid or not.
    """,
    held="""
    {invoice} has to be reversed, one way or the other.
    Whichever way works, get rid of {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice("status IN ('paid', 'unpaid')")},
)
def undo_invoice(s: Slots) -> Way:
    shown = yield [call("get_invoice", invoice=s["invoice"])]
    if shown[0].data["status"] == "paid":
        yield [call("refund_invoice", invoice=s["invoice"])]
        yield f"{s['invoice']} is refunded."
    else:
        yield [call("void_invoice", invoice=s["invoice"])]
        yield f"{s['invoice']} is void."


@family(
    "decide_return",
    MULTI,
    log="""
    Decide on return {ret} by its condition.
    Settle {ret} by the house rule.
    What happens with return {ret}? Decide by the rule.
    Return {ret} waits for a decision, go by its condition.
    Process {ret} as we always do.
    """,
    held="""
    Deal with {ret} according to the rule.
    {ret} is waiting, judge it by its condition.
    """,
    pick=lambda d: {"ret": d.returned("status = 'received'")},
)
def decide_return(s: Slots) -> Way:
    """House rule: intact is refunded, used is exchanged, broken is repaired."""
    shown = yield [call("get_return", return_id=s["ret"])]
    outcome = {"intact": "refund", "used": "exchange", "broken": "repair"}[shown[0].data["condition"]]
    yield [call("approve_return", return_id=s["ret"], outcome=outcome)]
    yield f"{s['ret']} is approved for {outcome}."


@family(
    "ticket_by_tier",
    MULTI,
    log="""
    Open a ticket for {customer}, priority by tier: "{subject}".
    {customer} writes "{subject}", ticket with the priority of the tier.
    "{subject}", says {customer}. Ticket, priority as the tier asks.
    New ticket of {customer}, "{subject}", mind the tier.
    File "{subject}" for {customer} with the tier's priority.
    """,
    held="""
    Log "{subject}" for {customer}, the priority follows the tier.
    By tier, please: a ticket of {customer}, "{subject}".
    """,
    pick=lambda d: {"customer": d.customer(), "subject": d.subject()},
)
def ticket_by_tier(s: Slots) -> Way:
    """House rule: gold is high, silver is normal, basic is low."""
    shown = yield [call("get_customer", customer=s["customer"])]
    priority = {"gold": "high", "silver": "normal", "basic": "low"}[shown[0].data["tier"]]
    opened = yield [call("open_ticket", customer=s["customer"], subject=s["subject"], priority=priority)]
    yield f"Ticket {opened[0].data['ticket']} is open with {priority} priority."


@family(
    "largest_discount",
    MULTI,
    log="""
    Give {customer} the largest discount on {invoice}.
    {invoice} of {customer} gets as much discount as the tier allows.
    Highest discount for {customer} on {invoice}.
    Apply the tier discount of {customer} to {invoice}.
    Discount {invoice} by what the tier of {customer} allows.
    """,
    held="""
    As cheap as the tier of {customer} permits, please, {invoice}.
    Grant {customer} the full tier discount on {invoice}.
    """,
    pick=lambda d: {
        "invoice": (row := d.row("SELECT invoice, customer FROM invoices WHERE status = 'unpaid' ORDER BY 1"))[
            "invoice"
        ],
        "customer": row["customer"],
    },
)
def largest_discount(s: Slots) -> Way:
    """House rule: gold gets 20, silver 10, basic 5 percent."""
    shown = yield [call("get_customer", customer=s["customer"])]
    percent = {"gold": 20, "silver": 10, "basic": 5}[shown[0].data["tier"]]
    yield [call("apply_discount", invoice=s["invoice"], percent=percent)]
    yield f"{percent} percent off {s['invoice']}."


@family(
    "remind_by_tier",
    MULTI,
    log="""
    Remind {customer} of {invoice} the usual way.
    {invoice} is late, remind {customer} as the tier asks.
    Send {customer} the usual reminder for {invoice}.
    Reminder on {invoice} to {customer}, channel by tier.
    Ask {customer} for the money of {invoice} in the usual way.
    """,
    held="""
    Nudge {customer} about {invoice} the way we do for the tier.
    {customer} has not paid {invoice}, the usual reminder please.
    """,
    pick=lambda d: {
        "invoice": (row := d.row("SELECT invoice, customer FROM invoices WHERE status = 'unpaid' ORDER BY 1"))[
            "invoice"
        ],
        "customer": row["customer"],
    },
)
def remind_by_tier(s: Slots) -> Way:
    """House rule: gold by letter, silver by email, basic by sms."""
    shown = yield [call("get_customer", customer=s["customer"])]
    channel = {"gold": "letter", "silver": "email", "basic": "sms"}[shown[0].data["tier"]]
    yield [call("send_reminder", invoice=s["invoice"], channel=channel)]
    yield f"A reminder of {s['invoice']} went out by {channel}."


@family(
    "next_step",
    MULTI,
    log="""
    Take {order} one step further.
    Do the next step for {order}.
    What is next for {order}? Do it.
    Move {order} along.
    Advance order {order}.
    """,
    held="""
    Carry {order} to its next stage.
    {order} should make progress, please see to it.
    """,
    pick=lambda d: {
        "order": d.order(
            "status IN ('new', 'packed') AND held = 0 AND NOT EXISTS "
            "(SELECT 1 FROM invoices i WHERE i.order_id = o.order_id) OR status = 'delivered' AND NOT EXISTS "
            "(SELECT 1 FROM invoices i WHERE i.order_id = o.order_id)"
        )
    },
)
def next_step(s: Slots) -> Way:
    """House rule: a new order waits for its money, a packed one goes out with dhl, a delivered one is billed with 50."""
    shown = yield [call("get_order", order=s["order"])]
    status = shown[0].data["status"]
    if status == "packed":
        yield [call("ship_order", order=s["order"], carrier="dhl")]
        yield f"{s['order']} is on its way with dhl."
    elif status == "delivered":
        yield [call("create_invoice", order=s["order"], amount=50)]
        yield f"{s['order']} is billed."
    else:
        yield [call("hold_order", order=s["order"])]
        yield f"{s['order']} is on hold."


@family(
    "bill_of_order_customer",
    MULTI,
    log="""
    Which invoices does the customer of {order} have unpaid?
    Is anything unpaid by the customer of {order}?
    Show unpaid invoices of whoever placed {order}.
    The customer of {order}: what is unpaid?
    Does the buyer of {order} owe us anything?
    """,
    held="""
    Any money still owed by the one behind {order}?
    Look for unpaid invoices of the person who ordered {order}.
    """,
    pick=lambda d: {"order": d.order()},
)
def bill_of_order_customer(s: Slots) -> Way:
    shown = yield [call("get_order", order=s["order"])]
    listed = yield [call("list_invoices", customer=shown[0].data["customer"], status="unpaid")]
    yield f"Invoices unpaid: {', '.join(listed[0].data['invoices']) or 'none'}."


@family(
    "track_order_of_invoice",
    MULTI,
    log="""
    Where is the order of invoice {invoice}?
    Track what {invoice} was for.
    {invoice}: where is its parcel?
    Find the parcel that {invoice} belongs to.
    The customer asks about the goods on {invoice}, where are they?
    """,
    held="""
    How far have the goods billed by {invoice} got?
    Locate the parcel behind {invoice}.
    """,
    pick=lambda d: {
        "invoice": d.choice(
            d.query(
                "SELECT invoice FROM invoices i JOIN orders o USING (order_id) "
                "WHERE o.status IN ('shipped', 'delivered') ORDER BY 1"
            )
        )
    },
)
def track_order_of_invoice(s: Slots) -> Way:
    shown = yield [call("get_invoice", invoice=s["invoice"])]
    order = shown[0].data["order"]
    tracked = yield [call("track_order", order=order)]
    yield f"{order} is in {tracked[0].data['place']} with {tracked[0].data['carrier']}."


@family(
    "return_arrived_and_settled",
    MULTI,
    log="""
    Return {ret} arrived {condition}, give a {outcome}.
    {ret} is here, {condition}; approve {outcome}.
    Book in {ret} as {condition} and grant {outcome}.
    {ret} came back {condition}, {outcome} please.
    Receive {ret}, {condition}, then {outcome}.
    """,
    held="""
    {ret} turned up {condition}, settle it with {outcome}.
    Goods of {ret} are back and {condition}: {outcome} it is.
    """,
    pick=lambda d: {
        "ret": d.returned("status = 'requested'"),
        "condition": d.choice(("intact", "used", "broken")),
        "outcome": d.choice(("refund", "exchange", "repair")),
    },
)
def return_arrived_and_settled(s: Slots) -> Way:
    yield [call("receive_return", return_id=s["ret"], condition=s["condition"])]
    yield [call("approve_return", return_id=s["ret"], outcome=s["outcome"])]
    yield f"{s['ret']} is approved for {s['outcome']}."


@family(
    "new_customer_orders",
    MULTI,
    log="""
    New customer {name}, {email}, orders {qty} {sku}.
    Add {name} with {email} and order {qty} {sku}.
    {name} is new, {email}, and wants {qty} {sku}.
    Register {name}, {email}, then place {qty} {sku}.
    First order of {name}, {email}: {qty} {sku}.
    """,
    held="""
    Set up {name}, {email}, who would like to buy {qty} {sku}.
    {qty} {sku} for somebody new: {name}, {email}.
    """,
    pick=lambda d: d.stranger() | {"sku": d.sku(), "qty": d.number(1, 20)},
)
def new_customer_orders(s: Slots) -> Way:
    added = yield [call("add_customer", name=s["name"], email=s["email"])]
    items = [{"sku": s["sku"], "qty": s["qty"]}]
    placed = yield [call("place_order", customer=added[0].data["customer"], items=items)]
    yield f"Order {placed[0].data['order']} is placed."
