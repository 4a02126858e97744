"""The four proofs of one row: pure functions from ids, record and saved tokenizer to the reason of a failure.

Invariant: nothing here imports what it checks (rendering, encoding, parser, format). The serving side is the saved
tokenizer alone, used as a server uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from toolft_pipeline.chat.proofs.image_server import ImageServer
from toolft_pipeline.chat.proofs.oracle import CATALOG, Oracle, canonical_json, chat_message, image_parts
from toolft_pipeline.trajectories.record import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100


@dataclass(frozen=True, kw_only=True)
class LossSpan:
    """Tokens [start, end) that carry loss, and the index of the assistant message that they should be."""

    start: int
    end: int
    message_index: int | None


@dataclass(frozen=True, kw_only=True)
class RowUnderProof:
    """One row under proof: what the trainer will read, and what was recorded."""

    input_ids: Sequence[int]
    labels: Sequence[int]
    spans: tuple[LossSpan, ...]
    messages: tuple[Message, ...]
    """The whole trajectory, under the policy for the system prompt."""

    @property
    def history(self) -> tuple[Message, ...]:
        """The messages up to the last trained turn."""
        indices = [span.message_index for span in self.spans if span.message_index is not None]
        return self.messages[: max(indices, default=-1) + 1]


def loss_spans(labels: Sequence[int]) -> list[tuple[int, int]]:
    """Spans [start, end) of labels that carry loss."""
    spans, start = [], 0
    for carries, run in groupby(labels, key=lambda label: label != IGNORED):
        end = start + sum(1 for _ in run)
        if carries:
            spans.append((start, end))
        start = end
    return spans


def check_loss_mask(row: RowUnderProof, *, tokenizer: PreTrainedTokenizerBase, oracle: Oracle) -> str | None:
    """Check that each span decodes to one assistant turn, end of turn included, and that its labels are its ids."""
    if len(row.labels) != len(row.input_ids):
        return f"{len(row.labels)} labels for {len(row.input_ids)} tokens"
    if not row.spans:
        return "no token carries loss"
    for span in row.spans:
        if list(row.labels[span.start : span.end]) != list(row.input_ids[span.start : span.end]):
            return f"labels differ from ids in tokens {span.start}..{span.end}"
        trained = _decode(tokenizer, row.input_ids[span.start : span.end])
        if span.message_index is None:
            return f"loss outside of any assistant turn: {trained[:80]!r}"
        turn = oracle.assistant_turn(row.messages[span.message_index])
        recorded = oracle.as_decoded("".join(part.text for part in turn))
        if trained != recorded:
            return f"message {span.message_index}: loss on {_difference(trained, recorded)}"
    return None


def check_serving_prompt(
    row: RowUnderProof,
    *,
    tokenizer: PreTrainedTokenizerBase,
    tools: list[dict[str, Any]],
    images: ImageServer | None = None,
) -> str | None:
    """Check that the tokens before each span are the prompt that the saved tokenizer makes of the history, or the
    processor where the history shows images."""
    messages = [chat_message(message) for message in row.messages]
    for span in row.spans:
        index = span.message_index
        if index is None:
            continue
        if index == 0:
            return "message 0: an assistant turn without any history cannot be served"
        try:
            served: list[int]
            if images is not None and any(image_parts(message) for message in row.messages[:index]):
                served = images.prompt(messages[:index], tools=tools or None)
            else:
                served = tokenizer.apply_chat_template(
                    messages[:index], tools=tools or None, add_generation_prompt=True, return_dict=False
                )
        except (TemplateError, ValueError, TypeError) as error:
            return f"message {index}: the saved template fails on the history ({error})"
        context = list(row.input_ids[: span.start])
        if context != served:
            at = _first_difference(context, served)
            ours, theirs = (_decode(tokenizer, ids[at : at + 8]) for ids in (context, served))
            return f"message {index}: token {at} of the context begins {ours!r}, a server sends {theirs!r}"
    return None


def check_parser(row: RowUnderProof, *, tokenizer: PreTrainedTokenizerBase, oracle: Oracle) -> str | None:
    """Check that the saved parser reads the recorded calls, text and reasoning from each span."""
    for span in row.spans:
        index = span.message_index
        if index is None:
            continue
        message = row.messages[index]
        trained = _decode(tokenizer, row.input_ids[span.start : span.end])
        try:
            parsed = tokenizer.parse_response(trained, prefix=_decode(tokenizer, row.input_ids[: span.start]))
            calls = [
                (call["function"]["name"], canonical_json(call["function"]["arguments"]))
                for call in parsed.get("tool_calls", ())
            ]
        except (ValueError, KeyError, TypeError) as error:
            return f"message {index}: the parser fails on {trained[:80]!r} ({' '.join(str(error).split())[:120]})"
        recorded = oracle.expected_calls(message)
        if calls != recorded:
            return f"message {index}: parsed calls are {_difference(str(calls), str(recorded))}"
        if (text := parsed.get("content", "")) != oracle.expected_text(message):
            return f"message {index}: parsed text is {_difference(text, message.text)}"
        if (reasoning := parsed.get("reasoning_content", "")) != oracle.expected_reasoning(message).strip():
            return f"message {index}: parsed reasoning is {_difference(reasoning, message.reasoning or '')}"
    return None


def check_control_tokens(
    row: RowUnderProof,
    *,
    tokenizer: PreTrainedTokenizerBase,
    oracle: Oracle,
    control_ids: frozenset[int],
    catalog: bool,
    images: ImageServer | None = None,
) -> str | None:
    """Check that the row's control tokens are exactly the markers of its syntax, with the record between them."""
    if not row.history:
        return "no token carries loss: there is no turn to compare with the record"
    parts = oracle.conversation(row.history, catalog=catalog)
    if images is not None:
        parts = oracle.with_images(parts, images.token_count)
    catalog_at = parts.index(CATALOG) if catalog else len(parts)
    sides = parts[:catalog_at], parts[catalog_at + 1 :]
    known = _added_ids(tokenizer)
    if missing := [token for token in oracle.turn_tokens if token not in known]:
        return f"the tokenizer has no token {', '.join(missing)}: turns have no begin or end that could be learned"
    before, after = ([known[part.text] for part in side if part.is_marker and part.text in known] for side in sides)
    actual = [token for token in row.input_ids if token in control_ids]
    if catalog:  # the record does not say what the tools are: skip their markers, but no other control token
        allowed = {known[token] for token in oracle.catalog_markers if token in known}
        end = max(len(actual) - len(after), len(before))
        inside = [token for token in actual[len(before) : end] if token not in allowed]
        actual = [*actual[: len(before)], *inside, *actual[end:]]
    expected = [*before, *after]
    if actual != expected:
        stray = next((a for a, b in zip(actual, [*expected, None], strict=False) if a != b), None)
        what = "some are missing" if stray is None else f"{tokenizer.convert_ids_to_tokens(stray)} is out of place"
        return f"{len(actual)} control tokens instead of {len(expected)}: {what}"
    opening, rest = (oracle.as_decoded("".join(part.text for part in side)) for side in sides)
    return _check_text(_decode(tokenizer, row.input_ids), opening, rest if catalog else None)


