"""One call about a ticket."""

from __future__ import annotations

from helpdesk.family import direct

direct(
    "get_ticket",
    ("get_ticket", "ticket"),
    log="""
    Show ticket {ticket}.
    Is {ticket} still open?
    Give me the details of ticket {ticket}.
    Who has ticket {ticket}?
    Pull up ticket {ticket}.
    Which customer is {ticket} from?
    Look at {ticket} for me.
    What is the state of {ticket}?
    Can you show me {ticket}?
    Let me see ticket {ticket}.
    Check ticket {ticket} for me.
    What is {ticket} about?
    I need the details of {ticket}.
    """,
    held="""
    What is the state of ticket {ticket}?
    Look up ticket {ticket}.
    """,
    pick=lambda d: {"ticket": d.ticket("status != 'merged'")},
)


direct(
    "set_priority",
    ("set_priority", "ticket priority"),
    log="""
    Set {ticket} to {priority} priority.
    {ticket} should have priority {priority}.
    Priority {priority} for {ticket}.
    Treat {ticket} with {priority} priority.
    {ticket} counts as {priority} priority from now on.
    Put {ticket} down as {priority} priority.
    Make {ticket} {priority} priority.
    Can you set {ticket} to {priority} priority?
    {ticket} is {priority} priority.
    Change {ticket} to priority {priority}.
    {priority} priority for ticket {ticket}.
    The priority of {ticket} is {priority} now.
    Give ticket {ticket} the priority {priority}.
    """,
    held="""
    Change the priority of {ticket} to {priority}.
    Give {ticket} {priority} priority.
    """,
    pick=lambda d: {"ticket": d.ticket(), "priority": d.choice(("low", "normal", "high"))},
)


direct(
    "add_note",
    ("add_note", "ticket text"),
    log="""
    Note on {ticket}: "{text}".
    Write "{text}" on ticket {ticket}.
    Put the note "{text}" on {ticket}.
    {ticket} needs the note "{text}".
    Remember "{text}" on {ticket}.
    {ticket} needs the remark "{text}".
    Jot down "{text}" for ticket {ticket}.
    For {ticket}, please note "{text}".
    Can you note "{text}" on {ticket}?
    Please add "{text}" to {ticket}.
    Ticket {ticket}: note "{text}".
    Add a note on {ticket}: "{text}".
    Put "{text}" into the notes of {ticket}.
    """,
    held="""
    Add a note "{text}" to {ticket}.
    Please put the note "{text}" on {ticket}.
    """,
    pick=lambda d: {"ticket": d.ticket("status != 'merged'"), "text": d.remark()},
)


direct(
    "close_ticket",
    ("close_ticket", "ticket resolution"),
    log="""
    Close {ticket} as {resolution}.
    Ticket {ticket} can be closed, {resolution}.
    Mark {ticket} {resolution} and close it.
    We are done with {ticket}, close it as {resolution}.
    We are done with {ticket}, {resolution}.
    Finish {ticket} as {resolution}.
    {ticket} is over and {resolution}, shut it.
    Can you close {ticket}? It is {resolution}.
    {ticket} can be closed as {resolution}.
    Close ticket {ticket}, it is {resolution}.
    {ticket} is done, {resolution}. Close it.
    Please close {ticket} as {resolution}.
    """,
    held="""
    {ticket} is {resolution}, close it.
    Please close {ticket}, resolution {resolution}.
    """,
    pick=lambda d: {
        "ticket": d.ticket("status = 'open' AND agent IS NOT NULL"),
        "resolution": d.choice(("solved", "duplicate", "rejected")),
    },
)


direct(
    "tag_ticket",
    ("tag_ticket", "ticket tags"),
    log="""
    Tag {ticket} with {tag} and {tag2}.
    {ticket} gets the tags {tag}, {tag2}.
    Tags for {ticket}: {tag}, {tag2}.
    Mark {ticket} with the tags {tag} and {tag2}.
    {ticket} belongs under {tag} and {tag2}, tag it.
    Add {tag} and {tag2} as tags of {ticket}.
    Label {ticket} {tag} and {tag2}.
    Can you tag {ticket} with {tag} and {tag2}?
    {tag} and {tag2} are the tags for {ticket}.
    Ticket {ticket} needs the tags {tag}, {tag2}.
    Set the tags {tag} and {tag2} on {ticket}.
    Please put {tag}, {tag2} as tags on {ticket}.
    """,
    held="""
    Put the tags {tag} and {tag2} on {ticket}.
    Please tag {ticket}: {tag}, {tag2}.
    """,
    pick=lambda d: {
        "ticket": d.ticket(),
        "tags": (tags := d.sample(("billing", "delivery", "quality", "legal", "vip"), 2)),
        "tag": tags[0],
        "tag2": tags[1],
    },
)
