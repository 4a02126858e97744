"""One call about a ticket."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct

direct(
    "open_ticket",
    ("open_ticket", "customer subject"),
    answer=lambda s, r: f"Ticket {r[0].data['ticket']} is open.",
    log="""
    Open a ticket for {customer}: "{subject}".
    {customer} writes "{subject}", open a ticket.
    New ticket, customer {customer}, "{subject}".
    Please file "{subject}" as a ticket of {customer}.
    Make a ticket "{subject}" for {customer}.
    """,
    held="""
    {customer} complains: "{subject}". Ticket please.
    Log "{subject}" for {customer} as a ticket.
    Take this down as a ticket of {customer}: "{subject}".
    """,
    pick=lambda d: {"customer": d.customer("1"), "subject": d.subject()},
)


direct(
    "open_ticket_with_priority",
    ("open_ticket", "customer subject priority"),
    answer=lambda s, r: f"Ticket {r[0].data['ticket']} is open with {s['priority']} priority.",
    log="""
    Open a {priority} priority ticket for {customer}: "{subject}".
    {customer} writes "{subject}", open a ticket, priority {priority}.
    New ticket with {priority} priority, customer {customer}, "{subject}".
    Please file "{subject}" for {customer}, {priority} priority.
    Make a ticket "{subject}" for {customer}, priority {priority}.
    """,
    held="""
    {customer} complains: "{subject}". Ticket with {priority} priority please.
    Log "{subject}" for {customer} as a {priority} priority ticket.
    A ticket of {priority} priority for {customer}: "{subject}".
    """,
    pick=lambda d: {"customer": d.customer("1"), "subject": d.subject(), "priority": d.choice(("low", "high"))},
)


direct(
    "get_ticket",
    ("get_ticket", "ticket"),
    answer=lambda s, r: f"{s['ticket']} is {r[0].data['status']}, from {r[0].data['customer']}.",
    log="""
    Show ticket {ticket}.
    Who has ticket {ticket}?
    Is {ticket} still open?
    What is the state of {ticket}?
    Pull up ticket {ticket}.
    """,
    held="""
    Give me the details of ticket {ticket}.
    Which customer is {ticket} from?
    Look at {ticket} for me.
    """,
    pick=lambda d: {"ticket": d.ticket("status != 'merged'")},
)


direct(
    "list_tickets",
    ("list_tickets", "customer"),
    answer=lambda s, r: f"Tickets of {s['customer']}: {', '.join(r[0].data['tickets']) or 'none'}.",
    log="""
    List the tickets of {customer}.
    Which tickets does {customer} have?
    Show all tickets of {customer}.
    What has {customer} complained about so far?
    I need every ticket of {customer}.
    """,
    held="""
    Give me the ticket history of {customer}.
    What tickets are there for {customer}?
    All tickets from {customer}, please.
    """,
    pick=lambda d: {"customer": d.customer("1")},
)


direct(
    "list_tickets_by_status",
    ("list_tickets", "customer status"),
    answer=lambda s, r: f"Tickets {s['status']}: {', '.join(r[0].data['tickets']) or 'none'}.",
    log="""
    List the {status} tickets of {customer}.
    Which tickets of {customer} are {status}?
    Does {customer} have {status} tickets?
    Show me only {status} tickets of {customer}.
    How many {status} tickets has {customer}?
    """,
    held="""
    Any tickets of {customer} that are {status}?
    Of the tickets of {customer}, give me the {status} ones.
    Find {status} tickets from {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1"), "status": d.choice(("open", "closed"))},
)


direct(
    "assign_ticket",
    ("assign_ticket", "ticket agent"),
    answer="{agent} has {ticket} now.",
    log="""
    Assign {ticket} to {agent}.
    Give {ticket} to {agent}.
    {agent} takes ticket {ticket}.
    {ticket} is for {agent}.
    Let {agent} look after {ticket}.
    """,
    held="""
    Hand {ticket} over to {agent}.
    {agent} should handle {ticket}.
    Pass ticket {ticket} on to {agent}.
    """,
    pick=lambda d: {"ticket": d.ticket(), "agent": d.agent()},
)


direct(
    "set_priority",
    ("set_priority", "ticket priority"),
    answer="{ticket} has {priority} priority.",
    log="""
    Set {ticket} to {priority} priority.
    Change the priority of {ticket} to {priority}.
    {ticket} should have priority {priority}.
    Make {ticket} {priority} priority.
    Priority {priority} for {ticket}.
    """,
    held="""
    {ticket} counts as {priority} priority from now on.
    Treat {ticket} with {priority} priority.
    Put {ticket} down as {priority} priority.
    """,
    pick=lambda d: {"ticket": d.ticket(), "priority": d.choice(("low", "normal", "high"))},
)


