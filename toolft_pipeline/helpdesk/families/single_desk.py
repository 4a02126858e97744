"""One call about a ticket, a product or an invoice."""

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
direct(
    "check_stock",
    ("check_stock", "sku"),
    answer=lambda s, r: f"{s['sku']}: " + ", ".join(f"{qty} {wh}" for wh, qty in r[0].data.items()) + ".",
    log="""
    How many {sku} do we have?
    Check the stock of {sku}.
    Where do we have {sku}?
    Is {sku} in stock?
    What is the stock of {sku}?
    """,
    held="""
    Do we still have any {sku}?
    Count the {sku} in all warehouses.
    How much {sku} is left?
    """,
    pick=lambda d: {"sku": d.sku()},
)
direct(
    "check_stock_in_warehouse",
    ("check_stock", "sku warehouse=wh"),
    answer=lambda s, r: f"{r[0].data[s['wh']]} {s['sku']} in {s['wh']}.",
    log="""
    How many {sku} are in {wh}?
    Check the stock of {sku} in {wh}.
    Is there any {sku} in the {wh} warehouse?
    What does {wh} hold of {sku}?
    Stock of {sku}, warehouse {wh}?
    """,
    held="""
    Does {wh} still have {sku}?
    Count the {sku} in {wh}.
    How much {sku} is left in {wh}?
    """,
    pick=lambda d: {"sku": d.sku(), "wh": d.warehouse()},
)
direct(
    "receive_stock",
    ("receive_stock", "sku qty warehouse=wh"),
    answer=lambda s, r: f"{s['wh']} now has {r[0].data['qty']} {s['sku']}.",
    log="""
    {qty} {sku} arrived in {wh}.
    Book {qty} {sku} into {wh}.
    Receive {qty} {sku} at {wh}.
    The {wh} warehouse got {qty} {sku}.
    Delivery of {qty} {sku} for {wh}, book it.
    """,
    held="""
    {wh} took in {qty} {sku} today.
    Please add the {qty} {sku} that came to {wh}.
    A truck brought {qty} {sku} to {wh}.
    """,
    pick=lambda d: {"sku": d.sku(), "qty": d.number(5, 90), "wh": d.warehouse()},
)
direct(
    "move_stock",
    ("move_stock", "sku qty source target"),
    answer="{qty} {sku} moved to {target}.",
    log="""
    Move {qty} {sku} from {source} to {target}.
    Transfer {qty} {sku} from {source} to {target}.
    {target} needs {qty} {sku} from {source}.
    Send {qty} {sku} from {source} over to {target}.
    Shift {qty} {sku}, {source} to {target}.
    """,
    held="""
    Take {qty} {sku} out of {source} and put them in {target}.
    Bring {qty} {sku} to {target} from {source}.
    {source} gives {qty} {sku} to {target}.
    """,
    pick=lambda d: (
        (stocked := d.stocked())
        | {
            "source": stocked["wh"],
            "target": d.choice([w for w in ("north", "south", "east", "west") if w != stocked["wh"]]),
        }
    ),
)
direct(
    "reserve_stock",
    ("reserve_stock", "sku qty warehouse=wh"),
    answer=lambda s, r: f"Reserved under {r[0].data['reservation']}.",
    log="""
    Reserve {qty} {sku} in {wh}.
    Keep {qty} {sku} in {wh} for me.
    Set aside {qty} {sku} at {wh}.
    Please reserve {qty} x {sku}, warehouse {wh}.
    Make a reservation of {qty} {sku} in {wh}.
    """,
    held="""
    Put {qty} {sku} in {wh} by for a customer.
    Hold back {qty} {sku} at {wh}.
    Earmark {qty} {sku} in {wh}.
    """,
    pick=lambda d: d.stocked(),
)
direct(
    "release_stock",
    ("release_stock", "reservation=res"),
    answer="Reservation {res} is released.",
    log="""
    Release reservation {res}.
    {res} is not needed any more, release it.
    Give back the goods of {res}.
    Drop reservation {res}.
    Free what is reserved under {res}.
    """,
    held="""
    Undo reservation {res}.
    Nobody collects {res}, put it back into stock.
    Dissolve {res} please.
    """,
    pick=lambda d: {"res": d.reservation()},
)
direct(
    "list_reservations",
    ("list_reservations", "sku"),
    answer=lambda s, r: f"Reservations: {', '.join(r[0].data['reservations']) or 'none'}.",
    log="""
    Which reservations are there for {sku}?
    List the reservations of {sku}.
    Is {sku} reserved by anybody?
    Show reservations for {sku}.
    Who keeps {sku} reserved?
    """,
    held="""
    Any reservations on {sku}?
    Give me all reservations of {sku}.
    Under which numbers is {sku} reserved?
    """,
    pick=lambda d: {"sku": d.sku()},
)
direct(
    "set_price",
    ("set_price", "sku price"),
    answer="{sku} costs {price} euros now.",
    log="""
    Set the price of {sku} to {price}.
    {sku} costs {price} euros from now on.
    Change the price of {sku}: {price} euros.
    New price for {sku} is {price}.
    Make {sku} {price} euros.
    """,
    held="""
    {sku} should sell for {price}.
    Price {sku} at {price} euros.
    We ask {price} euros for {sku} from today.
    """,
    pick=lambda d: {"sku": d.sku(), "price": d.number(10, 300)},
)
direct(
    "get_invoice",
    ("get_invoice", "invoice"),
    answer=lambda s, r: f"{s['invoice']} is {r[0].data['status']}, {r[0].data['amount']} euros.",
    log="""
    Show invoice {invoice}.
    Is {invoice} paid?
    How much is invoice {invoice}?
    What is the status of {invoice}?
    Which order is {invoice} for?
    """,
    held="""
    Give me the details of invoice {invoice}.
    What does {invoice} come to?
    Look at {invoice} for me.
    """,
    pick=lambda d: {"invoice": d.invoice("1")},
)
direct(
    "list_invoices",
    ("list_invoices", "customer"),
    answer=lambda s, r: f"Invoices of {s['customer']}: {', '.join(r[0].data['invoices']) or 'none'}.",
    log="""
    List the invoices of {customer}.
    Which invoices does {customer} have?
    Show all invoices of {customer}.
    What have we billed {customer}?
    I need every invoice of {customer}.
    """,
    held="""
    Give me the billing history of {customer}.
    What invoices are there for {customer}?
    All invoices to {customer}, please.
    """,
    pick=lambda d: {"customer": d.customer("1")},
)
direct(
    "list_invoices_by_status",
    ("list_invoices", "customer status"),
    answer=lambda s, r: f"Invoices {s['status']}: {', '.join(r[0].data['invoices']) or 'none'}.",
    log="""
    List the {status} invoices of {customer}.
    Which invoices of {customer} are {status}?
    Does {customer} have {status} invoices?
    Show me only {status} invoices of {customer}.
    What is {status} for {customer} in invoices?
    """,
    held="""
    Any invoices of {customer} that are {status}?
    Of the invoices of {customer}, give me the {status} ones.
    Find {status} invoices to {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1"), "status": d.choice(("unpaid", "paid", "void"))},
)
direct(
    "create_invoice",
    ("create_invoice", "order amount"),
    answer=lambda s, r: f"Invoice {r[0].data['invoice']} is made.",
    log="""
    Bill {order} with {amount} euros.
    Make an invoice over {amount} for {order}.
    Invoice order {order}, {amount} euros.
    {order} is to be billed, {amount} euros.
    Create an invoice for {order}: {amount}.
    """,
    held="""
    Charge {amount} euros for {order}.
    Write a bill of {amount} for order {order}.
    {amount} euros should be invoiced on {order}.
    """,
    pick=lambda d: {
        "order": d.order("status != 'moved' AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.order_id = o.order_id)"),
        "amount": d.number(2, 90) * 10,
    },
)
direct(
    "record_payment",
    ("record_payment", "invoice amount method"),
    answer=lambda s, r: f"Booked; {r[0].data['due']} euros are due on {s['invoice']}.",
    log="""
    {amount} euros came in for {invoice} by {method}.
    Book {amount} on {invoice}, {method}.
    The customer paid {amount} of {invoice} by {method}.
    Record a {method} payment of {amount} on {invoice}.
    Payment for {invoice}: {amount}, {method}.
    """,
    held="""
    We got {amount} for {invoice}, {method}.
    Enter {amount} euros as paid by {method} on {invoice}.
    {invoice} received {amount} through {method}.
    """,
    pick=lambda d: {
        "invoice": (row := d.row("SELECT invoice, amount FROM invoices WHERE status = 'unpaid' ORDER BY 1"))["invoice"],
        "amount": d.choice([amount for amount in (10, 15, 20, row["amount"]) if amount <= row["amount"]]),
        "method": d.choice(("card", "cash", "transfer")),
    },
)
direct(
    "refund_invoice",
    ("refund_invoice", "invoice"),
    answer="{invoice} is refunded.",
    log="""
    Refund {invoice}.
    Pay {invoice} back.
    The customer gets the money of {invoice} back.
    Please refund invoice {invoice}.
    Return the money for {invoice}.
    """,
    held="""
    Reimburse {invoice}.
    Send back what was paid on {invoice}.
    {invoice} should be paid back in full.
    """,
    pick=lambda d: {"invoice": d.invoice("status = 'paid'")},
)
direct(
    "void_invoice",
    ("void_invoice", "invoice"),
    answer="{invoice} is void.",
    log="""
    Void {invoice}.
    Make invoice {invoice} void.
    {invoice} was sent by mistake, void it.
    Annul {invoice}.
    Strike invoice {invoice}, nobody has to pay it.
    """,
    held="""
    Declare {invoice} void.
    {invoice} should not count, make it void.
    Nullify invoice {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice()},
)
direct(
    "apply_discount",
    ("apply_discount", "invoice percent"),
    answer="{percent} percent off {invoice}.",
    log="""
    Give {percent} percent off {invoice}.
    Apply a discount of {percent} percent to {invoice}.
    {invoice} gets {percent} percent discount.
    Take {percent} percent off invoice {invoice}.
    Discount {invoice} by {percent} percent.
    """,
    held="""
    Knock {percent} percent off {invoice}.
    Make {invoice} {percent} percent cheaper.
    Grant {percent} percent on {invoice}.
    """,
    pick=lambda d: {"invoice": d.invoice(), "percent": d.number(1, 5)},
)
direct(
    "send_reminder",
    ("send_reminder", "invoice channel"),
    answer="A reminder of {invoice} went out by {channel}.",
    log="""
    Remind the customer of {invoice} by {channel}.
    Send a reminder for {invoice} by {channel}.
    {invoice} is late, remind by {channel}.
    Reminder on {invoice}, {channel} please.
    Write a reminder about {invoice}, via {channel}.
    """,
    held="""
    Nudge the customer about {invoice} by {channel}.
    {invoice} is still open, send a {channel} reminder.
    Ask again for the money of {invoice} by {channel}.
    """,
    pick=lambda d: {"invoice": d.invoice(), "channel": d.choice(("email", "sms", "letter"))},
)
