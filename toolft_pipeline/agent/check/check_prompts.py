"""The verdict on recorded requests: prompt by prompt, token by token, each difference named once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from msgspec import Struct

from toolft_pipeline.agent.check.comparison import Difference, Message, message_differences, text_of
from toolft_pipeline.agent.check.script import TOOL_NAMES, TURNS
from toolft_pipeline.chat.rendering.conversation import REPLACE


class PromptMaker(Protocol):
    """What makes the ids of a history; evaluation's `ServedPrompter` does."""

    def prompt(self, messages: list[Message]) -> list[int]:
        """Token ids before the next assistant turn."""


class RequestCheck(Struct, frozen=True, kw_only=True):
    """One request: its tokens against training's, and the differences that no earlier request had."""

    turn: int
    n_expected: int
    n_sent: int
    first_difference: int | None
    """Place of the first token that differs; None if the prompts are equal."""
    differences: tuple[Difference, ...] = ()


class AgentCheck(Struct, frozen=True, kw_only=True):
    """All requests of a conversation."""

    requests: tuple[RequestCheck, ...]
    general: tuple[Difference, ...] = ()
    """What concerns no single message: tools, a conversation that ended early."""

    @property
    def agrees(self) -> bool:
        """Whether every prompt is the one of training, and the conversation was played to its end."""
        return not self.general and all(each.first_difference is None for each in self.requests)


def check_requests(
    bodies: Sequence[dict[str, Any]], *, prompter: PromptMaker, system: str | None, policy: str
) -> AgentCheck:
    """Compare the requests that an agent sent with training's prompts of the scripted conversation.

    `system` is the system prompt that the agent was trained with, `policy` the agent file's `chat.system_prompt`.
    """
    checks, seen = [], set[tuple[str, str]]()
    for turn, body in enumerate(bodies):
        sent = [dict(message) for message in body["messages"]]
        expected = _expected(turn, bodies, system=system)
        wanted_ids, sent_ids = prompter.prompt(expected), prompter.prompt(_canonical(sent))
        first = _first_difference(wanted_ids, sent_ids)
        found = [*_system_differences(sent, system=system, policy=policy), *_history_differences(expected, sent)]
        if first is None:  # what the template does not show, a space at the end say, is no difference
            found = []
        new = [each for each in found if (each.name, each.where) not in seen]
        seen |= {(each.name, each.where) for each in new}
        checks.append(
            RequestCheck(
                turn=turn + 1,
                n_expected=len(wanted_ids),
                n_sent=len(sent_ids),
                first_difference=first,
                differences=tuple(new),
            )
        )
    return AgentCheck(requests=tuple(checks), general=tuple(_general(bodies)))


def _expected(turn: int, bodies: Sequence[dict[str, Any]], *, system: str | None) -> list[Message]:
    """Training's history before a turn. The user's own words are taken from the requests."""
    history: list[Message] = [] if system is None else [{"role": "system", "content": system}]
    history.append({"role": "user", "content": _last_user_text(bodies[0])})
    for each in TURNS[:turn]:
        history += [each.message(), *each.results()]
    if not TURNS[turn - 1].calls and turn:
        history.append({"role": "user", "content": _last_user_text(bodies[turn])})
    return history


def _last_user_text(body: dict[str, Any]) -> str:
    texts = [text_of(message.get("content")) for message in body["messages"] if message.get("role") == "user"]
    return texts[-1] if texts else ""


def _history_differences(expected: Sequence[Message], sent: Sequence[Message]) -> Iterator[Difference]:
    return message_differences(_without_system(expected), _without_system(sent))


def _without_system(messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if message.get("role") not in {"system", "developer"}]


def _system_differences(sent: Sequence[Message], *, system: str | None, policy: str) -> Iterator[Difference]:
    """The system prompt against the trained one, where the agent file does not replace or drop it anyhow."""
    if policy == "strip" or policy.startswith(REPLACE):
        return
    texts = [text_of(message.get("content")) for message in sent if message.get("role") in {"system", "developer"}]
    if texts != ([] if system is None else [system]):
        yield Difference(
            name="system prompt changed",
            where="system",
            expected=system or "none",
            sent="\n".join(texts) or "none",
            fix="send the system prompt of the logs that the model was trained on, or set chat.system_prompt and train",
        )


def _canonical(messages: Sequence[Message]) -> list[Message]:
    """What a server makes of the messages: contents as one text, results named by their calls."""
    names: dict[str, str] = {}
    canonical = []
    for message in messages:
        role = "system" if message.get("role") == "developer" else message.get("role")
        made: Message = {"role": role, "content": text_of(message.get("content"))}
        if message.get("tool_calls"):
            made |= {"content": made["content"] or None, "tool_calls": message["tool_calls"]}
            names |= {call["id"]: call["function"]["name"] for call in message["tool_calls"]}
        if role == "tool":
            made |= {"tool_call_id": message.get("tool_call_id"), "name": names.get(message.get("tool_call_id", ""))}
        canonical.append(made)
    return canonical


def _first_difference(expected: Sequence[int], sent: Sequence[int]) -> int | None:
    if list(expected) == list(sent):
        return None
    pairs = enumerate(zip(expected, sent, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(expected), len(sent)))


def _general(bodies: Sequence[dict[str, Any]]) -> Iterator[Difference]:
    """Tools, and whether the conversation was played to its end."""
    offered = [str(tool.get("function", {}).get("name")) for tool in (bodies[0].get("tools") or [])] if bodies else []
    missing = [name for name in TOOL_NAMES if name not in offered]
    if bodies and missing:
        prefixed = [each for each in offered if any(each.endswith(name) for name in missing)]
        yield Difference(
            name="tools renamed" if prefixed else "tools not offered",
            where="tools",
            expected=", ".join(missing),
            sent=", ".join(prefixed or offered) or "none",
            fix="offer tools under their own names; switch off prefixes of a server's name"
            if prefixed
            else "give the agent the check's MCP server",
        )
    if len(bodies) < len(TURNS) - 1:
        yield Difference(
            name="the agent stopped early",
            where=f"after request {len(bodies)}",
            expected=f"{len(TURNS) - 1} requests",
            sent=f"{len(bodies)} requests",
            fix="see the agent's own log: an error or a limit of turns ended its loop",
        )
