"""The words that worlds are made of, in two pools that share no value.

Invariant: a value of the evaluation pool (a name, a product, an id, a phrase) never stands in a world of the log
pool, so that what a model was trained on cannot hold an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


def is_evaluation_id(number: int) -> bool:
    """Whether a four-digit id belongs to evaluation: ids are dealt in blocks of 100, about one in eight of them."""
    return number >= 1000 and number // 100 * 61 % 90 < 11


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The words of one side."""

    evaluation: bool
    first: tuple[str, ...]
    last: tuple[str, ...]
    staff: tuple[str, ...]
    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    hosts: tuple[str, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]
    problems_de: tuple[str, ...]
    problems_es: tuple[str, ...]
    remarks_de: tuple[str, ...]
    remarks_es: tuple[str, ...]

    def block(self, random: Random) -> int:
        """The first id of a block of 100 ids of four digits."""
        return random.choice(_BLOCKS[self.evaluation])

    def phone(self, random: Random) -> str:
        """A telephone number that nobody has."""
        return f"555-{self.block(random) + random.randrange(100)}"

    def phrase(self, random: Random, language: str = "en") -> str:
        """A complaint as a user would title it: a thing and what is wrong with it."""
        problems = {"en": self.problems, "de": self.problems_de, "es": self.problems_es}[language]
        return f"{random.choice(self.nouns)} {random.choice(problems)}"

    def remarks_in(self, language: str) -> tuple[str, ...]:
        """What notes say, in a language."""
        return {"en": self.remarks, "de": self.remarks_de, "es": self.remarks_es}[language]

    def letter(self, random: Random) -> str:
        """A long note on a ticket: what somebody wrote, in three or four sentences."""
        parts = [f"The {random.choice(self.adjectives)} {self.phrase(random)}"]
        parts += [f"{random.choice(_WHO)} {random.choice(self.remarks)}" for _ in range(random.randrange(2, 4))]
        return ". ".join(parts) + "."


_WHO = ("The customer", "The caller", "The buyer", "According to the letter the customer")

_BLOCKS = {side: [n for n in range(1000, 10000, 100) if is_evaluation_id(n) == side] for side in (True, False)}


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())
