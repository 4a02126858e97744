"""Nothing to call: small talk and questions beyond the desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from helpdesk.draw import Draw
from helpdesk.family import Level, Say, Slots, Way, family
from toolft_pipeline.trajectories.category import Category


def said(
    name: str,
    *,
    held: str,
    pick: Callable[[Draw], dict[str, Any]],
    ending: str = "no_tool",
    log: str = "",
    level: Level = Level.NEW_WORDING,
) -> None:
    """A family that is answered at once, with the saying of its name."""

    def way(s: Slots) -> Way:
        yield Say(name, dict(s), ending)

    family(name, Category.NO_TOOL, log=log, held=held, pick=pick, level=level)(way)


said(
    "greeting",
    log="""
    Hi, this is {first} from {city}.
    Hello, {first} in {city} here.
    My name is {first}, I sit in {city}.
    It is {first}, {city} branch.
    {first} of {city} says hello.
    Good morning, {first} from the {city} office.
    {first} from {city} speaking.
    Hey there, {first} from {city} here.
    You are talking to {first} in {city}.
    Good evening from {city}, this is {first}.
    """,
    held="""
    Good morning, this is {first} from {city}.
    Hello from {first} in {city}.
    """,
    pick=lambda d: {"first": d.first_name(), "city": d.city()},
)
said(
    "thanks",
    log="""
    Thanks a lot, {first} in {city} is happy.
    All good now, {first} in {city} thanks you.
    Thank you, says {first} from {city}.
    {first} in {city} appreciates the help.
    That helped, says {first} from {city}.
    Great work, thanks from {first}, {city}.
    Perfect, thank you from {first} in {city}.
    Very kind, {first} from {city} says thanks.
    That was all, thanks, {first} from {city}.
    """,
    held="""
    Thanks a lot from {first} in {city}.
    Great, thank you, {first} from {city}.
    """,
    pick=lambda d: {"first": d.first_name(), "city": d.city()},
)
said(
    "beyond_the_desk",
    ending="refused",
    log="""
    What is the weather in {city}?
    Write a poem about a {sku} in {city}.
    Find me a restaurant in {city}.
    Who is the mayor of {city}?
    Book me a flight to {city}.
    Recommend a museum in {city}.
    How do I get to {city}?
    Who won the match in {city}?
    Tell me a joke about a {sku}.
    What time is it in {city}?
    Sing a song about {city}.
    """,
    held="""
    What is the weather like in {city}?
    Which good hotel in {city} do you recommend?
    """,
    pick=lambda d: {"city": d.city(), "sku": d.sku()},
)
said(
    "what_can_you_do",
    level=Level.NEW_FAMILY,
    held="""
    I am {first}, new in {city}. What can you do for me?
    {first}, {city}: which things do you handle?
    """,
    pick=lambda d: {"first": d.first_name(), "city": d.city()},
)
said(
    "who_are_you",
    level=Level.NEW_FAMILY,
    held="""
    {first} in {city} asks: who are you?
    Am I talking to a person or a program? {first}, {city}.
    """,
    pick=lambda d: {"first": d.first_name(), "city": d.city()},
)
said(
    "closing_time",
    level=Level.NEW_FAMILY,
    held="""
    I am off for today, says {first} from {city}.
    {first} in {city} calls it a day, see you tomorrow.
    """,
    pick=lambda d: {"first": d.first_name(), "city": d.city()},
)
