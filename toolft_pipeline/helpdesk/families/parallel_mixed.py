"""Several calls of different tools in one turn."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct

direct(
    "hold_and_release",
    ("hold_order", "order"),
    ("release_order", "order=order2"),
    answer="{order} is on hold, {order2} is released.",
    log="""
    Hold {order} and release {order2}.
    Put {order} on hold, and {order2} can go on.
    {order} has to wait, but release {order2}.
    Pause {order}, lift the hold on {order2}.
    Swap the hold: {order} on hold, {order2} off.
    """,
    held="""
    Freeze {order}, let {order2} proceed.
    {order} stays back for now while {order2} may move again.
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
    answer="{ticket} is tagged {tag} and has the note.",
    log="""
    Tag {ticket} with {tag} and note "{text}".
    On {ticket}: tag {tag}, note "{text}".
    {ticket} gets the tag {tag} and the note "{text}".
    Write "{text}" on {ticket} and tag it {tag}.
    Put the tag {tag} and a note "{text}" on {ticket}.
    """,
    held="""
    Mark {ticket} with the tag {tag} and remember "{text}" there.
    {ticket} belongs under {tag}, and jot down "{text}" on it.
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
    answer="{agent} has {ticket} with {priority} priority.",
    log="""
    Assign {ticket} to {agent} with {priority} priority.
    Give {ticket} to {agent} and make it {priority} priority.
    {agent} takes {ticket}, priority {priority}.
    {ticket}: agent {agent}, priority {priority}.
    Set {ticket} to {priority} priority and assign it to {agent}.
    """,
    held="""
    Hand {ticket} to {agent} as {priority} priority.
    {agent} should handle {ticket}, which counts as {priority} priority.
    """,
    pick=lambda d: {"ticket": d.ticket(), "agent": d.agent(), "priority": d.choice(("low", "normal", "high"))},
)


direct(
    "track_and_bill",
    ("track_order", "order"),
    ("get_invoice", "invoice"),
    answer=lambda s, r: f"{s['order']} is in {r[0].data['place']}; {s['invoice']} is {r[1].data['status']}.",
    log="""
    Where is {order}, and is {invoice} paid?
    Track {order} and show invoice {invoice}.
    Is {invoice} paid, and where is {order}?
    I need the place of {order} and the status of {invoice}.
    Check on parcel {order} and on bill {invoice}.
    """,
    held="""
    How far has {order} got, and what does {invoice} come to?
    Locate {order} and look at {invoice}.
    """,
    pick=lambda d: {"order": d.order("status IN ('shipped', 'delivered')"), "invoice": d.invoice("1")},
)


direct(
    "customer_overview",
    ("list_orders", "customer"),
    ("list_tickets", "customer"),
    ("list_invoices", "customer"),
    answer="That is all on {customer}.",
    log="""
    Give me the overview of {customer}.
    Overview for {customer} please.
    I need the full overview of {customer}.
    Prepare an overview on {customer}.
    What is the overview of {customer}?
    """,
    held="""
    The usual overview for {customer}.
    An overview of everything on {customer}, please.
    """,
    pick=lambda d: {"customer": d.customer("1")},
)


direct(
    "welcome_back",
    ("unblock_customer", "customer"),
    ("set_tier", "customer tier"),
    answer="{customer} is active, tier {tier}.",
    log="""
    Unblock {customer} and set tier {tier}.
    {customer} may buy again, in tier {tier}.
    Lift the block on {customer} and make it {tier}.
    Let {customer} order again as {tier} customer.
    Block of {customer} off, tier to {tier}.
    """,
    held="""
    Make {customer} active again with tier {tier}.
    {customer} was blocked wrongly; undo it and grant {tier}.
    """,
    pick=lambda d: {"customer": d.customer("status = 'blocked'"), "tier": d.choice(("basic", "silver"))},
)
