"""A request body as a `ChatRequest`: decoded, bounded, checked."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from toolft_pipeline.ingest.parsing.nested_json import MAX_NESTING, is_too_deep
from toolft_pipeline.serving.api.errors import ApiError, RequestError
from toolft_pipeline.serving.api.message_checks import checked_messages
from toolft_pipeline.serving.api.parameter_checks import (
    Streaming,
    checked_sampling,
    checked_streaming,
    refuse_parameters,
)
from toolft_pipeline.serving.api.places import Placed
from toolft_pipeline.serving.api.tool_checks import checked_tools
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.settings.serving import ServerLimits

CONVERSATION_HEADER = "X-Conversation-Id"
_CONVERSATION = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")


class Sender(NamedTuple):
    """What is known of a request beside its body."""

    request_id: str
    client: str
    conversation_header: str | None


class CheckedRequest(NamedTuple):
    """A request that may be answered, and how."""

    chat: ChatRequest
    model: str
    streaming: Streaming


def decoded(body: bytes) -> Any:
    """The JSON value of a body. Raises `RequestError`."""
    if is_too_deep(body):
        raise RequestError("body", f"is nested deeper than {MAX_NESTING} levels")
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError("body", f"is not JSON ({error})") from error


def checked_request(body: bytes, sender: Sender, *, limits: ServerLimits, strict_holds: bool = False) -> CheckedRequest:
    """Check everything that can be checked without the model. Raises `ApiError`."""
    top = Placed(decoded(body), "")
    if type(top.value) is not dict:
        raise RequestError("body", "must be an object")
    refuse_parameters(top)
    messages = top["messages"]
    if len(messages.expect(list)) > limits.messages:
        raise messages.error(f"holds {len(messages.value)} messages; this server takes {limits.messages} "
                             "(serving.limits.messages)")  # fmt: skip
    chosen = checked_tools(top, most=limits.tools, strict_holds=strict_holds)
    sampling = checked_sampling(top, most_new_tokens=limits.new_tokens)
    metadata = _metadata(top["metadata"])
    chat = ChatRequest(
        request_id=sender.request_id,
        conversation_id=_conversation(top, sender.conversation_header),
        client=sender.client,
        messages=checked_messages(messages),
        tools=chosen.tools,
        max_new_tokens=sampling.max_new_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        seed=sampling.seed,
        tool_choice=chosen.choice,
        named_tool=chosen.named,
        parallel_tool_calls=chosen.parallel,
        metadata=metadata,
    )
    return CheckedRequest(chat=chat, model=top["model"].expect(str), streaming=checked_streaming(top))


def unknown_model(asked: str, known: tuple[str, ...]) -> ApiError:
    """404, as OpenAI answers it."""
    return ApiError(
        404,
        f"The model {asked[:100]!r} does not exist; this server has {' and '.join(known)}",
        place="model",
        code="model_not_found",
    )


def _metadata(metadata: Placed) -> dict[str, str]:
    """The client's own facts, texts under names."""
    if metadata.value is None:
        return {}
    metadata.expect(dict)
    return {fact.place.removeprefix("metadata."): fact.expect(str) for fact in metadata.sent()}


def _conversation(body: Placed, header: str | None) -> str | None:
    """The client's own id of the conversation, from the header or `metadata.conversation_id`."""
    metadata = body["metadata"]
    given = Placed(None, "metadata.conversation_id") if metadata.value is None else metadata["conversation_id"]
    ids = [each for each in (Placed(header, CONVERSATION_HEADER), given) if each.value is not None]
    for each in ids:
        if not _CONVERSATION.fullmatch(each.expect(str)):
            raise each.error("must be 1 to 128 letters, digits or one of . _ : @ / + = -")
    if len({each.value for each in ids}) > 1:
        raise given.error(f"contradicts the header {CONVERSATION_HEADER}")
    return ids[0].value if ids else None
