"""Gemma 4, from the record."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from toolft_pipeline.chat.proofs.gemma3_oracle import WORD_BORDER
from toolft_pipeline.chat.proofs.oracle import (
    CATALOG,
    Oracle,
    Part,
    comparable,
    control_pattern,
    images_of,
    last_question,
    marker,
    named,
    unreasoned,
    value_of,
)
from toolft_pipeline.trajectories.record import Message, Role, ToolCall

TURN, TURN_END = marker("<|turn>"), marker("<turn|>")
RESULT, RESULT_END = marker("<|tool_response>"), marker("<tool_response|>")
QUOTE = marker('<|"|>')


class Gemma4Oracle(Oracle):
    """Calls, results and answer share one model turn; strings stand between delimiters that cannot be escaped."""

    control = control_pattern(
        [
            *named("<{}>", "bos eos pad unk mask |turn turn| |channel channel| |think| |tool tool|"),
            *named("<{}>", "|tool_call tool_call| |tool_response tool_response|"),
            *named("<{}>", "|image |image| image| |audio |audio| audio| |video|"),
            '<|"|>',
            "[multimodal]",
            "<unused",
        ]
    )
    image_markers = ("<|image>", "<|image|>", "<image|>")
    catalog_markers = frozenset({"<|tool>", "<tool|>", QUOTE.text})
    turn_markers = (
        *named("<{}>", "bos |turn turn| |tool_call tool_call| |tool_response tool_response|"),
        '<|"|>',
    )
    text_tokens = r"\s+|</?[a-z]+[1-6]?>"

    def thought(self, message: Message) -> str:
        """The reasoning, trimmed."""
        return self.neutral_text((message.reasoning or "").strip())

    def calls(self, message: Message) -> list[tuple[str, str]]:
        """Arguments whose strings and keys are neutralized: there is no escape that keeps their value."""
        read = ((call.name, value_of(call.arguments_json)) for call in message.tool_calls)
        return [(name, comparable(self._neutral(value))) for name, value in read]

    def answer(self, message: Message) -> list[Part]:
        """Reasoning, text, calls; a turn with calls ends where the first result opens."""
        parts: list[Part] = []
        if thought := self.thought(message):
            parts += [marker("<|channel>"), Part(f"thought\n{thought}\n"), marker("<channel|>")]
        parts.append(Part(self.said(message)))
        for call in message.tool_calls:
            parts += [marker("<|tool_call>"), Part(f"call:{call.name}"), *self._value(value_of(call.arguments_json))]
            parts.append(marker("<tool_call|>"))
        return [*parts, RESULT if message.tool_calls else TURN_END]

    def row(self, messages: Sequence[Message], *, catalog: bool) -> list[Part]:
        """The system turn holds the catalog."""
        parts = [marker("<bos>")]
        system = messages[0] if messages[0].role is Role.SYSTEM else None
        if system or catalog:
            head = self.neutral_text(system.text.strip()) if system else ""
            parts += [TURN, Part(f"system\n{head}"), *([CATALOG] if catalog else []), TURN_END, Part("\n")]
        spoken = messages if system is None else messages[1:]
        asked = last_question(spoken)
        called: tuple[ToolCall, ...] = ()
        before: Message | None = None
        for place, message in enumerate(spoken):
            after_call = before is not None and bool(before.tool_calls)
            after_result = before is not None and before.role is Role.TOOL
            if message.role is Role.ASSISTANT:
                parts += [] if after_call or after_result else [TURN, Part("model\n")]
                parts += self.answer(message if place > asked else unreasoned(message))
                called = message.tool_calls
                if not called and place < len(spoken) - 1:
                    parts.append(Part("\n"))
            elif message.role is Role.TOOL:
                parts += [] if after_call else [RESULT] if after_result else [TURN, Part("model\n"), RESULT]
                name = next((call.name for call in reversed(called) if call.id == message.tool_call_id), message.name)
                parts += [Part(f"response:{self.neutral_text(name or 'unknown')}{{value:"), QUOTE]
                parts += [Part(self.neutral_text(message.text)), QUOTE, Part("}"), RESULT_END, *images_of(message)]
            else:
                parts += [TURN_END, Part("\n")] if after_result else []
                parts += [TURN, Part(f"{message.role.value}\n"), *self._shown(message), TURN_END, Part("\n")]
            before = message
        return parts

    def _shown(self, message: Message) -> list[Part]:
        """What a user says between images, trimmed, and the images."""
        parts: list[Part] = []
        for image, run in groupby(message.content, key=lambda part: part.image_sha256 is not None):
            if image:
                parts += [Part(part.image_sha256 or "", is_image=True) for part in run]
            else:
                parts.append(Part(self.neutral_text("".join(part.text or "" for part in run).strip())))
        return parts

    def decoded(self, text: str) -> str:
        """Word borders come back as spaces."""
        return text.replace(WORD_BORDER, " ")

    def _string(self, text: str) -> list[Part]:
        return [QUOTE, Part(self._neutral(text)), QUOTE]

    def _neutral(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.neutral_text(value).replace("\x01", "\u2401").replace("\x02", "\u2402")
        if isinstance(value, dict):
            return {self._neutral(key): self._neutral(inner) for key, inner in value.items()}
        return [self._neutral(inner) for inner in value] if isinstance(value, list) else value

    def _value(self, value: Any) -> list[Part]:
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, dict):
            inner = [
                [*self._key(key), Part(":"), *self._value(one)]
                for key, one in sorted(value.items(), key=lambda item: item[0].lower())
            ]
            return [Part("{"), *_separated(inner), Part("}")]
        if isinstance(value, list):
            return [Part("["), *_separated([self._value(one) for one in value]), Part("]")]
        return [Part("null" if value is None else str(value).lower() if isinstance(value, bool) else str(value))]

    def _key(self, key: str) -> list[Part]:
        bare = key.replace("_", "a").isalnum() and f"_{key}".isidentifier()
        return [Part(key)] if bare else self._string(key)


def _separated(parts: list[list[Part]]) -> list[Part]:
    return [part for number, one in enumerate(parts) for part in ([Part(",")] if number else []) + one]
