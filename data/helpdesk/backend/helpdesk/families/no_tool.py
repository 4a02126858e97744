"""Nothing to call: small talk, questions beyond the desk, and requests that lack something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from helpdesk.draw import Draw
from helpdesk.family import Slots, Way, family
from toolft_pipeline.trajectories.category import Category


def said(name: str, answer: str, *, log: str, held: str, pick: Callable[[Draw], dict[str, Any]]) -> None:
    """A family that is answered at once."""

    def way(s: Slots) -> Way:
        yield answer.format_map(s)

    family(name, Category.NO_TOOL, log=log, held=held, pick=pick)(way)


said(
    "greeting",
    "Hello {first}, how can I help?",
    log="""
    Hi, this is {first} from {city}.
    Hello, {first} in {city} here.
    {first} from {city} says hello.
    My name is {first}, I sit in {city}.
    It is {first}, {city} branch.
    Greetings, my name is {first}, I sit in {city}.
    {first} of {city} says hello.
    Good morning, {first} from the {city} office.
    {first} from {city} speaking.
    Hey there, {first} from {city} here.
    Good afternoon, {first} in {city} speaking.
    {first} here, from {city}.
    You are talking to {first} in {city}.
    Good evening from {city}, this is {first}.
    Hey, it is {first} from {city}.
    """,
    held="""
    Good morning, this is {first} from {city}.
    Hello from {first} in {city}.
    """,
    pick=lambda d: {"first": d.first_name(), "city": d.city()},
)
said(
    "thanks",
    "You are welcome, {first}!",
    log="""
    Thanks a lot, {first} in {city} is happy.
    {first} from {city} says thank you.
    All good now, {first} in {city} thanks you.
    Thank you, says {first} from {city}.
    {first} in {city} appreciates the help.
    Much obliged, {first} from {city}.
    That helped, says {first} from {city}.
    Great work, thanks from {first}, {city}.
    Perfect, thank you from {first} in {city}.
    Thank you so much, {first}, {city}.
    {first} in {city} is grateful.
    Very kind, {first} from {city} says thanks.
    That was all, thanks, {first} from {city}.
    Great help, thank you, {first} in {city}.
    """,
    held="""
    Thanks a lot from {first} in {city}.
    Great, thank you, {first} from {city}.
    """,
    pick=lambda d: {"first": d.first_name(), "city": d.city()},
)
said(
    "beyond_the_desk",
    "Sorry, I only handle orders, tickets, stock, customers and invoices.",
    log="""
    What is the weather in {city}?
    Which hotel in {city} do you recommend?
    Write a poem about a {sku} in {city}.
    Find me a restaurant in {city}.
    Who is the mayor of {city}?
    Translate "{sku}" into the language of {city}.
    Book me a flight to {city}.
    Recommend a museum in {city}.
    How do I get to {city}?
    Is it warm in {city}?
    Who won the match in {city}?
    Tell me a joke about a {sku}.
    What time is it in {city}?
    Sing a song about {city}.
    Which bar in {city} is good?
    """,
    held="""
    What is the weather like in {city}?
    Which good hotel in {city} do you recommend?
    """,
    pick=lambda d: {"city": d.city(), "sku": d.sku()},
)
said(
    "which_agent",
    "Who should have {ticket}?",
    log="""
    Assign {ticket}.
    Give {ticket} to somebody.
    Find an agent for {ticket}.
    {ticket} needs somebody.
    Hand {ticket} over to a colleague.
    {ticket} should be handled by someone.
    {ticket} needs an agent.
    Somebody should look after {ticket}.
    Who could take {ticket}? Assign it.
    Can you assign {ticket}?
    Assign ticket {ticket} please.
    {ticket} is without an agent, assign it.
    Find somebody who takes {ticket}.
    Please give {ticket} to an agent.
    """,
    held="""
    Please assign {ticket}.
    Find an agent for {ticket}, please.
    """,
    pick=lambda d: {"ticket": d.ticket()},
)
