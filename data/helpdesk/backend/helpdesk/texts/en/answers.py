"""What the agent says in English: a tool or a saying, and its phrasings, the shortest first."""

READS = """
find_customer: That is {customer}, {name} from {city}.
    | {customer}: {name}, {city}, tier {tier}.
    | The customer id is {customer} ({name}).
find_customer many: Customers called {name}: {customers}.
    | There are several called {name}: {customers}.
get_customer: {customer} is {name}, tier {tier}, status {status}.
    | {name} ({customer}) from {city}: tier {tier}, status {status}, {orders} orders.
get_order: {order} is {status}, total {total}: {items}.
    | Order {order} of {customer}: status {status}, {items}, {total} euros in all.
    | {customer} ordered {items} with {order}; total {total}, status {status}.
list_orders: Orders of {customer}: {orders}.
    | {customer} has these orders: {orders}.
list_orders none: {customer} has no such orders.
    | There are no such orders of {customer}.
track_order: {order} is in {place} with {carrier} and arrives on {day}.
    | {carrier} has {order} in {place}; it comes on {day}.
get_return: Return {return} of {order} is {status}, reason {reason}.
    | {return}: status {status}, order {order}, reason {reason}.
get_ticket: {ticket} is {status}, priority {priority}, with {agent}: "{subject}".
    | Ticket {ticket} of {customer}, "{subject}": status {status}, agent {agent}.
list_tickets: Tickets of {customer}: {tickets}.
    | {customer} has these tickets: {tickets}.
list_tickets none: {customer} has no such tickets.
    | There are no such tickets of {customer}.
check_stock: {sku}: {stock}.
    | Stock of {sku}: {stock}, shelf {shelf}.
get_invoice: {invoice} over {amount} euros is {status}.
    | Invoice {invoice} for {order}: {amount} euros, status {status}.
    | {invoice} of {customer}: {amount} euros, {status}.
list_invoices: Invoices of {customer}: {invoices}.
    | {customer} has these invoices: {invoices}.
list_invoices none: {customer} has no such invoices.
    | There are no such invoices of {customer}.
get_product: {sku} costs {price} euros, shelf {shelf}.
    | The {sku} is {price} euros and lies on shelf {shelf}.
"""

WRITES = """
add_customer: {name} is now customer {customer}.
    | I added {name} as {customer}, tier {tier}.
update_contact: The contact of {customer} is updated.
    | I changed the contact data of {customer}.
change_address: {customer} now lives at {street}, {city}.
    | The address of {customer} is now {street} in {city}.
set_tier: {customer} is now {tier}.
    | {name} ({customer}) is in tier {tier} now.
block_customer: {customer} is blocked for {reason}.
    | I blocked {name} ({customer}), reason {reason}.
unblock_customer: {customer} is unblocked.
    | I unblocked {name} ({customer}).
plan_callback: {callback}: we call {customer} on {day}.
    | The callback {callback} to {customer} is planned for {day}.
place_order: Order {order} is placed: {items}, total {total}.
    | I placed {order} for {customer}: {items}, {total} euros.
cancel_order: {order} is cancelled, reason {reason}.
    | Order {order} is cancelled now, the reason is {reason}.
add_item: {sku} is added to {order}, total now {total}.
    | Added {qty} {sku} to {order}; the total is {total} euros.
ship_order: {order} is shipped with {carrier}.
    | I handed {order} to {carrier}; it is shipped.
hold_order: I put {order} on hold.
    | {order} is now held.
release_order: {order} is released.
    | I released order {order}.
set_delivery: The delivery of {order} is set to {day}.
    | I set the delivery of {order} to {day}.
open_return: Return {return} is open for {order}.
    | I opened {return} for order {order}.
receive_return: {return} is received as {condition}.
    | Return {return} has arrived, condition {condition}.
approve_return: {return} is approved: {outcome}.
    | I approved {return}, outcome {outcome}.
open_ticket: Ticket {ticket} is open.
    | I opened {ticket} for {customer}, priority {priority}.
assign_ticket: {ticket} is now with {agent}.
    | I gave {ticket} to {agent}.
set_priority: {ticket} now has priority {priority}.
    | The priority of {ticket} is {priority} now.
add_note: The note is added to {ticket}.
    | I added the note to {ticket}; it has {notes} now.
close_ticket: {ticket} is closed as {resolution}.
    | I closed ticket {ticket}, resolution {resolution}.
tag_ticket: {ticket} is tagged {tags}.
    | The tags of {ticket} are now {tags}.
merge_tickets: {ticket} is merged into {target}.
    | I merged {ticket} into {target}.
receive_stock: {received} {sku} are booked in; {warehouse} has {stock}.
    | {warehouse} now holds {stock} {sku}, {received} of them new.
move_stock: {moved} {sku} are moved: {stock}.
    | I moved {moved} {sku}; now {stock}.
reserve_stock: {qty} {sku} are reserved in {warehouse}: {reservation}.
    | Reservation {reservation}: {qty} {sku} in {warehouse}.
release_stock: {reservation} is released, {qty} {sku} back in {warehouse}.
    | I released {reservation}: {qty} {sku} are free in {warehouse}.
set_price: {sku} now costs {price} euros.
    | The price of {sku} is {price} euros now.
create_invoice: Invoice {invoice} over {amount} euros is written.
    | I billed {order} with {invoice}, {amount} euros.
record_payment: The payment on {invoice} is booked, {due} due.
    | I booked {amount} on {invoice}; {due} euros are due.
refund_invoice: {invoice} is refunded, {amount} euros.
    | I refunded {amount} euros for {invoice}.
void_invoice: {invoice} is void.
    | I made {invoice} void.
apply_discount: I granted {percent} percent on {invoice}.
    | The discount of {percent} percent on {invoice} is booked.
send_reminder: The reminder for {invoice} is sent by {channel}.
    | I reminded them of {invoice} by {channel}.
extend_due_date: {invoice} may be paid within {days} days.
    | The due date of {invoice} is moved: {days} days now.
"""

