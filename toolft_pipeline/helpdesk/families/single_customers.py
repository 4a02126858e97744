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
    Which customer number has {email}?
    Search for {email} among our customers.
    """,
    held="""
    I need the customer number of {email}.
    Which customer belongs to {email}?
    """,
    pick=lambda d: d.person(),
)
direct(
    "get_customer",
    ("get_customer", "customer"),
    log="""
    Show customer {customer}.
    Is {customer} blocked or active?
    Give me the details of {customer}.
    Which tier is customer {customer} in?
    """,
    held="""
    Show me the details of customer {customer}.
    Look up customer {customer}.
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
    """,
    held="""
    Add {name} with {email} as a customer.
    Please register the new customer {name}, {email}.
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
    Replace the phone number of {customer} by {phone}.
    """,
    held="""
    The phone number of {customer} is {phone} now.
    Update the phone of {customer} to {phone}.
    """,
    pick=lambda d: {"customer": d.customer("1"), "phone": d.phone()},
)
direct(
    "change_address",
    ("change_address", "customer address.street=street address.city=city"),
    log="""
    {customer} moved to {street}, {city}.
    New address for {customer}: {street} in {city}.
    Update the address, {customer}: {street}, {city}.
    {customer} lives at {street} in {city} now.
    """,
    held="""
    Please update the address of {customer}: {street}, {city}.
    The new address of {customer} is {street}, {city}.
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
    """,
    held="""
    Set the tier of {customer} to {tier}.
    {customer} should be in tier {tier} from now on.
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
    {customer} has to be blocked because of {why}.
    """,
    held="""
    {customer} must be blocked, it is {why}.
    Block {customer}, the reason is {why}.
    """,
    pick=lambda d: {"customer": d.customer(), "why": d.choice(("fraud", "chargeback", "abuse"))},
)
direct(
    "unblock_customer",
    ("unblock_customer", "customer"),
    log="""
    Unblock {customer}.
    Lift the block on {customer}.
    {customer} was blocked wrongly, unblock.
    Take the block off {customer}.
    """,
    held="""
    {customer} may buy again, please unblock.
    Please take the block off {customer}.
    """,
    pick=lambda d: {"customer": d.customer("status = 'blocked'")},
)
