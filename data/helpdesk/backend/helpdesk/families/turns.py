"""Conversations of several user turns: what was missing, what comes next."""

from __future__ import annotations

from helpdesk.families.where import OPEN
from helpdesk.family import Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

MULTI, SINGLE = Category.MULTI_STEP, Category.SINGLE_CALL


@family(
    "assign_after_question",
    SINGLE,
    log="""
    Assign {ticket}. // To {agent}.
    Give {ticket} to somebody. // {agent} takes it.
    Find an agent for {ticket}. // {agent} please.
    {ticket} needs somebody. // Assign {agent}.
    Find an agent for {ticket}. // Ask {agent}.
    Hand {ticket} over to a colleague. // It should be {agent}.
    {ticket} should be handled by someone. // Let {agent} do it.
    {ticket} needs an agent. // {agent}
    Somebody should look after {ticket}. // {agent} can.
    Who could take {ticket}? Assign it. // {agent} does.
    Can you assign {ticket}? // To {agent}, please.
    Assign ticket {ticket} please. // Give it to {agent}.
    {ticket} is without an agent, assign it. // {agent} will take it.
    Please give {ticket} to an agent. // Then {agent}.
    """,
    held="""
    Please assign {ticket}. // To {agent} please.
    Find an agent for {ticket}, please. // {agent} takes this.
    """,
    pick=lambda d: {"ticket": d.ticket(), "agent": d.agent()},
)
def assign_after_question(s: Slots) -> Way:
    yield f"Who should have {s['ticket']}?"
    yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]


@family(
    "look_then_cancel",
    MULTI,
    log="""
    Show order {order}. // Cancel it, it is {reason}.
    What is the status of {order}? // Then cancel it as {reason}.
    Pull up {order} please. // It is {reason}, cancel.
    Give me the details of order {order}. // Cancel that order as {reason}.
    Give me the details of order {order}. // Call it off, {reason}.
    Open {order} for me. // Stop it for good and cancel, {reason}.
    Can you show me {order}? // Please cancel it, {reason}.
    Check order {order} for me. // It is {reason}, cancel it.
    Let me see order {order}. // Cancel it because it is {reason}.
    Which items does {order} have? // Then cancel, it is {reason}.
    What is in {order}? // Cancel the order, {reason}.
    """,
    held="""
    Look up order {order}. // Please cancel it as {reason}.
    Show me what is in {order}. // All {reason}, cancel that order.
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
    Search for {email} among our customers. // They would like to buy {qty} {sku}.
    Whose address is {email}? // They would like to buy {qty} {sku}.
    Search for {email} among our customers. // Put in an order of {qty} {sku}.
    Which customer id belongs to {email}? // Please order {qty} {sku} for that id.
    Is {email} one of our customers? // Then order {qty} {sku} for them.
    What is the customer number behind {email}? // Order {qty} {sku} for this customer.
    Find {email}. // Now they want {qty} {sku}.
    Can you find the customer number for {email}? // Please place an order of {qty} {sku}.
    {email} wrote to us, which customer is that? // They need {qty} {sku}, order them.
    """,
    held="""
    I need the customer number of {email}. // Now order {qty} {sku} for that customer.
    Which customer belongs to {email}? // Please order {qty} {sku} for them.
    """,
    pick=lambda d: d.person() | {"sku": d.sku(), "qty": d.number(1, 20)},
)
def find_then_order(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    customer = found[0].data["customer"]
    yield None
    yield [call("place_order", customer=customer, items=[{"sku": s["sku"], "qty": s["qty"]}])]


@family(
    "unpaid_then_remind",
    MULTI,
    log="""
    Which invoices of {customer} are unpaid? // Remind them of the first by {channel}.
    Show me only unpaid invoices of {customer}. // Reminder by {channel} on the first.
    Any invoices of {customer} that are unpaid? // Send a {channel} reminder about the first.
    Find unpaid invoices to {customer}. // The first needs a {channel} reminder.
    Any invoices of {customer} that are unpaid? // Nudge them by {channel} about the first.
    Can you list the unpaid invoices of {customer}? // Remind them by {channel} of the first one.
    What has {customer} not paid yet? // A {channel} reminder for the first.
    Has {customer} any unpaid invoices? // Please send a {channel} reminder for the first.
    The unpaid invoices of {customer}, please. // The first one: remind by {channel}.
    Which invoices are unpaid by {customer}? // Send a reminder for the first one by {channel}.
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
    "stock_then_move",
    MULTI,
    log="""
    How many {sku} are in {wh}? // Move {qty} of them to {target}.
    What is the stock of {sku} in {wh}? // Move {qty} to {target}.
    Does {wh} still have {sku}? // Bring {qty} to {target} then.
    How much {sku} is left in {wh}? // Take out {qty} and move them to {target}.
    Stock of {sku}, warehouse {wh}? // Send {qty} over to {target}.
    How much {sku} is left in {wh}? // Take out {qty} and put them in {target}.
    How many {sku} does {wh} hold? // Then move {qty} to {target}.
    Can you check the stock of {sku} in {wh}? // Please move {qty} of them to {target}.
    Is there {sku} in {wh}? // Move {qty} over there, to {target}.
    Stock of {sku} at {wh}, please. // {qty} of them go to {target}.
    Look how many {sku} there are in {wh}. // {target} wants {qty} of them.
    """,
    held="""
    Check the stock of {sku} in {wh}. // Move {qty} over to {target}.
    How many {sku} does {wh} have? // {target} needs {qty} of them.
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
    Give me the details of {ticket} and {ticket2}. // {agent} takes both.
    Who has {ticket}, and who has {ticket2}? // Assign the two to {agent}.
    Give me the details of {ticket} and {ticket2}. // Hand the two over to {agent}.
    Look at {ticket} and {ticket2}. // {agent} should handle both.
    Pull up {ticket} and {ticket2}. // {agent} takes the two.
    Can you show me {ticket} and {ticket2}? // Assign both of them to {agent}.
    Who is on {ticket} and {ticket2}? // They go to {agent}.
    Which agents have {ticket} and {ticket2}? // Give them to {agent}.
    Who has tickets {ticket} and {ticket2}? // {agent} takes them.
    Let me see {ticket} and {ticket2}. // Both are for {agent}.
    """,
    held="""
    Show me {ticket} and {ticket2}. // Both go to {agent}.
    Who has {ticket} and {ticket2}? // Assign them to {agent}.
    """,
    pick=lambda d: {"ticket": (two := d.tickets(2))[0], "ticket2": two[1], "agent": d.agent()},
)
def parallel_then_assign(s: Slots) -> Way:
    both = (s["ticket"], s["ticket2"])
    yield [call("get_ticket", ticket=ticket) for ticket in both]
    yield None
    yield [call("assign_ticket", ticket=ticket, agent=s["agent"]) for ticket in both]
