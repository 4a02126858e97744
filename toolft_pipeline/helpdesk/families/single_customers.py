"""One call about a customer."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct

direct(
    "find_customer",
    ("find_customer", "email"),
    answer=lambda s, r: f"{s['email']} is customer {r[0].data['customer']}.",
    log="""
    Who is {email}?
    Which customer id belongs to {email}?
    Find the customer with the address {email}.
    I need the customer number of {email}.
    Look up {email} for me.
    """,
    held="""
    Whose address is {email}?
    Tell me the customer number behind {email}.
    Search for {email} among our customers.
    """,
    pick=lambda d: d.person(),
)
direct(
    "get_customer",
    ("get_customer", "customer"),
    answer=lambda s, r: f"{s['customer']} is {r[0].data['name']}, tier {r[0].data['tier']}, {r[0].data['status']}.",
    log="""
    Show customer {customer}.
    What do we know about {customer}?
    Is {customer} blocked or active?
    Which tier is {customer} in?
    Pull up the record of {customer}.
    """,
    held="""
    Give me the details of {customer}.
    What is the name of {customer}?
    Open the customer card of {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1")},
)
direct(
    "add_customer",
    ("add_customer", "name email"),
    answer=lambda s, r: f"{s['name']} is now customer {r[0].data['customer']}.",
    log="""
    Add a new customer: {name}, {email}.
    Create a customer record for {name} with {email}.
    {name} is new here, the address is {email}. Please add.
    We have a new customer, {name}, e-mail {email}.
    Register {name} with {email}.
    """,
    held="""
    Please set up {name} as a customer, {email}.
    Enter {name}, {email}, as a new customer.
    A new one for the customer list: {name}, {email}.
    """,
    pick=lambda d: d.stranger(),
)
direct(
    "change_phone",
    ("update_contact", "customer contact.phone=phone"),
    answer="The phone number of {customer} is updated.",
    log="""
    {customer} has a new phone number: {phone}.
    Change the phone of {customer} to {phone}.
    Update {customer}, the number is {phone} now.
    Set the telephone number of {customer} to {phone}.
    The new number of {customer} is {phone}.
    """,
    held="""
    Call {customer} on {phone} from now on, please update.
    Replace the phone number of {customer} by {phone}.
    Note {phone} as the new phone of {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1"), "phone": d.phone()},
)
direct(
    "change_email",
    ("update_contact", "customer contact.email=email"),
    answer="The e-mail address of {customer} is updated.",
    log="""
    {customer} has a new e-mail address: {email}.
    Change the e-mail of {customer} to {email}.
    Update {customer}, mail goes to {email} now.
    Set the e-mail address of {customer} to {email}.
    The new e-mail of {customer} is {email}.
    """,
    held="""
    Write to {customer} at {email} from now on, please update.
    Replace the e-mail address of {customer} by {email}.
    Note {email} as the new mail address of {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1"), "email": d.stranger()["email"]},
)
direct(
    "change_contact",
    ("update_contact", "customer contact.email=email contact.phone=phone"),
    answer="E-mail and phone of {customer} are updated.",
    log="""
    Update {customer}: e-mail {email}, phone {phone}.
    {customer} now has {email} and {phone}.
    New contact for {customer}: {email}, {phone}.
    Set mail {email} and phone {phone} for {customer}.
    Contact data of {customer} changed to {email} and {phone}.
    """,
    held="""
    Both changed for {customer}, mail {email} and phone {phone}.
    Reach {customer} at {email} or {phone} from now on, please update.
    Save {email} and {phone} for {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1"), "email": d.stranger()["email"], "phone": d.phone()},
)
direct(
    "change_address",
    ("change_address", "customer address.street=street address.city=city"),
    answer="{customer} now lives in {city}.",
    log="""
    {customer} moved to {street}, {city}.
    Change the address of {customer} to {street}, {city}.
    New address for {customer}: {street} in {city}.
    {customer} lives at {street} in {city} now.
    Update the address, {customer}: {street}, {city}.
    """,
    held="""
    From today {customer} is at {street}, {city}.
    Please note the move of {customer} to {street}, {city}.
    The home of {customer} is now {street}, {city}.
    """,
    pick=lambda d: {
        "customer": d.customer(
            "NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.customer AND o.status = 'shipped')"
        ),
        "street": d.street(),
        "city": d.city(),
    },
)
direct(
    "set_tier",
    ("set_tier", "customer tier"),
    answer="{customer} is in tier {tier} now.",
    log="""
    Put {customer} in tier {tier}.
    Make {customer} a {tier} customer.
    Change the tier of {customer} to {tier}.
    {customer} should be {tier} from now on.
    Set {customer} to {tier}.
    """,
    held="""
    {customer} deserves tier {tier}, please change.
    Move {customer} to the {tier} tier.
    From today {customer} counts as {tier}.
    """,
    pick=lambda d: {"customer": d.customer(), "tier": d.choice(("basic", "silver"))},
)
direct(
    "block_customer",
    ("block_customer", "customer reason=why"),
    answer="{customer} is blocked for {why}.",
    log="""
    Block {customer} for {why}.
    {customer} must be blocked, it is {why}.
    We have a case of {why}: block {customer}.
    No more orders from {customer}, reason {why}. Block.
    Please block customer {customer}, {why}.
    """,
    held="""
    Lock out {customer} because of {why}.
    {why} by {customer}, please block.
    Shut {customer} off, the reason is {why}.
    """,
    pick=lambda d: {"customer": d.customer(), "why": d.choice(("fraud", "chargeback", "abuse"))},
)
direct(
    "unblock_customer",
    ("unblock_customer", "customer"),
    answer="{customer} is active again.",
    log="""
    Unblock {customer}.
    {customer} may buy again, please unblock.
    Lift the block on {customer}.
    The block of {customer} was a mistake, remove it.
    Let {customer} order again.
    """,
    held="""
    {customer} was blocked wrongly, undo that.
    Take the block off {customer}.
    Make {customer} active again.
    """,
    pick=lambda d: {"customer": d.customer("status = 'blocked'")},
)
