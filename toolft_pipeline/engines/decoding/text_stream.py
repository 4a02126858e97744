"""The text of a generation while it is written.

Invariant: the parts together are `StopRule.text` of all tokens. A part never ends within a character, and holds
nothing of a stop text, nor of what may become one.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolft_pipeline.engines.decoding.stop_rule import StopRule


class TextStream:
    """Text of one generation, given out part by part."""

    def __init__(self, stops: StopRule) -> None:
        self._stops = stops
        self._text = ""
        """All that is decoded; `_given` characters of it were given out."""
        self._given = 0
        self._from, self._upto = 0, 0
        """Tokens from `_from` on are decoded together, because a token's text may depend on the one before; those
        before `_upto` are in `_text`."""

    def more(self, tokens: Sequence[int]) -> str:
        """What can be given out now that these are the tokens, the last one new and no stop.

        A run of byte tokens waits for its end, because one more byte may spoil all of it.
        """
        if tokens[-1] in self._stops.byte_ids:
            return ""
        known = self._stops.decode(tokens[self._from : self._upto])
        now = self._stops.decode(tokens[self._from :])
        if now.endswith("\ufffd") or not now.startswith(known):
            return ""
        self._text += now[len(known) :]
        self._from, self._upto = self._upto, len(tokens)
        return self._give(self._text[: self._safe()])

    def rest(self, tokens: Sequence[int]) -> str:
        """What is left when the generation has ended."""
        return self._give(self._stops.text(tokens))

    def _give(self, text: str) -> str:
        part = text[self._given :]
        self._given = max(self._given, len(text))
        return part

    def _safe(self) -> int:
        """Characters that no later token can take back."""
        safe = len(self._text)
        for stop in self._stops.texts:
            found = self._text.find(stop)
            if found >= 0:
                safe = min(safe, found)
            begun = (n for n in range(min(len(stop) - 1, len(self._text)), 0, -1) if self._text.endswith(stop[:n]))
            safe = min(safe, len(self._text) - next(begun, 0))
        return safe
