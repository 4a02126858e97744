"""Stock: what lies in which warehouse, and for whom it is kept."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Literal

from pydantic import Field

from helpdesk.registry import Count, DeskError, Json, ReservationId, Text, tool
from helpdesk.rows import next_id, record_of, row_of, update

Warehouse = Literal["north", "south", "east", "west"]
Price = Annotated[int, Field(ge=1, le=9999)]


@tool(reads=True)
def check_stock(database: sqlite3.Connection, sku: Text, warehouse: Warehouse | None = None) -> Json:
    """Show how many of a product lie in one warehouse, or in each."""
    row = row_of(database, "products", sku)
    query = "SELECT warehouse, qty FROM stock WHERE sku = ? AND warehouse = coalesce(?, warehouse) ORDER BY warehouse"
    stock = {each["warehouse"]: each["qty"] for each in database.execute(query, (sku, warehouse))}
    return {"sku": sku, "shelf": row["shelf"], "stock": stock}


@tool()
def receive_stock(database: sqlite3.Connection, sku: Text, qty: Count, warehouse: Warehouse) -> Json:
    """Book goods that have arrived into a warehouse."""
    row_of(database, "products", sku)
    return {"sku": sku, "warehouse": warehouse, "received": qty, "stock": _book(database, sku, warehouse, qty)}


@tool()
def move_stock(database: sqlite3.Connection, sku: Text, qty: Count, source: Warehouse, target: Warehouse) -> Json:
    """Move goods from one warehouse to another."""
    left = _take(database, sku, source, qty)
    return {"sku": sku, "moved": qty, "stock": {source: left, target: _book(database, sku, target, qty)}}


@tool()
def reserve_stock(database: sqlite3.Connection, sku: Text, qty: Count, warehouse: Warehouse) -> Json:
    """Keep goods in a warehouse for somebody."""
    _take(database, sku, warehouse, qty)
    reservation = next_id(database, "reservations")
    values = (reservation, sku, warehouse, qty)
    database.execute("INSERT INTO reservations VALUES (?, ?, ?, ?, 'active')", values)
    return {"reservation": reservation, "sku": sku, "qty": qty, "warehouse": warehouse}


@tool()
def release_stock(database: sqlite3.Connection, reservation: ReservationId) -> Json:
    """Give reserved goods back to their warehouse."""
    row = row_of(database, "reservations", reservation)
    if row["status"] != "active":
        raise DeskError(f"{reservation} was released before")
    update(database, "reservations", reservation, status="released")
    _book(database, row["sku"], row["warehouse"], row["qty"])
    return record_of(row, "reservation", "sku", "qty", "warehouse") | {"status": "released"}


@tool()
def set_price(database: sqlite3.Connection, sku: Text, price: Price) -> Json:
    """Set a product's price in euros."""
    row_of(database, "products", sku)
    update(database, "products", sku, price=price)
    return record_of(row_of(database, "products", sku), "sku", "price", "shelf")


@tool(reads=True)
def get_product(database: sqlite3.Connection, sku: Text) -> Json:
    """Show a product: price, shelf, whether it is sold, and what replaces it."""
    row = row_of(database, "products", sku)
    return record_of(row, "sku", "price", "shelf", "successor") | {"sold": bool(row["sold"])}


def _book(database: sqlite3.Connection, sku: str, warehouse: str, qty: int) -> int:
    query = "UPDATE stock SET qty = qty + ? WHERE sku = ? AND warehouse = ? RETURNING qty"
    return int(database.execute(query, (qty, sku, warehouse)).fetchone()[0])


def _take(database: sqlite3.Connection, sku: str, warehouse: str, qty: int) -> int:
    row_of(database, "products", sku)
    query = "SELECT qty FROM stock WHERE sku = ? AND warehouse = ?"
    there = database.execute(query, (sku, warehouse)).fetchone()["qty"]
    if there == 0:
        most = "SELECT warehouse FROM stock WHERE sku = ? AND qty >= ? ORDER BY qty DESC, warehouse"
        other = database.execute(most, (sku, qty)).fetchone()
        raise DeskError(f"no {sku} in {warehouse}" + (f"; use {other['warehouse']}" if other else ""))
    if there < qty:
        raise DeskError(f"only {there} in {warehouse}; use qty {there}")
    return _book(database, sku, warehouse, -qty)
