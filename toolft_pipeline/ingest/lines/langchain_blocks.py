"""Read the content blocks of a LangChain message.

Invariant: a block is read, skipped because `tool_calls` repeats it, or refused by name; none is lost. The types are
those of `langchain_core.messages.content`, and the providers' blocks that its `block_translators` know.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.images.image_blocks import ContentBlock, image_part
from toolft_pipeline.ingest.parsing.nested_json import NULL
from toolft_pipeline.ingest.parsing.reading import joined_parts, text_parts
from toolft_pipeline.ingest.parsing.rejects import InvalidCallError, UnsupportedError
from toolft_pipeline.trajectories.record import Part, Role

REASONING_BLOCKS = frozenset({"reasoning", "thinking", "reasoning_content"})
"""LangChain and OpenAI's Responses; Anthropic and Google; Bedrock."""
CALL_BLOCKS = frozenset({"tool_call", "tool_call_chunk", "tool_use", "input_json_delta", "function_call"})
"""LangChain; Anthropic and Bedrock, whole and as streamed; OpenAI's Responses and Google."""
SKIPPED_BLOCKS = frozenset({"redacted_thinking"})
"""Encrypted: only the provider can read it."""
REFUSED_BLOCKS = frozenset(
    {
        # calls of the provider's own tools: no catalog has them, and nothing can replay them
        *("server_tool_call", "server_tool_call_chunk", "server_tool_result"),
        *("server_tool_use", "web_search_tool_result", "code_execution_tool_result", "mcp_tool_use", "mcp_tool_result"),
        *("web_search_call", "file_search_call", "code_interpreter_call", "computer_call", "image_generation_call"),
        *("mcp_call", "mcp_list_tools", "mcp_approval_request", "tool_search_call", "tool_search_output"),
        *("executable_code", "code_execution_result"),
        # calls whose arguments are not JSON, and content that is neither text nor an image
        *("custom_tool_call", "non_standard", "json", "search_result"),
        *("audio", "input_audio", "video", "file", "file_data", "media", "document", "text-plain"),
    }
)
"""Types that a reject reason names; any other type is a value of the log and is not quoted."""


class _Text(Struct):
    text: str = ""


def _paragraphs(parts: Sequence[_Text] | None) -> str:
    return "\n\n".join(part.text for part in parts or ())


class Block(ContentBlock):
    """One block of a message's content."""

    thinking: str | None = None
    reasoning: str | None = None
    reasoning_content: str | _Text | None = None
    summary: list[_Text] | None = None
    content: Raw = NULL
    refusal: str | None = None
    id: str | None = None
    call_id: str | None = None

    @property
    def reasoning_text(self) -> str:
        """The text of a reasoning block, or its summary, whose parts are paragraphs."""
        whole = self.reasoning_content
        whole = whole.text if isinstance(whole, _Text) else whole
        given = msgspec.json.decode(self.content, type=str | list[_Text] | None)
        content = given if isinstance(given, str) else _paragraphs(given)
        return self.thinking or self.reasoning or whole or content or _paragraphs(self.summary)


class _ReasoningObject(Struct):
    text: str | None = None
    summary: list[_Text] | None = None

    @property
    def as_text(self) -> str:
        return self.text or _paragraphs(self.summary)


class AdditionalKwargs(Struct):
    """What integrations put into `additional_kwargs`.

    The fields are raw, because a user's message may have anything there.
    """

    reasoning_content: Raw = NULL
    """DeepSeek, Groq, Ollama, xAI: the text."""
    reasoning: Raw = NULL
    """OpenAI's Responses before `output_version`, and OpenRouter: an object with `summary`, or the text."""
    thinking: Raw = NULL
    """Bedrock before Converse: an object with `text`."""
    refusal: Raw = NULL
    tool_calls: Raw = NULL
    function_call: Raw = NULL
    tool_outputs: Raw = NULL
    """Calls of OpenAI's own tools, before `output_version`."""
    weight: Raw = NULL
    train: Raw = NULL

    def reasoning_text(self) -> str | None:
        """Return the reasoning next to the content, if any."""
        return next(filter(None, map(_text, (self.reasoning_content, self.reasoning, self.thinking))), None)

    def refusal_text(self) -> str | None:
        """Return the model's refusal to answer, if any."""
        return _text(self.refusal) or None

    def refuse_unlisted_calls(self, *, calls: bool) -> None:
        """Raise `UnsupportedError` if the turn made calls that are not in `tool_calls`."""
        for key, raw in (("tool_calls", self.tool_calls), ("function_call", self.function_call)):
            if not calls and _is_set(raw):
                raise UnsupportedError(f"a tool call is only in additional_kwargs.{key}; log it in tool_calls")
        if _is_set(self.tool_outputs):
            raise UnsupportedError(
                "a turn used the provider's own tools (additional_kwargs.tool_outputs); leave such runs out"
            )


def read_blocks(
    content: str | Sequence[str | Block], role: Role, *, call_ids: Collection[str | None]
) -> tuple[tuple[Part, ...], str | None]:
    """Read the content and the reasoning of a message.

    `call_ids` are those of its `tool_calls`. Raises `RefusedError`.
    """
    if isinstance(content, str):
        return text_parts(content), None
    parts: list[str | Part | None] = []
    reasoning = []
    has_calls = False
    for block in content:
        if not isinstance(block, str) and block.type in CALL_BLOCKS:
            refuse_call_only_in_block(block, call_ids)
            has_calls = True
        elif not isinstance(block, str) and block.type in REASONING_BLOCKS:
            reasoning.append(block.reasoning_text)
        elif (part := _part(block, role)) and has_calls:
            raise UnsupportedError(
                "an assistant turn has text after its tool calls; log that text as a turn of its own"
            )
        else:
            parts.append(part)
    return joined_parts(*parts), "".join(reasoning) or None


def _part(block: str | Block, role: Role) -> str | Part | None:
    if isinstance(block, str):
        return block
    if block.type in ("text", "refusal"):
        return block.text or block.refusal
    return non_text_part(block, role)


def non_text_part(block: Block, role: Role) -> Part | None:
    """Read a block that is not text.

    Raises `RefusedError` for one that is not supported.
    """
    if block.type in SKIPPED_BLOCKS:
        return None
    if block.type == "invalid_tool_call":
        raise InvalidCallError(
            "the agent could not parse a tool call of the model (a block invalid_tool_call); leave such runs out"
        )
    if block.type in REFUSED_BLOCKS:
        raise UnsupportedError(
            f"a message of role {role} has a block of type {block.type}, which is not supported; use text or images"
        )
    return image_part(block, role)


def refuse_call_only_in_block(block: Block, call_ids: Collection[str | None]) -> None:
    """Raise `UnsupportedError` for a call in a block with none of these ids."""
    id_ = block.call_id or block.id
    if not call_ids or (id_ and id_ not in call_ids):
        raise UnsupportedError(f"a tool call is only in a block of type {block.type}; log it in tool_calls")


def _is_set(raw: Raw) -> bool:
    return bytes(raw) not in (b"null", b"[]", b"{}")


def _text(raw: Raw) -> str:
    """Return a text, or the text of an object that holds one."""
    data = bytes(raw)
    if data.startswith(b'"'):
        return msgspec.json.decode(data, type=str)
    return msgspec.json.decode(data, type=_ReasoningObject).as_text if data.startswith(b"{") else ""
