"""Conversations of several user turns: what was missing, what comes next."""

from __future__ import annotations

from toolft_pipeline.evaluation.task import Category
from toolft_pipeline.helpdesk.families.where import OPEN, READY
from toolft_pipeline.helpdesk.family import Slots, Way, call, family

MULTI, SINGLE = Category.MULTI_STEP, Category.SINGLE_CALL


@family(
    "ship_after_question",
    SINGLE,
    log="""
    Ship {order}. // {carrier}
    {order} is ready to go. // {carrier} please.
    Hand {order} to a carrier. // Take {carrier}.
    Dispatch {order}. // Via {carrier}.
    {order} should be shipped now. // Let {carrier} do it.
    """,
    held="""
    Send {order} out. // By {carrier}.
    Please ship order {order} today. // With {carrier}.
    """,
    pick=lambda d: {"order": d.order(READY), "carrier": d.carrier()},
)
def ship_after_question(s: Slots) -> Way:
    yield "With which carrier: dhl, ups or gls?"
    yield [call("ship_order", order=s["order"], carrier=s["carrier"])]


@family(
    "cancel_after_question",
    SINGLE,
    log="""
    Cancel {order}. // It is {reason}.
    {order} must be cancelled. // Reason {reason}.
    Call off {order}. // It was {reason}.
    Please stop {order} for good. // The goods are {reason}.
    """,
    held="""
    Please cancel order {order}. // {reason}
    The customer wants {order} cancelled. // Because it is {reason}.
    """,
    pick=lambda d: {"order": d.order(OPEN), "reason": d.reason()},
)
def cancel_after_question(s: Slots) -> Way:
    yield "Why: is it damaged, late, unwanted or wrong?"
    yield [call("cancel_order", order=s["order"], reason=s["reason"])]


@family(
    "assign_after_question",
    SINGLE,
    log="""
    Assign {ticket}. // To {agent}.
    Give {ticket} to somebody. // {agent} takes it.
    Find an agent for {ticket}. // Ask {agent}.
    Hand {ticket} over to a colleague. // It should be {agent}.
    {ticket} should be handled by someone. // Let {agent} do it.
    """,
    held="""
    {ticket} needs an agent. // {agent}
    Somebody should look after {ticket}. // {agent} can.
    """,
    pick=lambda d: {"ticket": d.ticket(), "agent": d.agent()},
)
def assign_after_question(s: Slots) -> Way:
    yield f"Who should have {s['ticket']}?"
    yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]


@family(
    "move_after_question",
    SINGLE,
    log="""
    Move {qty} {sku} to {target}. // From {source}.
    Transfer {qty} {sku} to {target}. // Out of {source}.
    Bring {qty} {sku} to {target}. // {source} should give them.
    {target} is short of {qty} {sku}. // They lie in {source}.
    """,
    held="""
    {target} needs {qty} {sku}. // {source} has them.
    Send {qty} {sku} over to {target}. // Take them from {source}.
    """,
    pick=lambda d: (
        (stocked := d.stocked())
        | {
            "source": stocked["wh"],
            "target": d.choice([w for w in ("north", "south", "east", "west") if w != stocked["wh"]]),
        }
    ),
)
def move_after_question(s: Slots) -> Way:
    yield f"From which warehouse should {s['qty']} {s['sku']} come?"
    yield [call("move_stock", sku=s["sku"], qty=s["qty"], source=s["source"], target=s["target"])]


@family(
    "look_then_cancel",
    MULTI,
    log="""
    Show order {order}. // Cancel it, it is {reason}.
    What is the status of {order}? // Then cancel it as {reason}.
    Pull up {order} please. // It is {reason}, cancel.
    Give me the details of order {order}. // Call it off, {reason}.
    Open {order} for me. // Stop it for good and cancel, {reason}.
    """,
    held="""
    What is in {order}? // All {reason}, cancel that order.
    Whose order is {order}? // Please cancel it as {reason}.
    """,
    pick=lambda d: {"order": d.order(OPEN), "reason": d.reason()},
)
def look_then_cancel(s: Slots) -> Way:
    yield [call("get_order", order=s["order"])]
    yield None
    yield [call("cancel_order", order=s["order"], reason=s["reason"])]


