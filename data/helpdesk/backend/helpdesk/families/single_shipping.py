"""One call about an order on its way out, or on its way back."""

from __future__ import annotations

from helpdesk.families.where import GONE, READY
from helpdesk.family import direct

direct(
    "ship_order",
    ("ship_order", "order carrier"),
    log="""
    Ship {order} with {carrier}.
    {order} goes out with {carrier}.
    {order} is ready, {carrier} takes it.
    Send {order} by {carrier}.
    Dispatch {order} via {carrier}.
    Let {carrier} carry {order}.
    Give {order} to {carrier} for shipping.
    Hand order {order} to {carrier}.
    Can you ship {order} with {carrier}?
    Please send out {order}, carrier {carrier}.
    {order} leaves today with {carrier}.
    Ship order {order}, {carrier} takes it.
    {carrier} picks up {order}, ship it.
    """,
    held="""
    Please ship order {order} by {carrier}.
    {carrier} takes {order}, send it out.
    """,
    pick=lambda d: {"order": d.order(READY), "carrier": d.carrier()},
)


direct(
    "track_order",
    ("track_order", "order"),
    log="""
    Where is {order}?
    When does {order} arrive?
    Which carrier has {order}?
    Track order {order}.
    How far has {order} got?
    Locate the parcel for {order}.
    {order} has left, where is it now?
    Track {order}.
    Has {order} reached the customer?
    The customer asks where {order} is.
    Which city is {order} in?
    Look where {order} is.
    Any news on the parcel of {order}?
    I want to know when {order} comes.
    """,
    held="""
    Where is the parcel of {order} right now?
    Please track {order} for me.
    """,
    pick=lambda d: {"order": d.order(GONE)},
)


direct(
    "release_order",
    ("release_order", "order"),
    log="""
    Release {order}.
    {order} can go on, release it.
    Take the hold off {order}.
    Order {order} need not wait any longer, release it.
    Order {order} need not wait any longer.
    Let {order} proceed.
    End the hold of {order}.
    {order} may move again, please unfreeze.
    Take {order} off hold.
    Lift the hold on {order}.
    Can you release {order}?
    {order} can be released from hold.
    Remove the hold from {order}.
    {order} may go again.
    The hold on {order} is over, release.
    """,
    held="""
    Please release order {order}.
    Take {order} off hold and release it.
    """,
    pick=lambda d: {"order": d.order("held = 1")},
)


direct(
    "set_delivery_slot",
    ("set_delivery", "order window.day=day window.slot=slot"),
    log="""
    Deliver {order} on {day} {slot}.
    Set the delivery of {order} to {day} {slot}.
    The customer wants {order} on {day} in the {slot}.
    Please bring {order} on {day}, {slot}.
    The customer wants {order} on {day} in the {slot} slot.
    {day} {slot} is the time for {order}.
    Plan {order} for {day}, slot {slot}.
    {order} should come on {day}, {slot} if possible.
    Change delivery of {order}: {day}, {slot}.
    Can you deliver {order} on {day} {slot}?
    {order}: delivery on {day} {slot}.
    Make the delivery of {order} {day} {slot}.
    The delivery of {order} moves to {day} {slot}.
    Please set {order} to {day}, {slot}.
    """,
    held="""
    Change the delivery of {order} to {day} {slot}.
    The delivery of {order} should be on {day} {slot}.
    """,
    pick=lambda d: {
        "order": d.order("status IN ('new', 'paid', 'packed', 'shipped')"),
        "day": d.open_day(),
        "slot": d.choice(("morning", "noon", "evening")),
    },
)


direct(
    "get_return",
    ("get_return", "return=ret"),
    log="""
    Show return {ret}.
    Has {ret} arrived?
    Give me the details of return {ret}.
    What is the status of {ret}?
    How is return {ret} doing?
    Look at {ret} for me.
    Is {ret} back with us?
    What is the status of return {ret}?
    Which order does {ret} belong to?
    Can you show me {ret}?
    Let me see return {ret}.
    Check return {ret} for me.
    What happened with {ret}?
    I need the details of {ret}.
    """,
    held="""
    Look up return {ret}.
    Show me the status of return {ret}.
    """,
    pick=lambda d: {"ret": d.returned("1")},
)
