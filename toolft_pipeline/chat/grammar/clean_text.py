"""A regular expression of the texts that contain none of a format's control strings.

Invariant: no negation. llguidance's lexer works by derivatives, and the complement of "contains one of twenty strings"
has too many; a trie of the strings gives an expression of their total length instead.
"""

from __future__ import annotations

from collections.abc import Iterable

from toolft_pipeline.chat.grammar.lark_rules import GrammarError

_Trie = dict[str, "_Trie | None"]


def clean_text(control_strings: Iterable[str], *, outside: str = "", escape: str = "") -> str:
    """The body of a regular expression, without the slashes around it.

    `outside` are further characters that no text has, as the inside of a character class; `escape` is an expression
    that may stand for a character all the same. Raises `GrammarError` if a control string holds the first character of
    one beyond its own first, which none of ours does.
    """
    root: _Trie = {}
    for text in control_strings:
        _add(root, text)
    firsts = "".join(sorted(root))
    if any(first in text[1:] for text in control_strings for first in firsts):
        raise GrammarError("a control string holds the beginning of another")

    def plain(but: str) -> str:
        one = f"[^{''.join(map(escaped, sorted({*but, *firsts})))}{outside}]"
        return f"({one}|{escape})" if escape else one

    def after(node: _Trie) -> str:
        """What may follow a beginning of control strings: more of it, anything that leaves it, or nothing."""
        inner = [f"{escaped(char)}{after(child)}" for char, child in sorted(node.items()) if child is not None]
        leaves = plain("".join(node)) + plain("") + "*"
        return f"({'|'.join([*inner, leaves])})?"

    starts = "|".join(f"{escaped(char)}{after(child)}" for char, child in sorted(root.items()) if child is not None)
    return plain("") + "*" + (f"({starts})*" if starts else "")


def escaped(char: str) -> str:
    """A character within a regular expression, in a class or outside."""
    return char if char.isalnum() else f"\\x{{{ord(char):x}}}"


def _add(root: _Trie, text: str) -> None:
    """Add a string; where one is the beginning of another, the shorter forbids both."""
    node = root
    for char in text[:-1]:
        child = node.setdefault(char, {})
        if child is None:
            return
        node = child
    node[text[-1]] = None
