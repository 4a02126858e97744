"""Sequences of tools that no log has: their first step is logged with another second one, and the other way round."""

from __future__ import annotations

from helpdesk.families.lists import ids, open_tickets, unpaid_invoices
from helpdesk.family import Level, Slots, Way, call, family
from toolft_pipeline.trajectories.category import Category

MULTI, PARALLEL = Category.MULTI_STEP, Category.PARALLEL_CALLS
NEW = Level.NEW_COMPOSITION
NO_UNPAID = "NOT EXISTS (SELECT 1 FROM invoices i WHERE i.customer = c.customer AND i.status = 'unpaid')"


@family(
    "tier_by_mail",
    MULTI,
    level=NEW,
    held="""
    {email} should be in tier {tier}.
    Make {email} a {tier} customer.
    Put the customer {email} into {tier}.
    """,
    pick=lambda d: d.person(f"status = 'active' AND {NO_UNPAID}") | {"tier": d.choice(("basic", "silver", "gold"))},
)
def tier_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    yield [call("set_tier", customer=found[0].data["customer"], tier=s["tier"])]


@family(
    "unblock_by_mail",
    MULTI,
    level=NEW,
    held="""
    {email} may buy again, please unblock.
    Please take the block off {email}.
    The account of {email} is to be unblocked.
    """,
    pick=lambda d: d.person("status = 'blocked'"),
)
def unblock_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    yield [call("unblock_customer", customer=found[0].data["customer"])]


@family(
    "invoices_by_mail",
    MULTI,
    level=NEW,
    held="""
    Which invoices does {email} have?
    List the invoices of {email}.
    The invoices of {email}, please.
    """,
    pick=lambda d: d.person(
        "status = 'active' AND (SELECT count(*) FROM invoices i WHERE i.customer = c.customer) BETWEEN 1 AND 4"
    ),
)
def invoices_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    yield [call("list_invoices", customer=found[0].data["customer"])]


@family(
    "tickets_by_mail",
    MULTI,
    level=NEW,
    held="""
    Which open tickets does {email} have?
    List the open tickets of {email}.
    What does {email} have open as tickets?
    """,
    pick=lambda d: d.person(f"status = 'active' AND {open_tickets(1, 3)}"),
)
def tickets_by_mail(s: Slots) -> Way:
    found = yield [call("find_customer", email=s["email"])]
    yield [call("list_tickets", customer=found[0].data["customer"], status="open")]


@family(
    "look_then_deliver",
    MULTI,
    level=NEW,
    held="""
    Look up order {order}. // Deliver it on {day}.
    Show me {order}. // That order should come on {day}.
    What is in {order}? // Set its delivery to {day}, please.
    """,
    pick=lambda d: {"order": d.order("status IN ('new', 'paid', 'packed', 'shipped')"), "day": d.open_day()},
)
def look_then_deliver(s: Slots) -> Way:
    yield [call("get_order", order=s["order"])]
    yield None
    yield [call("set_delivery", order=s["order"], window={"day": s["day"]})]


@family(
    "look_then_tag",
    MULTI,
    level=NEW,
    held="""
    Show me ticket {ticket}. // Tag that one with {tag} and {tag2}.
    Who has {ticket}? // Put the tags {tag} and {tag2} on it.
    How is {ticket} doing? // It gets the tags {tag} and {tag2}.
    """,
    pick=lambda d: {
        "ticket": d.ticket(),
        "tag": (two := d.sample(("billing", "delivery", "quality", "vip"), 2))[0],
        "tag2": two[1],
    },
)
def look_then_tag(s: Slots) -> Way:
    yield [call("get_ticket", ticket=s["ticket"])]
    yield None
    yield [call("tag_ticket", ticket=s["ticket"], tags=[s["tag"], s["tag2"]])]


