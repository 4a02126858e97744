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
    "hold_order",
    ("hold_order", "order"),
    log="""
    Put {order} on hold.
    Do not ship {order} yet, hold it.
    {order} has to wait, put a hold on it.
    Please hold order {order}.
    Keep {order} back for the moment.
    Freeze {order} for the time being.
    Suspend {order} until further notice.
    Please pause order {order}.
    Stop {order} from leaving for now.
    {order} must not go out today, hold it.
    Can you hold {order}?
    {order} is to stay here, put it on hold.
    Hold order {order} back until I call.
    """,
    held="""
    Hold {order} for now.
    Please put {order} on hold.
    """,
    pick=lambda d: {"order": d.order("status IN ('new', 'paid', 'packed') AND held = 0")},
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
    "open_return",
    ("open_return", "order reason"),
    log="""
    Open a return for {order}, it is {reason}.
    Return order {order}, reason {reason}.
    Start a return of {order}: {reason}.
    {order} is to be sent back as {reason}.
    Set up a return for {order} because it is {reason}.
    We take {order} back, {reason}.
    {order} was delivered and is {reason}, it comes back.
    The customer sends {order} back, {reason}.
    Can you open a return for {order}? It is {reason}.
    {order} comes back, {reason}. Open a return.
    A return for {order}, reason {reason}.
    The customer returns {order}, it is {reason}.
    {order} was {reason}, start a return.
    """,
    held="""
    The customer wants to return {order}, {reason}.
    Please start a return for {order}, {reason}.
    """,
    pick=lambda d: {"order": d.order("status = 'delivered'"), "reason": d.reason()},
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


direct(
    "receive_return",
    ("receive_return", "return=ret condition"),
    log="""
    {ret} has arrived, it is {condition}.
    Return {ret} is here and {condition}.
    Receive {ret} as {condition}.
    {ret} came in today, {condition}.
    Note the arrival of {ret}, state {condition}.
    The parcel of {ret} is back, goods {condition}.
    Book in return {ret}, condition {condition}.
    We got {ret} back {condition}.
    Can you book in {ret}? It is {condition}.
    {ret} came back {condition}.
    {ret} arrived, condition {condition}.
    Return {ret} has come, it is {condition}.
    Please receive {ret}, it is {condition}.
    {ret} is in, {condition}.
    """,
    held="""
    Return {ret} arrived {condition}.
    We received {ret}, it is {condition}.
    """,
    pick=lambda d: {"ret": d.returned("status = 'requested'"), "condition": d.choice(("intact", "used", "broken"))},
)


direct(
    "approve_return",
    ("approve_return", "return=ret outcome"),
    log="""
    Approve {ret} with {outcome}.
    Return {ret} is approved, {outcome}.
    {outcome} for {ret}, please approve.
    Approve return {ret}: {outcome}.
    Decide on return {ret}: {outcome}.
    Return {ret} is fine, {outcome} please.
    Grant {ret} the {outcome}.
    Wrap up {ret} as {outcome}.
    {ret} gets a {outcome}.
    Can you approve {ret}? {outcome} please.
    The customer of {ret} wants {outcome}, approve.
    Please approve {ret}, {outcome}.
    {outcome} on return {ret}, approve it.
    {ret} is approved as {outcome}.
    """,
    held="""
    The customer of {ret} chose {outcome}, approve it.
    Please approve the {outcome} for {ret}.
    """,
    pick=lambda d: {"ret": d.returned("status = 'received'"), "outcome": d.choice(("refund", "exchange", "repair"))},
)
