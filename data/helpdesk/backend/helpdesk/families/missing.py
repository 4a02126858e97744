"""Something is missing that a call needs: the agent asks for it, and the user says it."""

from __future__ import annotations

from helpdesk.families.where import OPEN
from helpdesk.family import Say, Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

SINGLE = Category.SINGLE_CALL


@family(
    "assign_after_question",
    SINGLE,
    log="""
    Assign {ticket}. // To {agent}.
    Give {ticket} to somebody. // {agent} takes it.
    {ticket} needs somebody. // Assign {agent}.
    Find an agent for {ticket}. // Ask {agent}.
    Hand {ticket} over to a colleague. // It should be {agent}.
    {ticket} should be handled by someone. // Let {agent} do it.
    Somebody should look after {ticket}. // {agent} can.
    Who could take {ticket}? Assign it. // {agent} does.
    """,
    held="""
    Please assign {ticket}. // To {agent} please.
    Find an agent for {ticket}, please. // {agent} takes this.
    """,
    pick=lambda d: {"ticket": d.ticket(), "agent": d.agent()},
)
def assign_after_question(s: Slots) -> Way:
    yield Say("ask_agent", {"ticket": s["ticket"]}, "asked_back")
    yield [call("assign_ticket", ticket=s["ticket"], agent=s["agent"])]


@family(
    "cancel_after_reason",
    SINGLE,
    log="""
    Cancel {order}. // It is {reason}.
    {order} has to be cancelled. // Reason: {reason}.
    Please cancel order {order}. // {reason}
    Call {order} off. // Because it is {reason}.
    I want {order} cancelled. // The goods are {reason}.
    """,
    held="""
    Order {order} should be cancelled. // Put {reason} as the reason.
    Can you cancel {order} for me? // {reason}, says the customer.
    """,
    pick=lambda d: {"order": d.order(OPEN), "reason": d.reason()},
)
def cancel_after_reason(s: Slots) -> Way:
    yield Say("ask_reason", {"order": s["order"]}, "asked_back")
    yield [call("cancel_order", order=s["order"], reason=s["reason"])]


@family(
    "remind_after_channel",
    SINGLE,
    log="""
    Remind the customer of {invoice}. // By {channel}.
    Send a reminder about {invoice}. // {channel} please.
    {invoice} is late, remind them. // Use {channel}.
    We wait for the money of {invoice}, send a reminder. // By {channel} this time.
    A reminder for {invoice}. // As {channel}.
    """,
    held="""
    {invoice} needs a reminder. // Do it by {channel}.
    Please remind them about {invoice}. // {channel} is fine.
    """,
    pick=lambda d: {"invoice": d.invoice(), "channel": d.choice(("email", "sms", "letter"))},
)
def remind_after_channel(s: Slots) -> Way:
    yield Say("ask_channel", {"invoice": s["invoice"]}, "asked_back")
    yield [call("send_reminder", invoice=s["invoice"], channel=s["channel"])]


@family(
    "order_after_quantity",
    SINGLE,
    log="""
    {customer} wants some {sku}, place an order. // {qty}.
    Order {sku} for {customer}. // {qty} of them.
    New order for {customer}: {sku}. // {qty} pieces.
    Please order {sku}, customer {customer}. // Make it {qty}.
    {customer} would like to buy {sku}. // {qty} please.
    """,
    held="""
    Put in an order of {sku} for {customer}. // They want {qty}.
    {customer} needs {sku}, please order. // Take {qty}.
    """,
    pick=lambda d: {"customer": d.customer(), "sku": d.sku(), "qty": d.number(2, 20)},
)
def order_after_quantity(s: Slots) -> Way:
    yield Say("ask_quantity", {"sku": s["sku"], "customer": s["customer"]}, "asked_back")
    yield [call("place_order", customer=s["customer"], items=[{"sku": s["sku"], "qty": s["qty"]}])]
