"""The oracle of Llama 3.1 and 3.2."""

from __future__ import annotations

from collections.abc import Sequence

from toolft_pipeline.chat.proofs.oracle import (
    CATALOG,
    Oracle,
    OraclePart,
    argument_value,
    control_pattern,
    marker,
    token_strings,
)
from toolft_pipeline.trajectories.record import Message, Role

END = marker("<|eot_id|>")
OPENING = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"


class Llama3Oracle(Oracle):
    """Calls are bare JSON, results JSON strings, and the catalog opens the first user turn."""

    control = control_pattern(
        [
            *token_strings(
                "<|{}|>", "begin_of_text end_of_text start_header_id end_header_id eot_id eom_id python_tag step_id"
            ),
            *token_strings("<|{}|>", "finetune_right_pad_id image"),
            "<|reserved_special_token_",
        ]
    )

    turn_tokens = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")

    def expected_text(self, message: Message) -> str:
        """Text with a space in whatever begins like a call."""
        return super().expected_text(message).replace('{"name": ', '{ "name": ')

    def assistant_turn(self, message: Message) -> list[OraclePart]:
        """Text, all calls on one line, end of turn."""
        token_strings = ((call.name, argument_value(call.arguments_json)) for call in message.tool_calls)
        calls = "; ".join(
            f'{{"name": {self.json_text(name)}, "parameters": {self.json_text(value)}}}'
            for name, value in token_strings
        )
        return [OraclePart("\n".join(text for text in (self.expected_text(message), calls) if text)), END]

    def conversation(self, messages: Sequence[Message], *, catalog: bool) -> list[OraclePart]:
        """A system turn opens every conversation."""
        system = messages[0].text if messages[0].role is Role.SYSTEM else None
        others = messages if system is None else messages[1:]
        opening = ("Environment: ipython\n" if catalog else "") + OPENING + self.neutral_text((system or "").strip())
        parts = [marker("<|begin_of_text|>"), *_header("system"), OraclePart(opening), END]
        if catalog and others[0].role is not Role.USER:
            parts += [*_header("user"), CATALOG, END]
        for index, message in enumerate(others):
            if message.role is Role.ASSISTANT:
                parts += [*_header("assistant"), *self.assistant_turn(message)]
            elif message.role is Role.TOOL:
                parts += [*_header("ipython"), OraclePart(self.json_text(message.text)), END]
            else:
                tools = [CATALOG] if catalog and index == 0 and message.role is Role.USER else []
                parts += [
                    *_header(message.role.value),
                    *tools,
                    OraclePart(self.neutral_text(message.text.strip())),
                    END,
                ]
        return parts


def _header(role: str) -> list[OraclePart]:
    return [marker("<|start_header_id|>"), OraclePart(role), marker("<|end_header_id|>"), OraclePart("\n\n")]
