"""System prompts: some state a rule of the house, and every run under it obeys.

Invariant: a run under a rule calls none of the tools that the rule guards unless its family knows the rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from helpdesk.family import Family

CANCEL_LIMIT, REFUND_LIMIT = 500, 400
"""Euros."""

_INTROS = (
    "You are the help desk of a mail-order shop. Answer in the user's language.",
    "You work at the service desk of a shop for household goods and answer colleagues in their own language.",
    "Help desk assistant. Use the tools, answer in the language of the user, and name ids in full.",
)
_HELD_INTRO = "You support the staff of a retailer. Reply in the language you are addressed in."

RULES = {
    "cancel": f"Look an order up before you cancel it: above {CANCEL_LIMIT} euros only a manager cancels.",
    "refund": f"Look an invoice up before you refund it: above {REFUND_LIMIT} euros only accounting refunds.",
    "close": "Look at a ticket before you close it: tickets tagged legal stay open.",
}
"""What the house does not allow, by name."""

_MET_BY = {
    "cancel": ("cancel_order", "cancel_shipped", "look_then_cancel", "cancel_after_reason", "cancel_the_new_one"),
    "refund": ("undo_invoice", "void_paid"),
    "close": ("close_ticket", "close_all_open", "duplicate_noted"),
}
"""Families that would meet a rule without knowing it."""

SIGNED = "Sign every answer with \u201c\u2013 Desk\u201d."
BRIEF = "Answer in one short sentence."
_STYLES = (SIGNED, BRIEF)


@dataclass(frozen=True, kw_only=True)
class House:
    """The system prompt of a run, if it has one."""

    text: str | None = None

    @property
    def signs(self) -> bool:
        """Whether answers are signed."""
        return self.text is not None and SIGNED in self.text

    @property
    def brief(self) -> bool:
        """Whether the shortest phrasing is wanted."""
        return self.text is not None and BRIEF in self.text


def house_of(family: Family, *, random: Random, held: bool) -> House:
    """The system prompt for a run of a family: its own rule, a rule that it does not meet, a style, or nothing."""
    intro = _HELD_INTRO if held else random.choice(_INTROS)
    drawn, style = random.random(), random.choice(_STYLES)
    free = [name for name in RULES if family.name not in _MET_BY[name] and family.rule is None]
    other = random.choice(free or list(RULES))
    if family.rule is not None:
        return House(text=f"{intro} {RULES[family.rule]}" + (f" {style}" if drawn < 0.3 else ""))
    if drawn < 0.5:
        return House()
    return House(text=f"{intro} {RULES[other]}" if drawn < 0.65 and free else f"{intro} {style}")