def _check_text(actual: str, opening: str, rest: str | None) -> str | None:
    """Compare a row's text with the record: all of it, or the `opening` before a catalog and the `rest` after it."""
    if rest is None:
        return f"the row holds {_difference(actual, opening)}" if actual != opening else None
    around = actual[: len(opening)] + actual[len(opening) :][-len(rest) :]
    if around != opening + rest:
        return f"around the catalog the row holds {_difference(around, opening + rest)}"
    return None


def control_token_ids(tokenizer: PreTrainedTokenizerBase, oracle: Oracle) -> frozenset[int]:
    """Ids of the tokenizer's control tokens, by the oracle's own rule."""
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(token_id for token_id, token in added if oracle.is_control(token.content, special=token.special))


@lru_cache(maxsize=4)
def _added_ids(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Ids of the added tokens by text. For Gemma 3's 6,384 the table takes ten times as long as a row's proofs."""
    ids: dict[str, int] = tokenizer.get_added_vocab()
    return ids


def _decode(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    text = tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)
    return text


def _difference(actual: str, recorded: str) -> str:
    at = _first_difference(actual, recorded)
    start = max(0, at - 20)
    return f"{actual[start : start + 60]!r}, recorded is {recorded[start : start + 60]!r} (character {at})"


def _first_difference(one: Sequence[object], other: Sequence[object]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
