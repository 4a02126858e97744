"""The assistant's backend: an MCP server over stdio with three tools, and two that only the pipeline calls.

Started from the agent's folder by `python backend/server.py`. How long a search took is measured; with
ASSISTANT_LATENCY_SEED set it is drawn from a seeded generator, which the maker of the logs needs.
"""

from __future__ import annotations

import ast
import json
import operator
import os
import random
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Literal

from mcp.server.fastmcp import FastMCP
from pydantic import Field
from world import World, build_world

server = FastMCP("assistant", log_level="WARNING")
world: World = build_world("office-0")
latency = random.Random(seed) if (seed := os.environ.get("ASSISTANT_LATENCY_SEED")) else None

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@server.tool(structured_output=False)
def search(
    query: Annotated[str, Field(description="Words to look for, such as a person's name or a city.", min_length=1)],
    kind: Annotated[Literal["contacts", "notes"], Field(description="Where to look.")],
    limit: Annotated[int, Field(description="How many results at most.", ge=1, le=10)] = 3,
) -> str:
    """Search the contacts (name, e-mail address, team) or the notes (prices of hotels and laptops)."""
    started = time.perf_counter()
    words = set(re.findall(r"\w+", query.lower()))
    if kind == "contacts":
        entries = [(contact.name, asdict(contact)) for contact in world.contacts]
    else:
        entries = [(note.title, {"title": note.title, "price": note.price, "currency": "EUR"}) for note in world.notes]
    scored = [(len(words & set(re.findall(r"\w+", title.lower()))), entry) for title, entry in entries]
    best = sorted((pair for pair in scored if pair[0]), key=lambda pair: -pair[0])[:limit]
    took = latency.randrange(20, 900) / 10 if latency else (time.perf_counter() - started) * 1000
    return _compact({"results": [entry for _, entry in best], "took_ms": round(took, 3)})


@server.tool(structured_output=False)
def calculate(
    expression: Annotated[str, Field(description="Numbers, + - * / and parentheses.", max_length=200)],
) -> str:
    """Work out an arithmetic expression."""
    if unknown := re.search(r"[^\d\s.+\-*/()]", expression):
        raise ValueError(f"unexpected {unknown[0]!r}; write * for times and / for divided by")
    try:
        value = _value(ast.parse(expression.strip(), mode="eval").body)
    except ZeroDivisionError as error:
        raise ValueError("division by zero") from error
    except SyntaxError as error:
        raise ValueError("the expression is not complete") from error
    return _compact({"value": int(value) if value == int(value) else round(value, 4)})


@server.tool(structured_output=False)
def send_email(
    to: Annotated[str, Field(description="E-mail address of a contact.")],
    subject: Annotated[str, Field(description="Subject line.", min_length=1)],
    body: Annotated[str, Field(description="The text.", min_length=1)],
    cc: Annotated[list[str] | None, Field(description="Addresses of contacts that get a copy.")] = None,
) -> str:
    """Send an e-mail to a contact."""
    for address in [to, *(cc or [])]:
        _must_be_known(address)
    world.outbox.append({"to": to, "subject": subject, "body": body, "cc": cc or []})
    return _compact({"sent": True, "id": f"m{len(world.outbox)}"})


@server.tool(structured_output=False)
def sandbox_reset(state_ref: str) -> str:
    """Rebuild a named state."""
    global world  # noqa: PLW0603  the process is the state
    world = build_world(state_ref)
    return "{}"


@server.tool(structured_output=False)
def sandbox_snapshot() -> str:
    """The whole state."""
    return _compact(asdict(world))


def _must_be_known(address: str) -> None:
    known = [contact.email for contact in world.contacts]
    if address in known:
        return
    close = next((email for email in known if email.split("@")[0] == address.split("@", maxsplit=1)[0]), None)
    raise ValueError(f"no contact has the address {address}" + (f"; did you mean {close}?" if close else ""))


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left), _value(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
    raise ValueError("only numbers, + - * / and parentheses are understood")


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


if __name__ == "__main__":
    server.run()
