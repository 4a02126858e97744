"""The office that the assistant works in: contacts, notes and an outbox, rebuilt from a name.

`office-N` are the states of the logs, `branch-N` those of the evaluation tasks: the two share no person, no city and
no product, so that a model which only remembers the logs finds nothing.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

_POOLS = {
    "office": {
        "first": ["Ada", "Boris", "Clara", "Dmitri", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas"],
        "last": ["Novak", "Okafor", "Petit", "Quist", "Rossi", "Silva", "Tanaka", "Unger", "Varga", "Weber"],
        "city": ["Lisbon", "Oslo", "Vienna", "Porto", "Ghent", "Turin", "Malmo", "Lyon"],
        "product": ["Aster", "Birch", "Cedar", "Dahlia", "Elm", "Fern", "Ginkgo", "Hazel"],
    },
    "branch": {
        "first": ["Karin", "Luca", "Mona", "Nils", "Olga", "Pablo", "Rosa", "Stefan"],
        "last": ["Adler", "Bianchi", "Costa", "Duval", "Eriksen", "Fischer", "Garcia", "Horvat"],
        "city": ["Madrid", "Prague", "Bergen", "Naples", "Bruges", "Krakow"],
        "product": ["Iris", "Juniper", "Laurel", "Maple", "Oak", "Poplar"],
    },
}
_TEAMS = ["sales", "finance", "legal", "design", "support"]


@dataclass(frozen=True)
class Contact:
    """Somebody to write to."""

    name: str
    email: str
    team: str


@dataclass(frozen=True)
class Note:
    """A price that the office has written down: of a hotel night or of a laptop."""

    title: str
    subject: str
    price: int


@dataclass
class World:
    """One state; only the outbox ever changes."""

    contacts: list[Contact]
    notes: list[Note]
    outbox: list[dict[str, object]] = field(default_factory=list)


def build_world(state_ref: str) -> World:
    """The named state. Raises `ValueError` for a name of no state."""
    match = re.fullmatch(r"(office|branch)-\d+", state_ref)
    if match is None:
        raise ValueError(f"no state {state_ref!r}; states are office-N and branch-N")
    pool, rng = _POOLS[match[1]], random.Random(state_ref)
    contacts = [
        Contact(f"{first} {last}", f"{first}.{last}@example.com".lower(), rng.choice(_TEAMS))
        for first, last in zip(rng.sample(pool["first"], 6), rng.sample(pool["last"], 6), strict=True)
    ]
    hotels = [Note(f"Hotel night in {city}", city, rng.randrange(60, 180)) for city in rng.sample(pool["city"], 3)]
    laptops = [Note(f"{name} laptop", name, rng.randrange(600, 1900, 10)) for name in rng.sample(pool["product"], 3)]
    return World(contacts=contacts, notes=hotels + laptops)
