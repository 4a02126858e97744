"""Conversations of several user turns: what was missing, what comes next."""

from __future__ import annotations

from helpdesk.families.where import OPEN
from helpdesk.family import Slots, Way, call, direct, family
from toolft_pipeline.trajectories.category import Category

MULTI = Category.MULTI_STEP


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


@family(
    "many_requests",
    MULTI,
    log="""
    Show order {order}. // And {ticket}? // Priority {priority} for that ticket. // Note on it: "{note}". // \
    How many {sku} are there? // Now {invoice}. // And who is {customer}?
    First {order} please. // Now ticket {ticket}. // Set it to {priority}. // Write down on that ticket: "{note}". // \
    Stock of {sku}? // Then {invoice}. // Last one: {customer}.
    """,
    held="""
    Begin with order {order}. // Next {ticket}. // Its priority should be {priority}. // \
    Add to that ticket: "{note}". // Count the {sku}. // Look at {invoice}. // Finally {customer}.
    """,
    pick=lambda d: {
        "order": d.order(),
        "ticket": d.ticket(),
        "priority": d.choice(("low", "normal", "high")),
        "note": d.remark(),
        "sku": d.sku(),
        "invoice": d.invoice("1"),
        "customer": d.customer("1"),
    },
)
def many_requests(s: Slots) -> Way:
    yield [call("get_order", order=s["order"])]
    yield None
    yield [call("get_ticket", ticket=s["ticket"])]
    yield None
    yield [call("set_priority", ticket=s["ticket"], priority=s["priority"])]
    yield None
    yield [call("add_note", ticket=s["ticket"], text=s["note"])]
    yield None
    yield [call("check_stock", sku=s["sku"])]
    yield None
    yield [call("get_invoice", invoice=s["invoice"])]
    yield None
    yield [call("get_customer", customer=s["customer"])]


direct(
    "long_ticket",
    ("get_ticket", "ticket"),
    log="""
    What is the story of {ticket}?
    Read me up on {ticket}.
    {ticket} is a long one, what is its state?
    Bring me up to date on {ticket}.
    What happened with {ticket} so far?
    How does it stand with {ticket}?
    """,
    held="""
    Tell me where {ticket} stands.
    What has become of {ticket}?
    """,
    pick=lambda d: {
        "ticket": d.ticket("(SELECT count(*) FROM notes n WHERE n.ticket = t.ticket) > 9"),
    },
)
