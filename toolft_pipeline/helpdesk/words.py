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

    def block(self, random: Random) -> int:
        """The first id of a block of 100 ids of four digits."""
        return random.choice(_BLOCKS[self.evaluation])

    def phone(self, random: Random) -> str:
        """A telephone number that nobody has."""
        return f"555-{self.block(random) + random.randrange(100)}"

    def phrase(self, random: Random) -> str:
        """A complaint as a user would title it: a thing and what is wrong with it."""
        return f"{random.choice(self.nouns)} {random.choice(self.problems)}"


_BLOCKS = {side: [n for n in range(1000, 10000, 100) if is_evaluation_id(n) == side] for side in (True, False)}


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


LOG_POOL = Pool(
    evaluation=False,
    first=_words(
        "maria james linda peter sofia david emma lucas nora felix clara simon julia oscar paula martin alice hugo "
        "diana victor elena tom irene bruno sara leo rosa karl vera max"
    ),
    last=_words(
        "lopez carter novak weber rossi silva meyer dubois larsen kowal brown fischer moreau costa bauer young "
        "jansen ricci torres blake hansen marino keller adams petit greco stone walsh berger lund"
    ),
    staff=_words("Nadia Omar Priya Sven Chloe Ivan Grace Mateo Hanna Ravi Tessa Jonas Lena Marco Wendy Dario"),
    adjectives=_words(
        "amber misty silver crimson gentle frosty golden velvet rapid quiet sunny wild copper lunar royal tiny "
        "noble coral brisk dusty ivory smoky polar rustic mellow"
    ),
    nouns=_words(
        "kettle lamp chair basket mirror blanket clock guitar tent bottle drill pillow jacket camera helmet "
        "speaker table wallet candle ladder carpet kayak teapot shelf scarf"
    ),
    streets=_words("Mill Park Lake Hill Church River Garden Station Market Forest Castle Bridge Harbor Meadow"),
    cities=_words("Lisbon Vienna Oslo Turin Lyon Porto Bremen Ghent Malmo Krakow Seville Bergen Graz Nantes"),
    hosts=_words("acme orbit delta nimbus zenith harbor pixel cedar"),
    problems=_lines(
        """
        arrived broken
        smells odd
        has a scratch
        stopped working
        is missing a part
        came in the wrong color
        makes a loud noise
        will not turn on
        is too small
        has a loose screw
        leaks a little
        was sent twice
        """
    ),
    remarks=_lines(
        """
        call back on friday
        waiting for photos
        customer is upset
        asked for a manager
        wants a new box
        spare part ordered
        prefers e-mail
        sent a video
        out of office till monday
        agreed to wait
        needs an answer today
        paid twice by mistake
        """
    ),
)

EVAL_POOL = Pool(
    evaluation=True,
    first=_words("anton beatrice cyril dolores edgar fiona gordon helga isaac judith kevin lorena"),
    last=_words("abbott castillo dvorak ericson fontana gallo hoffman ibarra johansson kramer lindqvist mercer"),
    staff=_words("Amira Boris Celia Dmitri Elsa Farid Gita Henrik"),
    adjectives=_words("scarlet breezy cosmic daring emerald floral humble indigo jolly lively"),
    nouns=_words("bicycle toaster umbrella backpack hammock printer cushion vase heater sofa"),
    streets=_words("Abbey Birch Cliff Dove Elm Falcon Grove Holly"),
    cities=_words("Antwerp Basel Cardiff Dresden Espoo Florence Gdansk Haarlem"),
    hosts=_words("quartz summit maple lagoon"),
    problems=_lines(
        """
        fell apart
        has a crack
        does not charge
        is full of dust
        overheats quickly
        lost its label
        bends too easily
        came without a manual
        """
    ),
    remarks=_lines(
        """
        lives abroad now
        expects a refund
        changed the phone number
        will visit the shop
        has an older model
        prefers to be texted
        lost the receipt
        sent back the box
        """
    ),
)
