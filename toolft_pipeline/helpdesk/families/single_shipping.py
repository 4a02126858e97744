"""One call about an order on its way out, or on its way back."""

from __future__ import annotations

from toolft_pipeline.helpdesk.families.where import GONE, OPEN, READY
from toolft_pipeline.helpdesk.family import direct

direct(
    "ship_order",
    ("ship_order", "order carrier"),
    answer="{order} is on its way with {carrier}.",
    log="""
    Ship {order} with {carrier}.
    Send {order} by {carrier}.
    {order} goes out with {carrier}.
    Hand order {order} to {carrier}.
    {order} is ready, {carrier} takes it.
    """,
    held="""
    Dispatch {order} via {carrier}.
    Let {carrier} carry {order}.
    Give {order} to {carrier} for shipping.
    """,
    pick=lambda d: {"order": d.order(READY), "carrier": d.carrier()},
)


direct(
    "track_order",
    ("track_order", "order"),
    answer=lambda s, r: f"{s['order']} is in {r[0].data['place']} with {r[0].data['carrier']}.",
    log="""
    Where is {order}?
    Track {order}.
    When does {order} arrive?
    Where is the parcel of {order} right now?
    Which carrier has {order}?
    """,
    held="""
    How far has {order} got?
    Locate the parcel for {order}.
    {order} has left, where is it now?
    """,
    pick=lambda d: {"order": d.order(GONE)},
)


direct(
    "hold_order",
    ("hold_order", "order"),
    answer="{order} is on hold.",
    log="""
    Put {order} on hold.
    Hold {order} for now.
    Do not ship {order} yet, hold it.
    Please pause order {order}.
    Keep {order} back for the moment.
    """,
    held="""
    {order} has to wait, put a hold on it.
    Freeze {order} for the time being.
    Suspend {order} until further notice.
    """,
    pick=lambda d: {"order": d.order("status IN ('new', 'paid', 'packed') AND held = 0")},
)


direct(
    "release_order",
    ("release_order", "order"),
    answer="{order} is released.",
    log="""
    Release {order}.
    Take {order} off hold.
    {order} can go on, release it.
    Lift the hold on {order}.
    Order {order} need not wait any longer.
    """,
    held="""
    Let {order} proceed.
    End the hold of {order}.
    {order} may move again, please unfreeze.
    """,
    pick=lambda d: {"order": d.order("held = 1")},
)


direct(
    "set_delivery_day",
    ("set_delivery", "order window.day=day"),
    answer="{order} comes on {day}.",
    log="""
    Deliver {order} on {day}.
    {order} should come on {day}.
    Set the delivery of {order} to {day}.
    Change delivery day of {order}: {day}.
    The customer wants {order} on {day}.
    """,
    held="""
    Please bring {order} on {day}.
    {day} is the day for {order}.
    Plan {order} for {day}.
    """,
    pick=lambda d: {"order": d.order("status IN ('new', 'paid', 'packed', 'shipped')"), "day": d.open_day()},
)


direct(
    "set_delivery_slot",
    ("set_delivery", "order window.day=day window.slot=slot"),
    answer="{order} comes on {day}, {slot}.",
    log="""
    Deliver {order} on {day} {slot}.
    {order} should come on {day}, {slot} if possible.
    Set the delivery of {order} to {day} {slot}.
    Change delivery of {order}: {day}, {slot}.
    The customer wants {order} on {day} in the {slot} slot.
    """,
    held="""
    Please bring {order} on {day}, {slot}.
    {day} {slot} is the time for {order}.
    Plan {order} for {day}, slot {slot}.
    """,
    pick=lambda d: {
        "order": d.order("status IN ('new', 'paid', 'packed', 'shipped')"),
        "day": d.open_day(),
        "slot": d.choice(("morning", "noon", "evening")),
    },
)


direct(
    "add_gift_note",
    ("add_gift_note", "order text"),
    answer="The gift note is in {order}.",
    log="""
    Put a gift note "{text}" into {order}.
    Gift note for {order}: "{text}".
    {order} is a present, write "{text}".
    Add the note "{text}" to the gift {order}.
    Write "{text}" on the gift card of {order}.
    """,
    held="""
    The card in {order} should say "{text}".
    "{text}" as gift note for {order}, please.
    Slip a gift note "{text}" in with {order}.
    """,
    pick=lambda d: {"order": d.order(OPEN), "text": d.wish()},
)


direct(
    "open_return",
    ("open_return", "order reason"),
    answer=lambda s, r: f"Return {r[0].data['return']} is open for {s['order']}.",
    log="""
    Open a return for {order}, it is {reason}.
    {order} was delivered and is {reason}, it comes back.
    Return order {order}, reason {reason}.
    The customer sends {order} back, {reason}.
    Start a return of {order}: {reason}.
    """,
    held="""
    {order} is to be sent back as {reason}.
    Set up a return for {order} because it is {reason}.
    We take {order} back, {reason}.
    """,
    pick=lambda d: {"order": d.order("status = 'delivered'"), "reason": d.reason()},
)


direct(
    "get_return",
    ("get_return", "return_id=ret"),
    answer=lambda s, r: f"{s['ret']} is {r[0].data['status']}, for {r[0].data['order']}.",
    log="""
    Show return {ret}.
    What is the status of return {ret}?
    Has {ret} arrived?
    Which order does {ret} belong to?
    How is return {ret} doing?
    """,
    held="""
    Give me the details of return {ret}.
    Look at {ret} for me.
    Is {ret} back with us?
    """,
    pick=lambda d: {"ret": d.returned("1")},
)


direct(
    "receive_return",
    ("receive_return", "return_id=ret condition"),
    answer="{ret} has arrived, {condition}.",
    log="""
    {ret} has arrived, it is {condition}.
    Book in return {ret}, condition {condition}.
    Return {ret} is here and {condition}.
    We got {ret} back {condition}.
    Receive {ret} as {condition}.
    """,
    held="""
    {ret} came in today, {condition}.
    Note the arrival of {ret}, state {condition}.
    The parcel of {ret} is back, goods {condition}.
    """,
    pick=lambda d: {"ret": d.returned("status = 'requested'"), "condition": d.choice(("intact", "used", "broken"))},
)


direct(
    "approve_return",
    ("approve_return", "return_id=ret outcome"),
    answer="{ret} is approved for {outcome}.",
    log="""
    Approve {ret} with {outcome}.
    {ret} gets a {outcome}.
    Decide on return {ret}: {outcome}.
    The customer of {ret} chose {outcome}, approve it.
    Return {ret} is fine, {outcome} please.
    """,
    held="""
    Grant {ret} the {outcome}.
    {outcome} for {ret}, please approve.
    Wrap up {ret} as {outcome}.
    """,
    pick=lambda d: {"ret": d.returned("status = 'received'"), "outcome": d.choice(("refund", "exchange", "repair"))},
)
