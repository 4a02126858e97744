"""What the content blocks of a LangChain message say: text, images, reasoning, and calls that stand elsewhere too.

Invariant: a block is read, left out because `tool_calls` says the same, or refused by its name; none vanishes. The
types are those of `langchain_core.messages.content` and of the providers' own blocks that its `block_translators` know.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.images.image_blocks import ContentBlock, image_part
from toolft_pipeline.ingest.parsing.reading import (
    NULL,
    InvalidCallError,
    UnsupportedError,
    joined_parts,
    text_parts,
)
from toolft_pipeline.trajectories.record import Part, Role

REASONING_BLOCKS = frozenset({"reasoning", "thinking", "reasoning_content"})
"""LangChain and OpenAI's Responses; Anthropic and Google; Bedrock."""
CALL_BLOCKS = frozenset({"tool_call", "tool_call_chunk", "tool_use", "input_json_delta", "function_call"})
"""LangChain; Anthropic and Bedrock, whole and as streamed; OpenAI's Responses and Google."""
SKIPPED_BLOCKS = frozenset({"redacted_thinking"})
"""Encrypted: nothing in it can be read, by anyone but the provider."""
REFUSED_BLOCKS = frozenset(
    {
        # what the provider's own tools did: no catalog has them, and nothing can do it again
        *("server_tool_call", "server_tool_call_chunk", "server_tool_result"),
        *("server_tool_use", "web_search_tool_result", "code_execution_tool_result", "mcp_tool_use", "mcp_tool_result"),
        *("web_search_call", "file_search_call", "code_interpreter_call", "computer_call", "image_generation_call"),
        *("mcp_call", "mcp_list_tools", "mcp_approval_request", "tool_search_call", "tool_search_output"),
        *("executable_code", "code_execution_result"),
        # calls whose arguments are no JSON, and what is neither text nor an image
        *("custom_tool_call", "non_standard", "json", "search_result"),
        *("audio", "input_audio", "video", "file", "file_data", "media", "document", "text-plain"),
    }
)
"""Named to whoever reads the reject; another type is a value of the log, which no reject quotes."""


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
    def thought(self) -> str:
        """What a block of reasoning says: its text, or its summary, whose parts are paragraphs."""
        whole = self.reasoning_content
        whole = whole.text if isinstance(whole, _Text) else whole
        given = msgspec.json.decode(self.content, type=str | list[_Text] | None)
        content = given if isinstance(given, str) else _paragraphs(given)
        return self.thinking or self.reasoning or whole or content or _paragraphs(self.summary)


class _Thought(Struct):
    text: str | None = None
    summary: list[_Text] | None = None

    @property
    def said(self) -> str:
        return self.text or _paragraphs(self.summary)


class AdditionalKwargs(Struct):
    """What integrations put beside the content (`additional_kwargs`), raw: a user's message may hold anything there."""

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
    """What OpenAI's own tools did, before `output_version`."""

    def thought(self) -> str | None:
        """The reasoning that stands beside the content, if any."""
        return next(filter(None, map(_said, (self.reasoning_content, self.reasoning, self.thinking))), None)

    def refused(self) -> str | None:
        """The model's refusal to answer, where the content is empty."""
        return _said(self.refusal) or None

    def check(self, *, calls: bool) -> None:
        """Raise `UnsupportedError` where the turn did something that its `tool_calls` do not say."""
        for key, raw in (("tool_calls", self.tool_calls), ("function_call", self.function_call)):
            if not calls and _holds(raw):
                raise UnsupportedError(f"a call stands in additional_kwargs.{key} alone and not in tool_calls")
        if _holds(self.tool_outputs):
            raise UnsupportedError("a turn used tools of the provider's own (additional_kwargs.tool_outputs)")


def read_blocks(
    content: str | Sequence[str | Block], role: Role, *, call_ids: Collection[str | None]
) -> tuple[tuple[Part, ...], str | None]:
    """What a message shows, and its reasoning. `call_ids` are those of its `tool_calls`. Raises `RefusedError`."""
    if isinstance(content, str):
        return text_parts(content), None
    shown: list[str | Part | None] = []
    thoughts = []
    called = False
    for block in content:
        if not isinstance(block, str) and block.type in CALL_BLOCKS:
            refuse_call_only_in_block(block, call_ids)
            called = True
        elif not isinstance(block, str) and block.type in REASONING_BLOCKS:
            thoughts.append(block.thought)
        elif (said := _shown(block, role)) and called:
            raise UnsupportedError("an assistant turn says something after its calls")
        else:
            shown.append(said)
    return joined_parts(*shown), "".join(thoughts) or None


def _shown(block: str | Block, role: Role) -> str | Part | None:
    if isinstance(block, str):
        return block
    if block.type in ("text", "refusal"):
        return block.text or block.refusal
    return non_text_part(block, role)


def non_text_part(block: Block, role: Role) -> Part | None:
    """What a block shows that is no text. Raises `RefusedError` for one that the record cannot hold."""
    if block.type in SKIPPED_BLOCKS:
        return None
    if block.type == "invalid_tool_call":
        raise InvalidCallError("the agent's own parser could not read a call (a block invalid_tool_call)")
    if block.type in REFUSED_BLOCKS:
        raise UnsupportedError(f"a turn of the {role} carries a block {block.type}, which the record cannot hold")
    return image_part(block, role)


def refuse_call_only_in_block(block: Block, call_ids: Collection[str | None]) -> None:
    """Raise `UnsupportedError` for a call that stands in a block and not among the calls of these ids."""
    id_ = block.call_id or block.id
    if not call_ids or (id_ and id_ not in call_ids):
        raise UnsupportedError(f"a call stands in a block {block.type} alone and not in tool_calls")


def _holds(raw: Raw) -> bool:
    return bytes(raw) not in (b"null", b"[]", b"{}")


def _said(raw: Raw) -> str:
    """A text, or the text of an object that holds one."""
    data = bytes(raw)
    if data.startswith(b'"'):
        return msgspec.json.decode(data, type=str)
    return msgspec.json.decode(data, type=_Thought).said if data.startswith(b"{") else ""
