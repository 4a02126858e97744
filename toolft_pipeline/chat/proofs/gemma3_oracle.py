"""The oracle of Gemma 3 with tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

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

WORD_BORDER = "\u2581"
"""The tokenizer's mark for a space; one in content is decoded as a space."""

START, END = marker("<start_of_turn>"), marker("<end_of_turn>")


class Gemma3Oracle(Oracle):
    """Calls are JSON inside model turns; a system prompt and a catalog open the first user turn."""

    control = control_pattern(
        [
            *token_strings("<{}>", "bos eos pad unk mask start_of_turn end_of_turn start_of_image end_of_image"),
            *token_strings("<{}>", "tool_call /tool_call tool_response /tool_response"),
            "[multimodal]",
            "<unused",
        ]
    )
    turn_tokens = ("<bos>", "<start_of_turn>", "<end_of_turn>")
    text_tokens = r"\s+|</?[a-z]+[1-6]?>"

    def assistant_turn(self, message: Message) -> list[OraclePart]:
        """Text, one call a line, end of turn."""
        text = self.expected_text(message)
        calls = [
            f'<tool_call>{{"name": {self.json_text(call.name)}, '
            f'"arguments": {self.json_text(argument_value(call.arguments_json))}}}</tool_call>'
            for call in message.tool_calls
        ]
        return [OraclePart("\n".join([text, *calls] if text else calls)), END]

    def conversation(self, messages: Sequence[Message], *, catalog: bool) -> list[OraclePart]:
        """Consecutive results share one user turn."""
        system = self.neutral_text(messages[0].text) if messages[0].role is Role.SYSTEM else ""
        others = messages[1:] if messages[0].role is Role.SYSTEM else messages
        head = [OraclePart(system)] if system else []
        if catalog:
            head += [OraclePart("\n\n"), CATALOG] if system else [CATALOG]
        turns = list(self._turns(others))
        if head and others[0].role is Role.ASSISTANT:
            turns.insert(0, ("user", [*head, END]))
        elif head:
            speaker, content = turns[0]
            turns[0] = (speaker, [*head, OraclePart("\n\n"), *content])
        parts = [marker("<bos>")]
        for number, (speaker, content) in enumerate(turns):
            parts += [OraclePart("\n")] if number else []
            parts += [START, OraclePart(f"{speaker}\n"), *content]
        return parts

    def _turns(self, messages: Sequence[Message]) -> Iterator[tuple[str, list[OraclePart]]]:
        for is_tool, run in groupby(messages, key=lambda message: message.role is Role.TOOL):
            if is_tool:
                results = (f"<tool_response>{self.neutral_text(one.text)}</tool_response>" for one in run)
                yield "user", [OraclePart("\n".join(results)), END]
                continue
            for message in run:
                if message.role is Role.ASSISTANT:
                    yield "model", self.assistant_turn(message)
                else:
                    yield "user", [OraclePart(self.neutral_text(message.text)), END]

    def as_decoded(self, text: str) -> str:
        """Word-border marks become spaces."""
        return text.replace(WORD_BORDER, " ")
