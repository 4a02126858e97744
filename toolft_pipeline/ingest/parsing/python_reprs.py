"""Refuse answers that are the Python repr of a client library's object.

Their content was never logged in a readable form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from toolft_pipeline.ingest.parsing.rejects import RefusedError, RejectReason
from toolft_pipeline.trajectories.record import Message, Role

_CLASSES = (
    r"Response(?:Function|Output|Reasoning|Custom|Computer)\w*|ParsedResponse\w*|ChatCompletion\w*|ParsedChatCompletion\w*"
    r"|\w*ToolCall\w*|ToolUseBlock|TextBlock|ThinkingBlock|AIMessage\w*|ModelResponse|ToolCallPart|TextPart|FunctionCall"
)
_REPR = re.compile(rf"\s*[\[(]?\s*(?:\w{{1,40}}\.){{0,6}}(?:{_CLASSES})\(\w{{1,40}}=")
"""`ResponseFunctionToolCall(arguments='{...}', call_id=...`, alone or in a list."""


class PythonReprError(RefusedError):
    """The text of an assistant turn is the repr of a Python object."""

    reason = RejectReason.LOSSY_EXPORT

    def __init__(self) -> None:
        super().__init__(
            "an answer's text is the Python repr of a client library's object; log the object as JSON, for example "
            "with model_dump(mode='json')"
        )


def is_python_repr(text: str) -> bool:
    """Whether a text begins like the repr of an object of the known client libraries."""
    return _REPR.match(text) is not None


def refuse_python_reprs(messages: Iterable[Message]) -> None:
    """Raise `PythonReprError` if the text of an assistant turn is such a repr."""
    if any(message.role is Role.ASSISTANT and is_python_repr(message.text) for message in messages):
        raise PythonReprError
