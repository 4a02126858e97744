"""Returns: goods that come back."""

from __future__ import annotations

import sqlite3
from typing import Literal

from helpdesk.orders import Reason
from helpdesk.registry import DeskError, Json, OrderId, ReturnId, tool
from helpdesk.rows import next_id, order_of, record_of, row_of, update

ReturnOutcome = Literal["refund", "exchange", "repair"]
Condition = Literal["intact", "used", "broken"]


@tool()
def open_return(database: sqlite3.Connection, order: OrderId, reason: Reason) -> Json:
    """Open a return for an order that has left the house."""
    status = order_of(database, order)["status"]
    if status not in ("shipped", "delivered"):
        raise DeskError(f"{order} is {status}; cancel_order instead")
    return_id = next_id(database, "returns")
    query = "INSERT INTO returns (return_id, order_id, reason, status) VALUES (?, ?, ?, 'requested')"
    database.execute(query, (return_id, order, reason))
    return {"return": return_id, "order": order, "status": "requested"}


@tool(reads=True)
def get_return(database: sqlite3.Connection, return_id: ReturnId) -> Json:
    """Show a return's order, status and, once it is here, its condition."""
    row = row_of(database, "returns", return_id)
    return record_of(row, "return_id", "order_id", "reason", "status", "condition", "outcome")


@tool()
def receive_return(database: sqlite3.Connection, return_id: ReturnId, condition: Condition) -> Json:
    """Note that a return has arrived, and in which condition."""
    row = row_of(database, "returns", return_id)
    if row["status"] != "requested":
        raise DeskError(f"{return_id} was {row['status']} before")
    update(database, "returns", return_id, status="received", condition=condition)
    return {"return": return_id, "status": "received", "condition": condition}


@tool()
def approve_return(database: sqlite3.Connection, return_id: ReturnId, outcome: ReturnOutcome) -> Json:
    """Decide on a received return: refund, exchange or repair."""
    row = row_of(database, "returns", return_id)
    if row["status"] == "requested":
        raise DeskError(f"{return_id} has not arrived; receive_return first")
    if row["status"] == "approved":
        raise DeskError(f"{return_id} is approved already")
    update(database, "returns", return_id, status="approved", outcome=outcome)
    return {"return": return_id, "status": "approved", "outcome": outcome}
