"""The user changes their mind: no, the other one."""

from __future__ import annotations

from helpdesk.family import Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

MULTI = Category.MULTI_STEP
PRIORITIES = ("low", "normal", "high")


@family(
    "priority_corrected",
    MULTI,
    log="""
    Set the priority of {ticket} to {priority}. // No, sorry, {priority2}.
    {ticket} gets priority {priority}. // I meant {priority2}.
    Make {ticket} {priority} priority. // Wrong, it has to be {priority2}.
    Priority {priority} for {ticket}. // Hm, better {priority2}.
    Give {ticket} the priority {priority}. // No no, {priority2} please.
    """,
    held="""
    Please put {ticket} on priority {priority}. // My mistake, {priority2}.
    {ticket}, priority {priority}. // Stop, it should be {priority2}.
    """,
    pick=lambda d: {"ticket": d.ticket(), "priority": (two := d.sample(PRIORITIES, 2))[0], "priority2": two[1]},
)
def priority_corrected(s: Slots) -> Way:
    yield [call("set_priority", ticket=s["ticket"], priority=s["priority"])]
    yield None
    yield [call("set_priority", ticket=s["ticket"], priority=s["priority2"])]


@family(
    "delivery_corrected",
    MULTI,
    log="""
    Deliver {order} on {day}. // No, on {day2}.
    {order} should come on {day}. // Sorry, I meant {day2}.
    Set the delivery of {order} to {day}. // The customer now says {day2}.
    Delivery day of {order}: {day}. // Wrong day, {day2} please.
    Plan {order} for {day}. // Actually {day2} is better.
    """,
    held="""
    Please have {order} delivered on {day}. // Oh, make that {day2}.
    {day} is the delivery day of {order}. // I misread, it is {day2}.
    """,
    pick=lambda d: {
        "order": d.order("status IN ('new', 'paid', 'packed')"),
        "day": (day := d.open_day()),
        "day2": d.choice([each for each in (d.open_day(), d.open_day(), d.open_day()) if each != day]),
    },
)
def delivery_corrected(s: Slots) -> Way:
    yield [call("set_delivery", order=s["order"], window={"day": s["day"]})]
    yield None
    yield [call("set_delivery", order=s["order"], window={"day": s["day2"]})]


@family(
    "other_invoice",
    MULTI,
    log="""
    I have {invoice} and {invoice2} here. Show {invoice}. // No, the other one.
    Of {invoice} and {invoice2}, how is {invoice} doing? // Sorry, the other one.
    {invoice}, not {invoice2}: is it paid? // Ah no, I need the other.
    There are {invoice} and {invoice2}. Look at {invoice}. // The other one, I mean.
    """,
    held="""
    On my desk: {invoice} and {invoice2}. Open {invoice}. // Not that one, the other.
    Between {invoice} and {invoice2}, show me {invoice}. // Wrong one, the other please.
    """,
    pick=lambda d: {"invoice": (two := d.invoices(2, "1"))[0], "invoice2": two[1]},
)
def other_invoice(s: Slots) -> Way:
    yield [call("get_invoice", invoice=s["invoice"])]
    yield None
    yield [call("get_invoice", invoice=s["invoice2"])]
