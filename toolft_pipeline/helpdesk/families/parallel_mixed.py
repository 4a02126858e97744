"""Several calls of different tools in one turn."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct

direct(
    "hold_and_release",
    ("hold_order", "order"),
    ("release_order", "order=order2"),
    log="""
    Hold {order} and release {order2}.
    {order} has to wait, but release {order2}.
    Swap the hold: {order} on hold, {order2} off.
    Freeze {order}, let {order2} proceed.
    {order} stays back for now while {order2} may move again.
    """,
    held="""
    Put {order} on hold, and {order2} can go on.
    Pause {order}, lift the hold on {order2}.
    """,
    pick=lambda d: {
        "order": d.order("status IN ('new', 'paid', 'packed') AND held = 0"),
        "order2": d.order("held = 1"),
    },
)


direct(
    "tag_and_note",
    ("tag_ticket", "ticket tags"),
    ("add_note", "ticket text"),
    log="""
    Tag {ticket} with {tag} and note "{text}".
    {ticket} gets the tag {tag} and the note "{text}".
    Put the tag {tag} and a note "{text}" on {ticket}.
    Mark {ticket} with the tag {tag} and remember "{text}" there.
    {ticket} belongs under {tag}, and jot down "{text}" on it.
    """,
    held="""
    On {ticket}: tag {tag}, note "{text}".
    Write "{text}" on {ticket} and tag it {tag}.
    """,
    pick=lambda d: {
        "ticket": d.ticket(),
        "tags": [tag := d.choice(("billing", "delivery", "quality", "legal", "vip"))],
        "tag": tag,
        "text": d.remark(),
    },
)


direct(
    "assign_and_prioritize",
    ("assign_ticket", "ticket agent"),
    ("set_priority", "ticket priority"),
    log="""
    Assign {ticket} to {agent} with {priority} priority.
    {agent} takes {ticket}, priority {priority}.
    Set {ticket} to {priority} priority and assign it to {agent}.
    Hand {ticket} to {agent} as {priority} priority.
    {agent} should handle {ticket}, which counts as {priority} priority.
    """,
    held="""
    Give {ticket} to {agent} and make it {priority} priority.
    {ticket}: agent {agent}, priority {priority}.
    """,
    pick=lambda d: {"ticket": d.ticket(), "agent": d.agent(), "priority": d.choice(("low", "normal", "high"))},
)


direct(
    "track_and_bill",
    ("track_order", "order"),
    ("get_invoice", "invoice"),
    log="""
    Where is {order}, and is {invoice} paid?
    Is {invoice} paid, and where is {order}?
    Check on parcel {order} and on bill {invoice}.
    How far has {order} got, and what does {invoice} come to?
    Locate {order} and look at {invoice}.
    """,
    held="""
    Track {order} and show invoice {invoice}.
    I need the place of {order} and the status of {invoice}.
    """,
    pick=lambda d: {"order": d.order("status IN ('shipped', 'delivered')"), "invoice": d.invoice("1")},
)


direct(
    "customer_overview",
    ("list_orders", "customer"),
    ("list_tickets", "customer"),
    ("list_invoices", "customer"),
    log="""
    Give me the overview of {customer}.
    I need the full overview of {customer}.
    What is the overview of {customer}?
    The usual overview for {customer}.
    An overview of everything on {customer}, please.
    """,
    held="""
    Overview for {customer} please.
    Prepare an overview on {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1")},
)


direct(
    "welcome_back",
    ("unblock_customer", "customer"),
    ("set_tier", "customer tier"),
    log="""
    Unblock {customer} and set tier {tier}.
    Lift the block on {customer} and make it {tier}.
    Block of {customer} off, tier to {tier}.
    Make {customer} active again with tier {tier}.
    {customer} was blocked wrongly; undo it and grant {tier}.
    """,
    held="""
    {customer} may buy again, in tier {tier}.
    Let {customer} order again as {tier} customer.
    """,
    pick=lambda d: {"customer": d.customer("status = 'blocked'"), "tier": d.choice(("basic", "silver"))},
)
