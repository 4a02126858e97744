"""Answers that are a client library's object as Python prints it: what was in it was never logged as such."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from toolft_pipeline.errors import FixableError
from toolft_pipeline.ingest.parsing.rejects import RejectReason
from toolft_pipeline.trajectories.record import Message, Role

_CLASSES = (
    r"Response(?:Function|Output|Reasoning|Custom|Computer)\w*|ParsedResponse\w*|ChatCompletion\w*|ParsedChatCompletion\w*"
    r"|\w*ToolCall\w*|ToolUseBlock|TextBlock|ThinkingBlock|AIMessage\w*|ModelResponse|ToolCallPart|TextPart|FunctionCall"
)
_PRINTED = re.compile(rf"\s*[\[(]?\s*(?:\w{{1,40}}\.){{0,6}}(?:{_CLASSES})\(\w{{1,40}}=")
"""`ResponseFunctionToolCall(arguments='{...}', call_id=...`, alone or in a list."""


class PythonReprError(FixableError, ValueError):
    """An assistant turn whose text is an object as Python prints it."""

    reason: ClassVar[RejectReason] = RejectReason.LOSSY_EXPORT

    def __init__(self) -> None:
        super().__init__(
            "an answer's text is an object of a client library as Python prints it (repr); log the object as JSON, for "
            "example by its model_dump(mode='json')"
        )


def is_python_repr(text: str) -> bool:
    """Whether a text begins as Python prints an object of the known client libraries."""
    return _PRINTED.match(text) is not None


def refuse_python_reprs(messages: Iterable[Message]) -> None:
    """Raise `PythonReprError` where an assistant turn is such a text."""
    if any(message.role is Role.ASSISTANT and is_python_repr(message.text) for message in messages):
        raise PythonReprError
