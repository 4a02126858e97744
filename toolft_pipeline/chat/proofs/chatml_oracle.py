"""The oracles of ChatML with Hermes calls, and of Qwen3, which adds the reasoning."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from toolft_pipeline.chat.proofs.oracle import (
    CATALOG,
    Oracle,
    OraclePart,
    argument_value,
    control_pattern,
    last_user_index,
    marker,
    token_strings,
    without_reasoning,
)
from toolft_pipeline.trajectories.record import Message, Role

START, END = marker("<|im_start|>"), marker("<|im_end|>")
CALL, CALL_END = marker("<tool_call>"), marker("</tool_call>")
RESULT, RESULT_END = marker("<tool_response>"), marker("</tool_response>")
THINK, THINK_END = marker("<think>"), marker("</think>")

HERMES = token_strings("<{}>", "tool_call /tool_call tool_response /tool_response tools /tools think /think")
QWEN = token_strings(
    "<|{}|>",
    "im_start im_end endoftext object_ref_start object_ref_end box_start box_end quad_start quad_end vision_start "
    "vision_end vision_pad image_pad video_pad fim_prefix fim_middle fim_suffix fim_pad repo_name file_sep",
)
SMOLLM2 = token_strings(
    "<{}>",
    "repo_name reponame file_sep filename gh_stars issue_start issue_comment issue_closed jupyter_start jupyter_text "
    "jupyter_code jupyter_output jupyter_script empty_output",
)


class ChatmlOracle(Oracle):
    """Calls are JSON between markers in the answer, results are in a user turn."""

    control = control_pattern([*QWEN, *SMOLLM2, *HERMES])
    turn_tokens = ("<|im_start|>", "<|im_end|>")
    catalog_markers = frozenset({"<tool_call>", "</tool_call>"})

    def assistant_turn(self, message: Message) -> list[OraclePart]:
        """Reasoning, text, one call a line, end of turn."""
        parts: list[OraclePart] = []
        if reasoning := self.expected_reasoning(message):
            parts += [THINK, OraclePart(f"\n{reasoning}\n"), THINK_END, OraclePart("\n\n")]
        parts.append(OraclePart(self.expected_text(message)))
        for number, call in enumerate(message.tool_calls):
            name, arguments = self.json_text(call.name), self.json_text(argument_value(call.arguments_json))
            parts.append(OraclePart("\n" if number or self.expected_text(message) else ""))
            parts += [CALL, OraclePart(f'\n{{"name": {name}, "arguments": {arguments}}}\n'), CALL_END]
        return [*parts, END]

    def conversation(self, messages: Sequence[Message], *, catalog: bool) -> list[OraclePart]:
        """The system turn holds the catalog; consecutive results share one user turn."""
        turns = list(self._turns(messages, last_user=last_user_index(messages)))
        if catalog:
            has_system = messages[0].role is Role.SYSTEM
            system = self.neutral_text(messages[0].text) if has_system else ""
            head = [OraclePart(f"{system}\n\n"), CATALOG] if system else [CATALOG]
            turns = [("system", [OraclePart("\n"), *head, END]), *(turns[1:] if has_system else turns)]
        parts: list[OraclePart] = []
        for number, (speaker, content) in enumerate(turns):
            parts += [OraclePart("\n" if number else ""), START, OraclePart(speaker), *content]
        return parts

    def _turns(self, messages: Sequence[Message], *, last_user: int) -> Iterator[tuple[str, list[OraclePart]]]:
        for is_tool, run in groupby(enumerate(messages), key=lambda pair: pair[1].role is Role.TOOL):
            if is_tool:
                yield "user", [*(part for _, message in run for part in self._result(message)), END]
                continue
            for index, message in run:
                if message.role is Role.ASSISTANT:
                    turn = self.assistant_turn(message if index > last_user else without_reasoning(message))
                    yield "assistant", [OraclePart("\n"), *turn]
                else:
                    yield message.role.value, [OraclePart(f"\n{self.neutral_text(message.text)}"), END]

    def _result(self, message: Message) -> list[OraclePart]:
        return [OraclePart("\n"), RESULT, OraclePart(f"\n{self.neutral_text(message.text)}\n"), RESULT_END]


class Qwen3Oracle(ChatmlOracle):
    """The same turns with a reasoning block; the tokenizer composes accents (NFC)."""

    control = control_pattern([*QWEN, *HERMES])

    def expected_reasoning(self, message: Message) -> str:
        """The reasoning without the newlines around it."""
        return self.neutral_text((message.reasoning or "").strip("\n"))

    def as_decoded(self, text: str) -> str:
        """Composed, as Qwen's normalizer has it."""
        return unicodedata.normalize("NFC", text)
