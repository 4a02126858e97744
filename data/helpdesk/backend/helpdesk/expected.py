"""What each answer of a task must convey, from the desk's own results.

Invariant: values and endings come from the calls that were made and what the desk returned, and states that exclude
each other from the desk's own types; how the pipeline reads answers is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from helpdesk import customers, invoices, orders, returns, stock, tickets
from helpdesk.agent import MadeCall, Run
from helpdesk.answers import MAKES, STATES
from helpdesk.registry import TOOLS
from toolft_pipeline.verification.answers.expectation import Ending, ExpectedAnswer, Fact, Replaced

_STATES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "get_customer": {"tier": get_args(customers.Tier), "status": ("active", "blocked")},
    "block_customer": {"status": ("active", "blocked", "unblocked")},
    "unblock_customer": {"status": ("active", "blocked")},
    "get_order": {"status": get_args(orders.OrderStatus)},
    "list_orders": {"status": get_args(orders.OrderStatus)},
    "list_tickets": {"status": get_args(tickets.TicketStatus)},
    "list_invoices": {"status": get_args(invoices.InvoiceStatus)},
    "cancel_order": {"status": get_args(orders.OrderStatus)},
    "ship_order": {"status": get_args(orders.OrderStatus)},
    "track_order": {"carrier": get_args(orders.Carrier), "day": get_args(orders.Day)},
    "get_ticket": {"status": get_args(tickets.TicketStatus)},
    "close_ticket": {"status": ("closed", "open", "reopened")},
    "get_invoice": {"status": get_args(invoices.InvoiceStatus)},
    "refund_invoice": {"status": get_args(invoices.InvoiceStatus)},
    "void_invoice": {"status": get_args(invoices.InvoiceStatus)},
    "get_return": {"status": ("requested", "received", "approved"), "condition": get_args(returns.Condition)},
    "receive_return": {"status": ("requested", "received", "approved")},
    "approve_return": {"status": ("received", "approved", "rejected")},
}
"""States that exclude each other, by tool and field of its result."""

_CHOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "set_delivery": {"day": get_args(orders.Day), "slot": get_args(orders.Slot)},
    "ship_order": {"carrier": get_args(orders.Carrier)},
    "set_priority": {"priority": get_args(tickets.Priority)},
    "close_ticket": {"resolution": get_args(tickets.Resolution)},
    "set_tier": {"tier": get_args(customers.Tier)},
    "approve_return": {"outcome": get_args(returns.ReturnOutcome)},
    "receive_return": {"condition": get_args(returns.Condition)},
    "record_payment": {"method": get_args(invoices.Method)},
    "send_reminder": {"channel": get_args(invoices.Channel)},
    "receive_stock": {"warehouse": get_args(stock.Warehouse)},
    "reserve_stock": {"warehouse": get_args(stock.Warehouse)},
}
"""The same of arguments."""

_LETTERS = frozenset({"notes", "subject"})
"""Fields that hold what somebody wrote: no answer is held to them."""

_VERBS = {"cancel_order": "cancel", "open_return": "return", "void_invoice": "void", "refund_invoice": "refund"}
"""What people call a tool's work where the desk does the one in place of the other."""


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """The calls of a user turn, in order, each with its result as the agent saw it, and the answer."""

    number: int
    user: str
    made: tuple[tuple[MadeCall, str], ...]
    said: str | None
    """How the agent ended it without a call."""

    @property
    def succeeded(self) -> list[tuple[MadeCall, dict[str, Any]]]:
        """The calls that the desk carried out, with their results."""
        return [(call, json.loads(result)) for call, result in self.made if not call.is_error]


def answers_of(run: Run) -> tuple[ExpectedAnswer, ...]:
    """The expectation of each user turn."""
    return tuple(_expected(turn) for turn in _turns(run))


def _turns(run: Run) -> Iterator[_Turn]:
    results = {message["tool_call_id"]: message["content"] for message in run.messages if message["role"] == "tool"}
    users = [message["content"] for message in run.messages if message["role"] == "user"]
    for number, (user, said) in enumerate(zip(users, run.endings, strict=True)):
        made = tuple((call, results[call.id]) for call in run.calls if call.user_turn == number)
        yield _Turn(number=number, user=user, made=made, said=said)


def _expected(turn: _Turn) -> ExpectedAnswer:
    ending = _ending(turn)
    has_facts = ending in (Ending.DONE, Ending.INFORMED)
    return ExpectedAnswer(
        turn=turn.number,
        ending=ending,
        facts=tuple(dict.fromkeys(_facts(turn))) if has_facts else (),
        reason="\n".join(result for call, result in turn.made if call.is_error),
        replaced=tuple(_replaced(turn)) if has_facts else (),
        lists=tuple(_lists(turn)) if has_facts else (),
    )


