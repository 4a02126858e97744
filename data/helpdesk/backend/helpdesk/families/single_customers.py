"""One call about a customer."""

from __future__ import annotations

from helpdesk.family import direct

direct(
    "find_customer",
    ("find_customer", "email"),
    log="""
    Who is {email}?
    Find the customer with the address {email}.
    Look up {email} for me.
    Which customer number has {email}?
    Search for {email} among our customers.
    Whose address is {email}?
    Tell me the customer number behind {email}.
    Which customer id belongs to {email}?
    Is {email} one of our customers?
    What is the customer number behind {email}?
    Find {email}.
    {email} wrote to us, which customer is that?
    Can you find the customer number for {email}?
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
    Pull up the record of {customer}.
    What is the name of {customer}?
    Open the customer card of {customer}.
    What do we know about {customer}?
    Which tier is {customer} in?
    Can you show me customer {customer}?
    Let me see {customer}.
    Check customer {customer} for me.
    I need the details of {customer}.
    Where does {customer} live?
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
    Enter {name}, {email}, as a new customer.
    A new one for the customer list: {name}, {email}.
    Create a customer record for {name} with {email}.
    We have a new customer, {name}, e-mail {email}.
    Can you add {name}, {email}?
    Please add {name} as a new customer, {email}.
    New customer: {name}, {email}.
    {name}, {email}, wants to become a customer.
    Register the new customer {name}, {email}.
    Take {name} into the customer list, {email}.
    """,
    held="""
    Add {name} with {email} as a customer.
    Please register the new customer {name}, {email}.
    """,
    pick=lambda d: d.stranger(),
)
direct(
    "change_address",
    ("change_address", "customer address.street=street address.city=city"),
    log="""
    {customer} moved to {street}, {city}.
    New address for {customer}: {street} in {city}.
    Update the address, {customer}: {street}, {city}.
    {customer} lives at {street} in {city} now.
    From today {customer} is at {street}, {city}.
    Please note the move of {customer} to {street}, {city}.
    The home of {customer} is now {street}, {city}.
    Change the address of {customer} to {street}, {city}.
    Can you change the address of {customer}? {street}, {city}.
    Address of {customer} is {street}, {city} now.
    {customer} has a new address, {street} in {city}.
    Please change {customer} to {street}, {city}.
    Update {customer}, they live at {street} in {city}.
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
    Move {customer} to the {tier} tier.
    From today {customer} counts as {tier}.
    Make {customer} a {tier} customer.
    {customer} should be {tier} from now on.
    Can you put {customer} in {tier}?
    The tier of {customer} is {tier} now.
    Tier {tier} for {customer}.
    Customer {customer} goes to tier {tier}.
    Please set customer {customer} to tier {tier}.
    """,
    held="""
    Set the tier of {customer} to {tier}.
    {customer} should be in tier {tier} from now on.
    """,
    pick=lambda d: {"customer": d.customer(), "tier": d.choice(("basic", "silver"))},
)
direct(
    "unblock_customer",
    ("unblock_customer", "customer"),
    log="""
    Unblock {customer}.
    Lift the block on {customer}.
    {customer} was blocked wrongly, unblock.
    Take the block off {customer}.
    Let {customer} order again.
    {customer} was blocked wrongly, undo that.
    Make {customer} active again.
    The block of {customer} was a mistake, remove it.
    Can you unblock {customer}?
    {customer} is fine again, remove the block.
    Free the account of {customer}.
    Open the account {customer} again, unblock.
    The customer {customer} can be unblocked.
    """,
    held="""
    {customer} may buy again, please unblock.
    Please take the block off {customer}.
    """,
    pick=lambda d: {"customer": d.customer("status = 'blocked'")},
)
