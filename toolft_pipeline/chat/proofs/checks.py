"""The four proofs on the rows of one trajectory: pure functions from ids, record and saved tokenizer to reasons.

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
    """A stretch of loss tokens, [start, end), and the place of the assistant message that it should be."""

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
    """The whole trajectory, after the policy for the system prompt."""

    @property
    def history(self) -> tuple[Message, ...]:
        """The messages up to the last trained turn."""
        message_indices = [span.message_index for span in self.spans if span.message_index is not None]
        return self.messages[: max(message_indices, default=-1) + 1]


def loss_spans(labels: Sequence[int]) -> list[tuple[int, int]]:
    """Stretches of labels that carry loss, as [start, end)."""
    spans, start = [], 0
    for carries, run in groupby(labels, key=lambda label: label != IGNORED):
        end = start + sum(1 for _ in run)
        if carries:
            spans.append((start, end))
        start = end
    return spans


def check_loss_mask(subject: RowUnderProof, *, tokenizer: PreTrainedTokenizerBase, oracle: Oracle) -> str | None:
    """Each span decodes to one assistant turn, end of turn included, and labels repeat the ids."""
    if len(subject.labels) != len(subject.input_ids):
        return f"{len(subject.labels)} labels for {len(subject.input_ids)} tokens"
    if not subject.spans:
        return "no token carries loss"
    for span in subject.spans:
        if list(subject.labels[span.start : span.end]) != list(subject.input_ids[span.start : span.end]):
            return f"labels differ from ids in tokens {span.start}..{span.end}"
        trained = _decode(tokenizer, subject.input_ids[span.start : span.end])
        if span.message_index is None:
            return f"loss on what is no assistant turn: {trained[:80]!r}"
        recorded = oracle.decoded("".join(part.text for part in oracle.answer(subject.messages[span.message_index])))
        if trained != recorded:
            return f"message {span.message_index}: loss on {_difference(trained, recorded)}"
    return None


def check_serving_prompt(
    subject: RowUnderProof,
    *,
    tokenizer: PreTrainedTokenizerBase,
    tools: list[dict[str, Any]],
    images: ImageServer | None = None,
) -> str | None:
    """The tokens before each span are the prompt that the saved tokenizer makes of the history; of one that shows
    images, the processor."""
    requests = [chat_message(message) for message in subject.messages]
    for span in subject.spans:
        if span.message_index is None:
            continue
        if span.message_index == 0:
            return "message 0: an assistant turn without any history cannot be served"
        try:
            served: list[int]
            if images is not None and any(image_parts(message) for message in subject.messages[: span.message_index]):
                served = images.prompt(requests[: span.message_index], tools=tools or None)
            else:
                served = tokenizer.apply_chat_template(
                    requests[: span.message_index], tools=tools or None, add_generation_prompt=True, return_dict=False
                )
        except (TemplateError, ValueError, TypeError) as error:
            return f"message {span.message_index}: the saved template fails on the history ({error})"
        trained = list(subject.input_ids[: span.start])
        if trained != served:
            message_index = _first_difference(trained, served)
            ours, theirs = (_decode(tokenizer, ids[message_index : message_index + 8]) for ids in (trained, served))
            return f"message {span.message_index}: token {message_index} of the context begins {ours!r}, a server sends {theirs!r}"
    return None


def check_parser(subject: RowUnderProof, *, tokenizer: PreTrainedTokenizerBase, oracle: Oracle) -> str | None:
    """The parser that is saved with the tokenizer reads the recorded calls and text out of each span."""
    for span in subject.spans:
        if span.message_index is None:
            continue
        message = subject.messages[span.message_index]
        trained = _decode(tokenizer, subject.input_ids[span.start : span.end])
        try:
            parsed = tokenizer.parse_response(trained, prefix=_decode(tokenizer, subject.input_ids[: span.start]))
            read = [
                (call["function"]["name"], canonical_json(call["function"]["arguments"]))
                for call in parsed.get("tool_calls", ())
            ]
        except (ValueError, KeyError, TypeError) as error:
            return f"message {span.message_index}: the parser fails on {trained[:80]!r} ({' '.join(str(error).split())[:120]})"
        if read != oracle.calls(message):
            return (
                f"message {span.message_index}: parsed calls are {_difference(str(read), str(oracle.calls(message)))}"
            )
        if (said := parsed.get("content", "")) != oracle.said(message):
            return f"message {span.message_index}: parsed text is {_difference(said, message.text)}"
        if (thought := parsed.get("reasoning_content", "")) != oracle.thought(message).strip():
            return f"message {span.message_index}: parsed reasoning is {_difference(thought, message.reasoning or '')}"
    return None


def check_control_tokens(
    subject: RowUnderProof,
    *,
    tokenizer: PreTrainedTokenizerBase,
    oracle: Oracle,
    control_ids: frozenset[int],
    catalog: bool,
    images: ImageServer | None = None,
) -> str | None:
    """The control tokens of the row are the markers of its syntax and nothing else; between them stands the record."""
    if not subject.history:
        return "no token carries loss: there is no turn to hold against the record"
    parts = oracle.row(subject.history, catalog=catalog)
    if images is not None:
        parts = oracle.with_images(parts, images.tokens)
    listed = parts.index(CATALOG) if catalog else len(parts)
    sides = parts[:listed], parts[listed + 1 :]
    known = _added_ids(tokenizer)
    if unknown := [one for one in oracle.turn_markers if one not in known]:
        return f"{', '.join(unknown)} is no token of this tokenizer: a turn has no beginning or end to learn"
    before, behind = ([known[one.text] for one in side if one.is_marker and one.text in known] for side in sides)
    found = [token for token in subject.input_ids if token in control_ids]
    if catalog:  # what the tools are is not in the record: their markers are passed over, and no other control token
        between = {known[token] for token in oracle.catalog_markers if token in known}
        end = max(len(found) - len(behind), len(before))
        found = [*found[: len(before)], *(t for t in found[len(before) : end] if t not in between), *found[end:]]
    wanted = [*before, *behind]
    if found != wanted:
        stray = next((a for a, b in zip(found, [*wanted, None], strict=False) if a != b), None)
        name = "fewer" if stray is None else f"{tokenizer.convert_ids_to_tokens(stray)} out of place"
        return f"{len(found)} control tokens where {len(wanted)} are wanted: {name}"
    opening, rest = (oracle.decoded("".join(part.text for part in side)) for side in sides)
    return _text_beside_record(_decode(tokenizer, subject.input_ids), opening, rest if catalog else None)


def _text_beside_record(written: str, opening: str, rest: str | None) -> str | None:
    """A row's text against the record: the whole of it, or what stands before a catalog and the `rest` behind it."""
    if rest is None:
        return f"the row holds {_difference(written, opening)}" if written != opening else None
    around = written[: len(opening)] + written[len(opening) :][-len(rest) :]
    if around != opening + rest:
        return f"beside the catalog stands {_difference(around, opening + rest)}"
    return None


def control_token_ids(tokenizer: PreTrainedTokenizerBase, oracle: Oracle) -> frozenset[int]:
    """Ids of the tokenizer's control tokens, by the oracle's own rule."""
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(token_id for token_id, token in added if oracle.is_control(token.content, special=token.special))


@lru_cache(maxsize=4)
def _added_ids(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Ids of the added tokens by their text. Gemma 3 has 6,384: making the table costs ten times a row's proofs."""
    ids: dict[str, int] = tokenizer.get_added_vocab()
    return ids


def _decode(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    text = tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)
    return text


def _difference(found: str, wanted: str) -> str:
    message_index = _first_difference(found, wanted)
    start = max(0, message_index - 20)
    return f"{found[start : start + 60]!r}, recorded is {wanted[start : start + 60]!r} (character {message_index})"


def _first_difference(one: Sequence[object], other: Sequence[object]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((message_index for message_index, (a, b) in pairs if a != b), min(len(one), len(other)))
