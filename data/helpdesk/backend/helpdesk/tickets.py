"""Tickets: what customers complain about, and who looks after it."""

from __future__ import annotations

import json
import sqlite3
from typing import Annotated, Literal

from pydantic import Field

from helpdesk.registry import Cursor, CustomerId, DeskError, Json, Limit, Text, TicketId, tool
from helpdesk.rows import next_id, page_of, record_of, row_of, ticket_of, update

Priority = Literal["low", "normal", "high"]
Resolution = Literal["solved", "duplicate", "rejected"]
TicketStatus = Literal["open", "closed"]
Tag = Literal["billing", "delivery", "quality", "legal", "vip"]


@tool()
def open_ticket(
    database: sqlite3.Connection, customer: CustomerId, subject: Text, priority: Priority = "normal"
) -> Json:
    """Open a ticket for a customer, with the subject in the user's own words."""
    row_of(database, "customers", customer)
    same = "SELECT ticket FROM tickets WHERE customer = ? AND subject = ? AND status = 'open' ORDER BY ticket"
    known = database.execute(same, (customer, subject)).fetchone()
    if known is not None:
        raise DeskError(f"{known['ticket']} is open for this; set_priority high there")
    ticket = next_id(database, "tickets")
    values = (ticket, customer, subject, priority, "open", "[]")
    query = "INSERT INTO tickets (ticket, customer, subject, priority, status, tags) VALUES (?, ?, ?, ?, ?, ?)"
    database.execute(query, values)
    return {"ticket": ticket, "customer": customer, "status": "open", "priority": priority}


@tool(reads=True)
def get_ticket(database: sqlite3.Connection, ticket: TicketId) -> Json:
    """Show a ticket: customer, order, subject, status, agent, notes."""
    row = ticket_of(database, ticket)
    columns = ("ticket", "customer", "order_id", "subject", "priority", "status", "agent", "channel", "resolution")
    shown = record_of(row, *columns)
    notes = database.execute("SELECT text FROM notes WHERE ticket = ? ORDER BY number", (ticket,)).fetchall()
    more = {"tags": json.loads(row["tags"]), "notes": [note["text"] for note in notes]}
    return shown | {key: value for key, value in more.items() if value}


@tool(reads=True)
def list_tickets(
    database: sqlite3.Connection,
    customer: CustomerId,
    status: TicketStatus | None = None,
    cursor: Cursor | None = None,
    limit: Limit = 3,
) -> Json:
    """List a customer's tickets, all or those in one status, page by page: `next` is the cursor of the next page."""
    row_of(database, "customers", customer)
    query = "SELECT * FROM tickets WHERE customer = ? AND status = coalesce(?, status) AND status != 'merged'"
    rows = database.execute(f"{query} ORDER BY ticket", (customer, status)).fetchall()
    records = [record_of(row, "ticket", "subject", "priority", "status") for row in rows]
    return page_of("tickets", records, cursor=cursor, limit=limit)


@tool()
def assign_ticket(database: sqlite3.Connection, ticket: TicketId, agent: Text) -> Json:
    """Give a ticket to a colleague."""
    _open(database, ticket)
    person = database.execute("SELECT present, stand_in FROM staff WHERE agent = ?", (agent,)).fetchone()
    if person is None:
        raise DeskError(f"nobody here is called {agent}")
    if not person["present"]:
        raise DeskError(f"{agent} is away; use {person['stand_in']}")
    update(database, "tickets", ticket, agent=agent)
    return _after(database, ticket) | {"agent": agent}


@tool()
def set_priority(database: sqlite3.Connection, ticket: TicketId, priority: Priority) -> Json:
    """Set a ticket's priority."""
    _open(database, ticket)
    update(database, "tickets", ticket, priority=priority)
    return _after(database, ticket) | {"priority": priority}


@tool()
def add_note(database: sqlite3.Connection, ticket: TicketId, text: Text) -> Json:
    """Write a note on a ticket, in the user's own words."""
    ticket_of(database, ticket)
    number = database.execute("SELECT count(*) + 1 FROM notes WHERE ticket = ?", (ticket,)).fetchone()[0]
    database.execute("INSERT INTO notes VALUES (?, ?, ?)", (ticket, number, text))
    return _after(database, ticket) | {"notes": number}


@tool()
def close_ticket(database: sqlite3.Connection, ticket: TicketId, resolution: Resolution) -> Json:
    """Close a ticket as solved, duplicate or rejected."""
    row = _open(database, ticket)
    if row["agent"] is None and resolution == "solved":
        raise DeskError(f"{ticket} has no agent; assign_ticket first")
    update(database, "tickets", ticket, status="closed", resolution=resolution)
    return _after(database, ticket) | {"resolution": resolution}


@tool()
def tag_ticket(
    database: sqlite3.Connection, ticket: TicketId, tags: Annotated[list[Tag], Field(min_length=1, max_length=3)]
) -> Json:
    """Put tags on a ticket."""
    row = ticket_of(database, ticket)
    now = sorted({*json.loads(row["tags"]), *tags})
    update(database, "tickets", ticket, tags=json.dumps(now))
    return _after(database, ticket) | {"tags": now}


@tool()
def merge_tickets(database: sqlite3.Connection, ticket: TicketId, target: TicketId) -> Json:
    """Merge an open ticket into another one, which then stands for both."""
    _open(database, ticket)
    _open(database, target)
    if ticket == target:
        raise DeskError(f"{ticket} cannot be merged into itself")
    update(database, "tickets", ticket, status="merged", merged_into=target)
    return {"ticket": ticket, "target": target, "status": "merged"}


def _after(database: sqlite3.Connection, ticket: str) -> Json:
    """A ticket as it stands after a change, in short."""
    return record_of(row_of(database, "tickets", ticket), "ticket", "customer", "subject", "status")


def _open(database: sqlite3.Connection, ticket: str) -> sqlite3.Row:
    row = ticket_of(database, ticket)
    if row["status"] == "closed":
        raise DeskError(f"{ticket} is closed")
    return row
