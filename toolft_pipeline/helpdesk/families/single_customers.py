"""One call about a customer."""

from __future__ import annotations

from toolft_pipeline.helpdesk.family import direct

direct(
    "find_customer",
    ("find_customer", "email"),
    log="""
    Who is {email}?
    Find the customer with the address {email}.
    Look up {email} for me.
    Whose address is {email}?
    Tell me the customer number behind {email}.
    Search for {email} among our customers.
    """,
    held="""
    Which customer id belongs to {email}?
    I need the customer number of {email}.
    """,
    pick=lambda d: d.person(),
)
direct(
    "get_customer",
    ("get_customer", "customer"),
    log="""
    Show customer {customer}.
    Is {customer} blocked or active?
    Pull up the record of {customer}.
    Give me the details of {customer}.
    What is the name of {customer}?
    Open the customer card of {customer}.
    """,
    held="""
    What do we know about {customer}?
    Which tier is {customer} in?
    """,
    pick=lambda d: {"customer": d.customer("1")},
)
direct(
    "add_customer",
    ("add_customer", "name email"),
    log="""
    Add a new customer: {name}, {email}.
    {name} is new here, the address is {email}. Please add.
    Register {name} with {email}.
    Please set up {name} as a customer, {email}.
    Enter {name}, {email}, as a new customer.
    A new one for the customer list: {name}, {email}.
    """,
    held="""
    Create a customer record for {name} with {email}.
    We have a new customer, {name}, e-mail {email}.
    """,
    pick=lambda d: d.stranger(),
)
direct(
    "change_phone",
    ("update_contact", "customer contact.phone=phone"),
    log="""
    {customer} has a new phone number: {phone}.
    Update {customer}, the number is {phone} now.
    The new number of {customer} is {phone}.
    Call {customer} on {phone} from now on, please update.
    Replace the phone number of {customer} by {phone}.
    Note {phone} as the new phone of {customer}.
    """,
    held="""
    Change the phone of {customer} to {phone}.
    Set the telephone number of {customer} to {phone}.
    """,
    pick=lambda d: {"customer": d.customer("1"), "phone": d.phone()},
)
direct(
    "change_email",
    ("update_contact", "customer contact.email=email"),
    log="""
    {customer} has a new e-mail address: {email}.
    Update {customer}, mail goes to {email} now.
    The new e-mail of {customer} is {email}.
    Write to {customer} at {email} from now on, please update.
    Replace the e-mail address of {customer} by {email}.
    Note {email} as the new mail address of {customer}.
    """,
    held="""
    Change the e-mail of {customer} to {email}.
    Set the e-mail address of {customer} to {email}.
    """,
    pick=lambda d: {"customer": d.customer("1"), "email": d.stranger()["email"]},
)
direct(
    "change_contact",
    ("update_contact", "customer contact.email=email contact.phone=phone"),
    log="""
    Update {customer}: e-mail {email}, phone {phone}.
    New contact for {customer}: {email}, {phone}.
    Contact data of {customer} changed to {email} and {phone}.
    Both changed for {customer}, mail {email} and phone {phone}.
    Reach {customer} at {email} or {phone} from now on, please update.
    Save {email} and {phone} for {customer}.
    """,
    held="""
    {customer} now has {email} and {phone}.
    Set mail {email} and phone {phone} for {customer}.
    """,
    pick=lambda d: {"customer": d.customer("1"), "email": d.stranger()["email"], "phone": d.phone()},
)
direct(
    "change_address",
    ("change_address", "customer address.street=street address.city=city"),
    log="""
    {customer} moved to {street}, {city}.
    New address for {customer}: {street} in {city}.
    Update the address, {customer}: {street}, {city}.
    From today {customer} is at {street}, {city}.
    Please note the move of {customer} to {street}, {city}.
    The home of {customer} is now {street}, {city}.
    """,
    held="""
    Change the address of {customer} to {street}, {city}.
    {customer} lives at {street} in {city} now.
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
    log="""
    Put {customer} in tier {tier}.
    Change the tier of {customer} to {tier}.
    Set {customer} to {tier}.
    {customer} deserves tier {tier}, please change.
    Move {customer} to the {tier} tier.
    From today {customer} counts as {tier}.
    """,
    held="""
    Make {customer} a {tier} customer.
    {customer} should be {tier} from now on.
    """,
    pick=lambda d: {"customer": d.customer(), "tier": d.choice(("basic", "silver"))},
)
direct(
    "block_customer",
    ("block_customer", "customer reason=why"),
    log="""
    Block {customer} for {why}.
    We have a case of {why}: block {customer}.
    Please block customer {customer}, {why}.
    Lock out {customer} because of {why}.
    {why} by {customer}, please block.
    Shut {customer} off, the reason is {why}.
    """,
    held="""
    {customer} must be blocked, it is {why}.
    No more orders from {customer}, reason {why}. Block.
    """,
    pick=lambda d: {"customer": d.customer(), "why": d.choice(("fraud", "chargeback", "abuse"))},
)
direct(
    "unblock_customer",
    ("unblock_customer", "customer"),
    log="""
    Unblock {customer}.
    Lift the block on {customer}.
    Let {customer} order again.
    {customer} was blocked wrongly, undo that.
    Take the block off {customer}.
    Make {customer} active again.
    """,
    held="""
    {customer} may buy again, please unblock.
    The block of {customer} was a mistake, remove it.
    """,
    pick=lambda d: {"customer": d.customer("status = 'blocked'")},
)
