"""The part of a turn that may be streamed before the whole turn is known.

Invariant: what was streamed is the beginning of the text that the format's parser finds in the whole turn, and holds
nothing of a call. So everything from the first call marker or control string on waits for the parser, and so does an
end of the text that may become one. Whitespace waits too, because the parser strips it at both ends.
"""

from __future__ import annotations

from toolft_pipeline.chat.formats.chat_format import ChatFormat


class VisibleText:
    """Takes a turn in parts and says what of it may be shown so far."""

    def __init__(self, chat_format: ChatFormat) -> None:
        self._markers = (chat_format.call_marker, *chat_format.control_strings)
        self._longest = max(map(len, self._markers))
        self._text = ""
        self.shown = ""
        self.held_for_parser = False
        """Whether a marker was seen: the rest of the turn is the parser's."""

    def feed(self, text: str) -> str:
        """Add the next part of the turn; returns the text to show besides what was shown before."""
        if self.held_for_parser or not text:
            return ""
        searched_from = max(0, len(self._text) - self._longest)
        self._text += text
        found = [at for marker in self._markers if (at := self._text.find(marker, searched_from)) >= 0]
        self.held_for_parser = bool(found)
        end = min(found) if found else len(self._text) - self._may_become_marker()
        visible = self._text[:end].strip()
        new = visible[len(self.shown) :]
        self.shown = visible
        return new

    def _may_become_marker(self) -> int:
        """The length of the longest end of the text that a marker begins with."""
        longest = min(self._longest - 1, len(self._text))
        ends = (length for length in range(longest, 0, -1) if self._begins_marker(self._text[-length:]))
        return next(ends, 0)

    def _begins_marker(self, end: str) -> bool:
        return any(marker.startswith(end) for marker in self._markers)