def _ending(turn: _Turn) -> Ending:
    if turn.said in (Ending.REFUSED, Ending.ASKED_BACK) or not turn.made:
        return Ending(turn.said or Ending.NO_TOOL)
    if turn.made[-1][0].is_error:
        return Ending.REFUSED
    if any(not TOOLS[call.name].reads for call, _ in turn.succeeded):
        return Ending.DONE
    return Ending.INFORMED if any(_scalars(result) for _, result in turn.succeeded) else Ending.NOTHING_FOUND


def _facts(turn: _Turn) -> Iterator[Fact]:
    """What was read must be stated unless something was changed afterwards; what was made must be named."""
    succeeded = turn.succeeded
    last_step = succeeded[-1][0].step
    last = {call.name for call, _ in succeeded if call.step == last_step}
    known = {str(value) for call, result in succeeded for value in (*_scalars(call.arguments), *_scalars(result))}
    known |= {word.strip(";") for call, result in turn.made if call.is_error for word in result.split()}
    for call, result in succeeded:
        if call.name in last:
            yield from _row_facts(call, result)
        entity = _entity(call, [other for other, _ in succeeded])
        for name, value in _named({key: each for key, each in result.items() if key not in _LETTERS}):
            alike = isinstance(stock := result.get("stock"), dict) and len(stock) > 1 and name in stock
            is_stated = call.name in last and name in (*STATES.get(call.name, ()), MAKES.get(call.name))
            rivals = _rivals(str(value), _STATES.get(call.name, {}).get(name, ()), known)
            about = (*entity, name) if alike else entity
            if is_stated or rivals or entity or TOOLS[call.name].reads:
                yield Fact(value=str(value), about=about, optional=not is_stated, rivals=rivals)
        for name, value in _named(call.arguments):
            rivals = _rivals(str(value), _CHOICES.get(call.name, {}).get(name, ()), known)
            if rivals or (entity and str(value) not in entity):
                yield Fact(value=str(value), about=entity, optional=True, rivals=rivals)


def _row_facts(call: MadeCall, result: Mapping[str, Any]) -> Iterator[Fact]:
    """The states of a list's rows: each belongs to the id of its row."""
    states = _STATES.get(call.name, {})
    for rows in result.values():
        for row in rows if isinstance(rows, list) and len(rows) > 1 and isinstance(rows[0], dict) else ():
            about = (str(next(iter(row.values()))),)
            for name in (each for each in states if each in row):
                others = tuple(state for state in states[name] if state != row[name])
                yield Fact(value=row[name], about=about, optional=True, rivals=others)


def _rivals(value: str, states: Sequence[str], known: set[str]) -> tuple[str, ...]:
    return tuple(state for state in states if state not in known) if value in states else ()


def _entity(call: MadeCall, made: Sequence[MadeCall]) -> tuple[str, ...]:
    """The id or product by which calls of one tool differ."""
    others = [other for other in made if other is not call and other.name == call.name]
    for value in _scalars(call.arguments):
        if isinstance(value, str) and others and all(value not in _scalars(other.arguments) for other in others):
            return (value,)
    return ()


def _lists(turn: _Turn) -> Iterator[tuple[str, ...]]:
    """The ids that a result lists, and what calls made side by side were about."""
    made = [call for call, _ in turn.succeeded]
    for _, result in turn.succeeded:
        yield from (tuple(v) for v in result.values() if isinstance(v, list) and len(v) > 1 and isinstance(v[0], str))
    last = {call.name for call in made if call.step == made[-1].step}
    entities = tuple(dict.fromkeys(entity for call in made if call.name in last for entity in _entity(call, made)))
    if len(entities) > 1:
        yield entities


def _replaced(turn: _Turn) -> Iterator[Replaced]:
    """What the desk refused, and what the agent did in its place."""
    for place, (failed, _) in enumerate(turn.made):
        then = next((call for call, _ in turn.made[place + 1 :] if not call.is_error), None)
        if not failed.is_error or then is None:
            continue
        if failed.name != then.name:
            yield Replaced(tried=_VERBS.get(failed.name, failed.name), by=_VERBS.get(then.name, then.name))
            continue
        before, after = _scalars(failed.arguments), _scalars(then.arguments)
        yield from (Replaced(tried=str(a), by=str(b)) for a, b in zip(before, after, strict=True) if a != b)


def _named(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The texts and numbers of a record with their names."""
    found: list[tuple[str, Any]] = []
    for name, inner in value.items():
        for each in inner if isinstance(inner, list) else [inner]:
            if isinstance(each, dict):
                found += _named(each)
            elif not isinstance(each, bool):
                found.append((name, each))
    return found


def _scalars(value: Mapping[str, Any]) -> list[Any]:
    return [each for _, each in _named(value)]
