"""The oracle of Gemma 4."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from toolft_pipeline.chat.proofs.gemma3_oracle import WORD_BORDER
from toolft_pipeline.chat.proofs.oracle import (
    CATALOG,
    Oracle,
    OraclePart,
    argument_value,
    canonical_json,
    control_pattern,
    image_parts,
    last_user_index,
    marker,
    token_strings,
    without_reasoning,
)
from toolft_pipeline.trajectories.record import Message, Role, ToolCall

TURN, TURN_END = marker("<|turn>"), marker("<turn|>")
RESULT, RESULT_END = marker("<|tool_response>"), marker("<tool_response|>")
QUOTE = marker('<|"|>')


class Gemma4Oracle(Oracle):
    """Calls, results and answer share one model turn; strings are between delimiters that cannot be escaped."""

    control = control_pattern(
        [
            *token_strings("<{}>", "bos eos pad unk mask |turn turn| |channel channel| |think| |tool tool|"),
            *token_strings("<{}>", "|tool_call tool_call| |tool_response tool_response|"),
            *token_strings("<{}>", "|image |image| image| |audio |audio| audio| |video|"),
            '<|"|>',
            "[multimodal]",
            "<unused",
        ]
    )
    image_markers = ("<|image>", "<|image|>", "<image|>")
    catalog_markers = frozenset({"<|tool>", "<tool|>", QUOTE.text})
    turn_tokens = (
        *token_strings("<{}>", "bos |turn turn| |tool_call tool_call| |tool_response tool_response|"),
        '<|"|>',
    )
    text_tokens = r"\s+|</?[a-z]+[1-6]?>"

    def expected_reasoning(self, message: Message) -> str:
        """The reasoning, trimmed."""
        return self.neutral_text((message.reasoning or "").strip())

    def expected_calls(self, message: Message) -> list[tuple[str, str]]:
        """Arguments with neutralized strings and keys: no escape keeps their value."""
        calls = ((call.name, argument_value(call.arguments_json)) for call in message.tool_calls)
        return [(name, canonical_json(self._neutral(value))) for name, value in calls]

    def assistant_turn(self, message: Message) -> list[OraclePart]:
        """Reasoning, text, calls; a turn with calls ends where the first result begins."""
        parts: list[OraclePart] = []
        if reasoning := self.expected_reasoning(message):
            parts += [marker("<|channel>"), OraclePart(f"thought\n{reasoning}\n"), marker("<channel|>")]
        parts.append(OraclePart(self.expected_text(message)))
        for call in message.tool_calls:
            parts += [
                marker("<|tool_call>"),
                OraclePart(f"call:{call.name}"),
                *self._value(argument_value(call.arguments_json)),
            ]
            parts.append(marker("<tool_call|>"))
        return [*parts, RESULT if message.tool_calls else TURN_END]

    def conversation(self, messages: Sequence[Message], *, catalog: bool) -> list[OraclePart]:
        """The system turn holds the catalog."""
        parts = [marker("<bos>")]
        system = messages[0] if messages[0].role is Role.SYSTEM else None
        if system or catalog:
            head = self.neutral_text(system.text.strip()) if system else ""
            parts += [TURN, OraclePart(f"system\n{head}"), *([CATALOG] if catalog else []), TURN_END, OraclePart("\n")]
        others = messages if system is None else messages[1:]
        last_user = last_user_index(others)
        called: tuple[ToolCall, ...] = ()
        before: Message | None = None
        for index, message in enumerate(others):
            after_call = before is not None and bool(before.tool_calls)
            after_result = before is not None and before.role is Role.TOOL
            if message.role is Role.ASSISTANT:
                parts += [] if after_call or after_result else [TURN, OraclePart("model\n")]
                parts += self.assistant_turn(message if index > last_user else without_reasoning(message))
                called = message.tool_calls
                if not called and index < len(others) - 1:
                    parts.append(OraclePart("\n"))
            elif message.role is Role.TOOL:
                parts += [] if after_call else [RESULT] if after_result else [TURN, OraclePart("model\n"), RESULT]
                name = next((call.name for call in reversed(called) if call.id == message.tool_call_id), message.name)
                parts += [OraclePart(f"response:{self.neutral_text(name or 'unknown')}{{value:"), QUOTE]
                parts += [
                    OraclePart(self.neutral_text(message.text)),
                    QUOTE,
                    OraclePart("}"),
                    RESULT_END,
                    *image_parts(message),
                ]
            else:
                parts += [TURN_END, OraclePart("\n")] if after_result else []
                parts += [
                    TURN,
                    OraclePart(f"{message.role.value}\n"),
                    *self._user_content(message),
                    TURN_END,
                    OraclePart("\n"),
                ]
            before = message
        return parts

    def _user_content(self, message: Message) -> list[OraclePart]:
        """A user's images, and the text between them, trimmed."""
        parts: list[OraclePart] = []
        for image, run in groupby(message.content, key=lambda part: part.image_sha256 is not None):
            if image:
                parts += [OraclePart(part.image_sha256 or "", is_image=True) for part in run]
            else:
                parts.append(OraclePart(self.neutral_text("".join(part.text or "" for part in run).strip())))
        return parts

    def as_decoded(self, text: str) -> str:
        """Word-border marks become spaces."""
        return text.replace(WORD_BORDER, " ")

    def _string(self, text: str) -> list[OraclePart]:
        return [QUOTE, OraclePart(self._neutral(text)), QUOTE]

    def _neutral(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.neutral_text(value).replace("\x01", "\u2401").replace("\x02", "\u2402")
        if isinstance(value, dict):
            return {self._neutral(key): self._neutral(inner) for key, inner in value.items()}
        return [self._neutral(inner) for inner in value] if isinstance(value, list) else value

    def _value(self, value: Any) -> list[OraclePart]:
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, dict):
            inner = [
                [*self._key(key), OraclePart(":"), *self._value(one)]
                for key, one in sorted(value.items(), key=lambda item: item[0].lower())
            ]
            return [OraclePart("{"), *_separated(inner), OraclePart("}")]
        if isinstance(value, list):
            return [OraclePart("["), *_separated([self._value(one) for one in value]), OraclePart("]")]
        return [OraclePart("null" if value is None else str(value).lower() if isinstance(value, bool) else str(value))]

    def _key(self, key: str) -> list[OraclePart]:
        bare = key.replace("_", "a").isalnum() and f"_{key}".isidentifier()
        return [OraclePart(key)] if bare else self._string(key)


def _separated(parts: list[list[OraclePart]]) -> list[OraclePart]:
    return [part for number, one in enumerate(parts) for part in ([OraclePart(",")] if number else []) + one]
