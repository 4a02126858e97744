"""Rows by id, with the one wording of what is wrong when there is none."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from helpdesk.registry import DeskError

_KEYS = {
    "customers": "customer",
    "products": "sku",
    "orders": "order_id",
    "tickets": "ticket",
    "invoices": "invoice",
    "returns": "return_id",
    "reservations": "reservation",
}
_NAMES = {"orders": "order", "returns": "return", "products": "product"}


def row_of(database: sqlite3.Connection, table: str, key: str) -> sqlite3.Row:
    """One row by its id. Raises `DeskError`."""
    row: sqlite3.Row | None = database.execute(f"SELECT * FROM {table} WHERE {_KEYS[table]} = ?", (key,)).fetchone()
    if row is None:
        raise DeskError(f"no {_NAMES.get(table, table.removesuffix('s'))} {key}")
    return row


def order_of(database: sqlite3.Connection, order_id: str) -> sqlite3.Row:
    """An order that has not been moved to another number. Raises `DeskError` that names the new number."""
    row = row_of(database, "orders", order_id)
    if row["moved_to"] is not None:
        raise DeskError(f"{order_id} was renumbered; use {row['moved_to']}")
    return row


def ticket_of(database: sqlite3.Connection, ticket: str) -> sqlite3.Row:
    """A ticket that has not been merged into another. Raises `DeskError` that names the other."""
    row = row_of(database, "tickets", ticket)
    if row["merged_into"] is not None:
        raise DeskError(f"{ticket} was merged; use {row['merged_into']}")
    return row


def active_customer(database: sqlite3.Connection, customer: str) -> sqlite3.Row:
    """A customer who may buy. Raises `DeskError` for a blocked one."""
    row = row_of(database, "customers", customer)
    if row["status"] == "blocked":
        raise DeskError(f"{customer} is blocked")
    return row


def update(database: sqlite3.Connection, table: str, key: str, **values: object) -> None:
    """Set columns of one row."""
    columns = ", ".join(f"{column} = ?" for column in values)
    database.execute(f"UPDATE {table} SET {columns} WHERE {_KEYS[table]} = ?", (*values.values(), key))


def next_id(database: sqlite3.Connection, table: str) -> str:
    """The id after the highest one of a kind."""
    highest: str = database.execute(f"SELECT max({_KEYS[table]}) FROM {table}").fetchone()[0]
    prefix, _, number = highest.partition("-")
    return f"{prefix}-{int(number) + 1}"


def record_of(row: sqlite3.Row, *columns: str) -> dict[str, Any]:
    """Some columns of a row as a record; what is not known is left out."""
    return {column.removesuffix("_id"): row[column] for column in columns if row[column] is not None}


def page_of(name: str, records: Sequence[dict[str, Any]], *, cursor: str | None, limit: int) -> dict[str, Any]:
    """One page of a list, and the cursor of the next one while there is more. Raises `DeskError`."""
    begin = 0 if cursor is None else int(cursor.removeprefix("p"))
    if begin and begin >= len(records):
        raise DeskError(f"no page {cursor}; begin without a cursor")
    page: dict[str, Any] = {name: list(records[begin : begin + limit])}
    return page | ({"next": f"p{begin + limit}"} if begin + limit < len(records) else {})


def total_of(database: sqlite3.Connection, order_id: str) -> int:
    """What an order costs today, in euros."""
    query = "SELECT coalesce(sum(i.qty * p.price), 0) FROM items i JOIN products p USING (sku) WHERE i.order_id = ?"
    return int(database.execute(query, (order_id,)).fetchone()[0])