@family(
    "find_then_order",
    MULTI,
    log="""
    Who is {email}? // Order {qty} {sku} for them.
    Find the customer with the address {email}. // Place an order of {qty} {sku}.
    Look up {email} for me. // They want {qty} {sku}.
    Whose address is {email}? // They would like to buy {qty} {sku}.
    Search for {email} among our customers. // Put in an order of {qty} {sku}.
    """,
    held="""
    I need the customer number of {email}. // Now order {qty} {sku} for that customer.
    Which customer id belongs to {email}? // Please order {qty} {sku} for that id.
    """,
    pick=lambda d: d.person() | {"sku": d.sku(), "qty": d.number(1, 20)},
)
def find_then_order(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield None
    yield [call("place_order", customer=customer, items=[{"sku": s["sku"], "qty": s["qty"]}])]


@family(
    "ticket_then_note",
    MULTI,
    log="""
    Open a ticket for {customer}: "{subject}". // Add the note "{text}".
    New ticket, customer {customer}, "{subject}". // Write "{text}" on it.
    Log "{subject}" for {customer} as a ticket. // Remember "{text}" there.
    {customer} complains: "{subject}". Ticket please. // Jot down "{text}" on it.
    """,
    held="""
    {customer} writes "{subject}", open a ticket. // Note on it: "{text}".
    Please file "{subject}" as a ticket of {customer}. // Also note "{text}".
    """,
    pick=lambda d: {"customer": d.customer("1"), "subject": d.subject(), "text": d.remark()},
)
def ticket_then_note(s: Slots) -> Way:
    opened = yield [call("open_ticket", customer=s["customer"], subject=s["subject"])]
    ticket = opened[0].data["ticket"]
    yield None
    yield [call("add_note", ticket=ticket, text=s["text"])]


@family(
    "unpaid_then_remind",
    MULTI,
    log="""
    Which invoices of {customer} are unpaid? // Remind them of the first by {channel}.
    Show me only unpaid invoices of {customer}. // Reminder by {channel} on the first.
    Any invoices of {customer} that are unpaid? // Nudge them by {channel} about the first.
    Find unpaid invoices to {customer}. // The first needs a {channel} reminder.
    """,
    held="""
    List the unpaid invoices of {customer}. // Send a {channel} reminder for the first one.
    Does {customer} have unpaid invoices? // For the first, remind by {channel}.
    """,
    pick=lambda d: {
        "customer": d.customer(
            "EXISTS (SELECT 1 FROM invoices i WHERE i.customer = c.customer AND i.status = 'unpaid')"
        ),
        "channel": d.choice(("email", "sms", "letter")),
    },
)
def unpaid_then_remind(s: Slots) -> Way:
    listed = yield [call("list_invoices", customer=s["customer"], status="unpaid")]
    invoices = listed[0].data["invoices"]
    yield None
    yield [call("send_reminder", invoice=invoices[0], channel=s["channel"])]


@family(
    "reserve_then_release",
    MULTI,
    log="""
    Reserve {qty} {sku} in {wh}. // Sorry, release it again.
    Set aside {qty} {sku} at {wh}. // That was wrong, drop the reservation.
    Earmark {qty} {sku} in {wh}. // Undo that, please.
    Hold back {qty} {sku} at {wh}. // Changed my mind, put them back.
    """,
    held="""
    Keep {qty} {sku} in {wh} for me. // No longer needed, release it.
    Please reserve {qty} x {sku}, warehouse {wh}. // Cancel that reservation please.
    """,
    pick=lambda d: d.stocked(),
)
def reserve_then_release(s: Slots) -> Way:
    kept = yield [call("reserve_stock", sku=s["sku"], qty=s["qty"], warehouse=s["wh"])]
    reservation = kept[0].data["reservation"]
    yield None
    yield [call("release_stock", reservation=reservation)]


@family(
    "stock_then_move",
    MULTI,
    log="""
    How many {sku} are in {wh}? // Move {qty} of them to {target}.
    Stock of {sku}, warehouse {wh}? // Send {qty} over to {target}.
    Does {wh} still have {sku}? // Bring {qty} to {target} then.
    How much {sku} is left in {wh}? // Take out {qty} and put them in {target}.
    """,
    held="""
    Check the stock of {sku} in {wh}. // Transfer {qty} to {target}.
    What does {wh} hold of {sku}? // {target} needs {qty} of them.
    """,
    pick=lambda d: (
        (stocked := d.stocked())
        | {"target": d.choice([w for w in ("north", "south", "east", "west") if w != stocked["wh"]])}
    ),
)
def stock_then_move(s: Slots) -> Way:
    yield [call("check_stock", sku=s["sku"], warehouse=s["wh"])]
    yield None
    yield [call("move_stock", sku=s["sku"], qty=s["qty"], source=s["wh"], target=s["target"])]


@family(
    "parallel_then_assign",
    Category.PARALLEL_CALLS,
    log="""
    Show tickets {ticket} and {ticket2}. // Assign both to {agent}.
    Are {ticket} and {ticket2} open? // Give both to {agent}.
    Give me the details of {ticket} and {ticket2}. // Hand the two over to {agent}.
    Look at {ticket} and {ticket2}. // {agent} should handle both.
    """,
    held="""
    What is the state of {ticket} and {ticket2}? // Both go to {agent}.
    Pull up {ticket} and {ticket2}. // {agent} takes the two.
    """,
    pick=lambda d: {"ticket": (two := d.tickets(2))[0], "ticket2": two[1], "agent": d.agent()},
)
def parallel_then_assign(s: Slots) -> Way:
    both = (s["ticket"], s["ticket2"])
    yield [call("get_ticket", ticket=ticket) for ticket in both]
    yield None
    yield [call("assign_ticket", ticket=ticket, agent=s["agent"]) for ticket in both]