direct(
    "add_note",
    ("add_note", "ticket text"),
    answer="The note is on {ticket}.",
    log="""
    Note on {ticket}: "{text}".
    Add a note "{text}" to {ticket}.
    Write "{text}" on ticket {ticket}.
    For {ticket}, please note "{text}".
    Put the note "{text}" on {ticket}.
    """,
    held="""
    Remember "{text}" on {ticket}.
    {ticket} needs the remark "{text}".
    Jot down "{text}" for ticket {ticket}.
    """,
    pick=lambda d: {"ticket": d.ticket("status != 'merged'"), "text": d.remark()},
)


direct(
    "close_ticket",
    ("close_ticket", "ticket resolution"),
    answer="{ticket} is closed as {resolution}.",
    log="""
    Close {ticket} as {resolution}.
    {ticket} is {resolution}, close it.
    Ticket {ticket} can be closed, {resolution}.
    Please close {ticket}, resolution {resolution}.
    Mark {ticket} {resolution} and close it.
    """,
    held="""
    We are done with {ticket}, {resolution}.
    Finish {ticket} as {resolution}.
    {ticket} is over and {resolution}, shut it.
    """,
    pick=lambda d: {
        "ticket": d.ticket("status = 'open' AND agent IS NOT NULL"),
        "resolution": d.choice(("solved", "duplicate", "rejected")),
    },
)


direct(
    "reopen_ticket",
    ("reopen_ticket", "ticket"),
    answer="{ticket} is open again.",
    log="""
    Reopen {ticket}.
    Open {ticket} again.
    {ticket} was closed too early, reopen it.
    The problem of {ticket} is back, open it again.
    Ticket {ticket} is not done, reopen please.
    """,
    held="""
    Bring {ticket} back to life.
    {ticket} is not solved after all, reopen.
    Undo the closing of {ticket}.
    """,
    pick=lambda d: {"ticket": d.ticket("status = 'closed'")},
)


direct(
    "link_order",
    ("link_order", "ticket order"),
    answer="{ticket} is linked to {order}.",
    log="""
    Link {ticket} to {order}.
    {ticket} is about order {order}, link them.
    Connect ticket {ticket} with {order}.
    Attach {order} to {ticket}.
    {ticket} belongs to order {order}.
    """,
    held="""
    Tie {ticket} to order {order}.
    Record that {ticket} concerns {order}.
    The order behind {ticket} is {order}, link it.
    """,
    pick=lambda d: {
        "ticket": (
            row := d.row(
                "SELECT ticket, o.order_id FROM tickets t JOIN orders o USING (customer) "
                "WHERE t.status = 'open' AND o.status != 'moved' ORDER BY 1, 2"
            )
        )["ticket"],
        "order": row["order_id"],
    },
)


direct(
    "tag_ticket",
    ("tag_ticket", "ticket tags"),
    answer="{ticket} is tagged {tag} and {tag2}.",
    log="""
    Tag {ticket} with {tag} and {tag2}.
    Put the tags {tag} and {tag2} on {ticket}.
    {ticket} gets the tags {tag}, {tag2}.
    Label {ticket} {tag} and {tag2}.
    Tags for {ticket}: {tag}, {tag2}.
    """,
    held="""
    Mark {ticket} with the tags {tag} and {tag2}.
    {ticket} belongs under {tag} and {tag2}, tag it.
    Add {tag} and {tag2} as tags of {ticket}.
    """,
    pick=lambda d: {
        "ticket": d.ticket(),
        "tags": (tags := d.sample(("billing", "delivery", "quality", "legal", "vip"), 2)),
        "tag": tags[0],
        "tag2": tags[1],
    },
)


direct(
    "merge_tickets",
    ("merge_tickets", "keep merge"),
    answer="{other} is merged into {keep}.",
    log="""
    Merge {other} into {keep}.
    {other} is the same as {keep}, keep {keep}.
    Keep {keep} and merge {other} into it.
    Fold ticket {other} into {keep}.
    {other} duplicates {keep}, merge it there.
    """,
    held="""
    Join {other} with {keep}, which stays.
    {keep} stays and takes in {other}.
    Put ticket {other} together with {keep}, keeping {keep}.
    """,
    pick=lambda d: {
        "keep": (
            row := d.row(
                "SELECT a.ticket a, b.ticket b FROM tickets a JOIN tickets b ON a.customer = b.customer "
                "AND a.ticket != b.ticket AND a.status = 'open' AND b.status = 'open' ORDER BY 1, 2"
            )
        )["a"],
        "other": row["b"],
        "merge": [row["b"]],
    },
)