@family(
    "look_then_remind",
    MULTI,
    level=NEW,
    held="""
    How much is invoice {invoice}? // Remind the customer of it by {channel}.
    Is {invoice} paid? // Then send a reminder by {channel}.
    Show {invoice}. // A {channel} reminder for that one, please.
    """,
    pick=lambda d: {"invoice": d.invoice(), "channel": d.choice(("email", "sms", "letter"))},
)
def look_then_remind(s: Slots) -> Way:
    yield [call("get_invoice", invoice=s["invoice"])]
    yield None
    yield [call("send_reminder", invoice=s["invoice"], channel=s["channel"])]


@family(
    "check_then_reserve",
    MULTI,
    level=NEW,
    held="""
    Check the stock of {sku} in {wh}. // Reserve {qty} of them there.
    How many {sku} does {wh} have? // Set {qty} of them aside in {wh}.
    Is there {sku} in {wh}? // Keep {qty} of them there for me, reserved.
    """,
    pick=lambda d: d.stocked(),
)
def check_then_reserve(s: Slots) -> Way:
    yield [call("check_stock", sku=s["sku"], warehouse=s["wh"])]
    yield None
    yield [call("reserve_stock", sku=s["sku"], qty=s["qty"], warehouse=s["wh"])]


@family(
    "cancel_the_new_one",
    MULTI,
    level=NEW,
    held="""
    Which new orders does {customer} have? // Cancel the {nth} one, it is {reason}.
    List the orders of {customer} in status new. // The {nth} is {reason}, cancel that.
    New orders of {customer}? // Please cancel the {nth}, reason {reason}.
    """,
    pick=lambda d: {
        "customer": d.customer(
            "(SELECT count(*) FROM orders o WHERE o.customer = c.customer AND o.status = 'new') BETWEEN 2 AND 4"
        ),
        "nth": d.choice(("first", "second")),
        "reason": d.reason(),
    },
)
def cancel_the_new_one(s: Slots) -> Way:
    listed = yield [call("list_orders", customer=s["customer"], status="new")]
    yield None
    order = ids(listed, "orders")[("first", "second").index(s["nth"])]
    yield [call("cancel_order", order=order, reason=s["reason"])]


@family(
    "assign_all_open",
    PARALLEL,
    level=NEW,
    held="""
    Assign all open tickets of {customer} to {agent}.
    {agent} takes every open ticket of {customer}.
    Give whatever {customer} has open to {agent}.
    """,
    pick=lambda d: {"customer": d.customer(open_tickets(2, 3)), "agent": d.agent()},
)
def assign_all_open(s: Slots) -> Way:
    found = yield [call("list_tickets", customer=s["customer"], status="open")]
    yield [call("assign_ticket", ticket=each, agent=s["agent"]) for each in ids(found, "tickets")]


@family(
    "discount_the_unpaid_one",
    MULTI,
    level=NEW,
    held="""
    Give {customer} {percent} percent off the unpaid invoice.
    The unpaid invoice of {customer} gets a discount of {percent} percent.
    Take {percent} percent off what {customer} has not paid yet.
    """,
    pick=lambda d: {"customer": d.customer(unpaid_invoices(1, 1)), "percent": d.number(1, 5)},
)
def discount_the_unpaid_one(s: Slots) -> Way:
    listed = yield [call("list_invoices", customer=s["customer"], status="unpaid")]
    yield [call("apply_discount", invoice=ids(listed, "invoices")[0], percent=s["percent"])]


@family(
    "unpaid_then_hold",
    MULTI,
    level=NEW,
    held="""
    Is {invoice} paid? // Then put its order on hold.
    How much is open on {invoice}? // Hold the order that it belongs to.
    Show {invoice}. // The order of that invoice has to wait, hold it.
    """,
    pick=lambda d: {
        "invoice": d.invoice(
            "i.status = 'unpaid' AND EXISTS (SELECT 1 FROM orders o WHERE o.order_id = i.order_id "
            "AND o.held = 0 AND o.status IN ('new', 'paid', 'packed'))"
        )
    },
)
def unpaid_then_hold(s: Slots) -> Way:
    shown = yield [call("get_invoice", invoice=s["invoice"])]
    yield None
    yield [call("hold_order", order=shown[0].data["order"])]
