"""What a generated text is: an answer, calls, or a fault that is reported as one.

Invariant: the turn is what evaluation reads in the same text. Arguments that the schema refuses are no fault: the tool
will refuse them, as it did in training; their reasons are counted.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.serving.chat_request import ChatRequest, ToolChoice
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.served_turn import TurnFault


@dataclass(frozen=True, kw_only=True)
class ReadTurn:
    """A parsed turn, why no agent may act on it, and what the validator says of its calls."""

    turn: ParsedTurn
    fault: TurnFault | None = None
    fault_detail: str | None = None
    invalid_arguments: tuple[str, ...] = ()


def read_served_turn(request: ChatRequest, model: ServedModel, *, text: str, finished: bool, n_tokens: int) -> ReadTurn:
    """Read a generated text as evaluation does; `finished` is False where the token limit cut it."""
    generation = Generation(text=text, n_prompt_tokens=0, n_new_tokens=n_tokens, latency_ms=0.0, finished=finished)
    turn = model.prompter.read(generation)
    if not finished:
        return ReadTurn(turn=turn, fault=TurnFault.CUT, fault_detail=f"the token limit cut the turn at {n_tokens}")
    return check_turn(request, turn, model.validator)


def check_turn(request: ChatRequest, turn: ParsedTurn, validator: CatalogValidator) -> ReadTurn:
    """What is wrong with a finished turn, whoever wrote it."""
    if turn.malformed:
        detail = "a tool call that cannot be parsed, or control text in an answer"
        return ReadTurn(turn=turn, fault=TurnFault.MALFORMED, fault_detail=detail)
    offered = {tool["function"]["name"] for tool in request.tools}
    unknown = [call.name for call in turn.calls if call.name not in offered]
    if unknown and request.tool_choice is not ToolChoice.NONE:
        detail = f"a call of {', '.join(map(repr, unknown))}, which the request does not offer"
        return ReadTurn(turn=turn, fault=TurnFault.UNKNOWN_TOOL, fault_detail=detail)
    disobeyed = _disobeyed(request, turn)
    if disobeyed is not None:
        return ReadTurn(turn=turn, fault=TurnFault.TOOL_CHOICE, fault_detail=disobeyed)
    return ReadTurn(turn=turn, invalid_arguments=_invalid_arguments(turn, validator))


def new_call_ids(turn: ParsedTurn) -> tuple[str, ...]:
    """An id for each call, unique over all conversations."""
    return tuple(f"call_{uuid.uuid4().hex}" for _ in turn.calls)


def _disobeyed(request: ChatRequest, turn: ParsedTurn) -> str | None:
    """What of the request's `tool_choice` and `parallel_tool_calls` a turn disobeys."""
    names = [call.name for call in turn.calls]
    if request.tool_choice is ToolChoice.NONE and names:
        return f"tool_choice is none, and the turn calls {', '.join(map(repr, names))}"
    if request.named_tool is not None and (not names or set(names) != {request.named_tool}):
        called = ", ".join(map(repr, names)) or "nothing"
        return f"tool_choice names {request.named_tool!r}, and the turn calls {called}"
    if request.tool_choice is ToolChoice.REQUIRED and not names:
        return "tool_choice is required, and the turn calls nothing"
    if not request.parallel_tool_calls and len(names) > 1:
        return f"parallel_tool_calls is false, and the turn has {len(names)} calls"
    return None


def _invalid_arguments(turn: ParsedTurn, validator: CatalogValidator) -> tuple[str, ...]:
    """The validator's reasons, for the tools of the catalog; a client's other tools have no compiled schema."""
    known = [call for call in turn.calls if call.name in validator.names]
    checked = [(call.name, validator.check(call.name, call.arguments_json)) for call in known]
    return tuple(f"{name}: {reason}" for name, reason in checked if reason is not None)