OTHERS = """
nobody: nobody
refused: Sorry, {reason}.
    | Sorry, that did not work: {reason}.
    | I cannot do that: {reason}.
greeting: Hello {first}, how can I help?
    | Hello {first}, what can the desk do for {city}?
thanks: You are welcome, {first}!
    | Glad it helped, {first}.
beyond_the_desk: Sorry, I only handle orders, tickets, stock, customers and invoices.
    | Sorry, I cannot help with that; I handle orders, tickets, stock, customers and invoices.
who_are_you: I am the assistant of the help desk, {first}.
    | Hello {first}, I am the desk's assistant, a program.
closing_time: See you tomorrow, {first}!
    | Have a nice evening, {first}.
what_can_you_do: Hello {first}, I help with orders, tickets, stock, customers and invoices.
    | Hello {first}, ask me about orders, tickets, stock, customers or invoices.
ask_agent: Who should have {ticket}?
    | Which colleague takes {ticket}?
ask_reason: Why is {order} to be cancelled?
    | What is the reason for {order}: damaged, late, unwanted or wrong?
ask_channel: By which channel for {invoice}: email, sms or letter?
    | How should I remind them of {invoice}?
ask_quantity: How many {sku} does {customer} want?
    | How many {sku} should I order?
which_namesake: Which one do you mean: {rows}?
    | There are several called {name}: {rows}. Which one is it?
all_tickets: {customer} has {count} open tickets: {rows}.
    | {count} tickets of {customer} are open: {rows}.
all_orders: {customer} has {count} orders: {rows}.
    | There are {count} orders of {customer}: {rows}.
cancel_forbidden: Sorry, {order} costs {total} euros; above {limit} only a manager cancels.
    | I cannot cancel {order}: {total} euros is above {limit}, that is up to a manager.
refund_forbidden: Sorry, {invoice} is over {amount} euros; above {limit} only accounting refunds.
    | I cannot refund {invoice}: {amount} euros is above {limit}, that is up to accounting.
close_forbidden: Sorry, {ticket} is tagged legal and stays open.
    | I cannot close {ticket}: it is tagged legal.
"""

REFUSALS = (
    (r"(I-\d+) is paid", "{} is settled already"),
    (r"(\S+) was shipped", "{} has left the house"),
    (r"(\S+) was delivered", "{} has left the house"),
)
