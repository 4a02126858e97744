"""Orders: look them up, place, change, ship and stop them."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Literal

from pydantic import Field

from helpdesk.registry import Count, Cursor, CustomerId, DeskError, Json, Limit, OrderId, Record, Text, tool
from helpdesk.rows import active_customer, next_id, order_of, page_of, record_of, row_of, total_of, update

OrderStatus = Literal["new", "paid", "packed", "shipped", "delivered", "cancelled"]
Reason = Literal["damaged", "late", "unwanted", "wrong"]
Carrier = Literal["dhl", "ups", "gls"]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
Slot = Literal["morning", "noon", "evening"]


class Item(Record):
    """A product and how many of it."""

    sku: Text
    qty: Count


class Window(Record):
    """When a parcel should come."""

    day: Day
    slot: Slot | None = None


@tool(reads=True)
def get_order(database: sqlite3.Connection, order: OrderId) -> Json:
    """Show an order: customer, status, items, total."""
    row = order_of(database, order)
    items = database.execute("SELECT sku, qty FROM items WHERE order_id = ? ORDER BY sku", (order,)).fetchall()
    shown = record_of(row, "order_id", "customer", "status", "placed", "source", "note")
    shown |= {"held": bool(row["held"]), "total": total_of(database, order)}
    return shown | {"items": [dict(item) for item in items]}


@tool(reads=True)
def list_orders(
    database: sqlite3.Connection,
    customer: CustomerId,
    status: OrderStatus | None = None,
    cursor: Cursor | None = None,
    limit: Limit = 4,
) -> Json:
    """List a customer's orders, all or those in one status, page by page: `next` is the cursor of the next page."""
    row_of(database, "customers", customer)
    query = (
        "SELECT order_id, status FROM orders WHERE customer = ? AND status = coalesce(?, status) AND status != 'moved'"
    )
    rows = database.execute(f"{query} ORDER BY order_id", (customer, status)).fetchall()
    records = [record_of(row, "order_id", "status") | {"total": total_of(database, row["order_id"])} for row in rows]
    return page_of("orders", records, cursor=cursor, limit=limit)


@tool()
def place_order(
    database: sqlite3.Connection,
    customer: CustomerId,
    items: Annotated[list[Item], Field(min_length=1, max_length=5)],
    express: bool = False,
) -> Json:
    """Place an order of one or more products, express if wanted."""
    active_customer(database, customer)
    for item in items:
        _sold(database, item.sku)
    order = next_id(database, "orders")
    values = (order, customer, "new", 0, int(express), "desk")
    query = "INSERT INTO orders (order_id, customer, status, held, express, source) VALUES (?, ?, ?, ?, ?, ?)"
    database.execute(query, values)
    for item in items:
        _put(database, order, item.sku, item.qty)
    return _after(database, order)


@tool()
def cancel_order(database: sqlite3.Connection, order: OrderId, reason: Reason) -> Json:
    """Cancel an order that has not left the house."""
    status = order_of(database, order)["status"]
    if status in ("shipped", "delivered"):
        raise DeskError(f"{order} was {status}; open_return instead")
    if status == "cancelled":
        raise DeskError(f"{order} is cancelled already")
    update(database, "orders", order, status="cancelled", note=f"cancelled: {reason}")
    return _after(database, order) | {"reason": reason}


@tool()
def add_item(database: sqlite3.Connection, order: OrderId, item: Item) -> Json:
    """Add a product to an order that is not packed yet."""
    _open(database, order)
    _sold(database, item.sku)
    _put(database, order, item.sku, item.qty)
    return _after(database, order) | {"sku": item.sku}


@tool()
def ship_order(database: sqlite3.Connection, order: OrderId, carrier: Carrier) -> Json:
    """Hand an order to a carrier."""
    row = order_of(database, order)
    if row["held"]:
        raise DeskError(f"{order} is on hold; release_order first")
    if row["status"] in ("shipped", "delivered", "cancelled"):
        raise DeskError(f"{order} is {row['status']}")
    unpaid = "SELECT invoice FROM invoices WHERE order_id = ? AND status = 'unpaid'"
    invoice = database.execute(unpaid, (order,)).fetchone()
    if invoice is not None:
        raise DeskError(f"{invoice['invoice']} is unpaid; send_reminder and hold_order")
    update(database, "orders", order, status="shipped", carrier=carrier)
    return _after(database, order) | {"carrier": carrier}


@tool(reads=True)
def track_order(database: sqlite3.Connection, order: OrderId) -> Json:
    """Show where a shipped order is and when it comes."""
    row = order_of(database, order)
    if row["status"] not in ("shipped", "delivered"):
        raise DeskError(f"{order} is {row['status']}, not shipped")
    return {
        "order": order,
        "status": row["status"],
        "carrier": row["carrier"],
        "place": row["place"],
        "day": row["eta"],
    }


@tool()
def hold_order(database: sqlite3.Connection, order: OrderId) -> Json:
    """Stop an order from being shipped for now."""
    row = order_of(database, order)
    if row["held"] or row["status"] in ("shipped", "delivered", "cancelled"):
        raise DeskError(f"{order} is {'on hold already' if row['held'] else row['status']}")
    update(database, "orders", order, held=1)
    return _after(database, order) | {"held": True}


@tool()
def release_order(database: sqlite3.Connection, order: OrderId) -> Json:
    """Let a held order go on."""
    row = order_of(database, order)
    if not row["held"]:
        raise DeskError(f"{order} is not on hold")
    update(database, "orders", order, held=0)
    return _after(database, order) | {"released": True}


@tool()
def set_delivery(database: sqlite3.Connection, order: OrderId, window: Window) -> Json:
    """Choose the day, and a part of the day if wanted, of an order's delivery."""
    status = order_of(database, order)["status"]
    if status in ("delivered", "cancelled"):
        raise DeskError(f"{order} is {status}")
    full = database.execute("SELECT next_free FROM full_days WHERE day = ?", (window.day,)).fetchone()
    if full is not None:
        raise DeskError(f"{window.day} is full; use {full['next_free']}")
    update(database, "orders", order, day=window.day, slot=window.slot)
    return _after(database, order) | window.model_dump(exclude_none=True)


def _after(database: sqlite3.Connection, order: str) -> Json:
    """An order as it stands after a change, in short."""
    row = row_of(database, "orders", order)
    return record_of(row, "order_id", "customer", "status") | {"total": total_of(database, order)}


def _open(database: sqlite3.Connection, order: str) -> None:
    status = order_of(database, order)["status"]
    if status not in ("new", "paid"):
        raise DeskError(f"{order} is {status}; it cannot be changed")


def _sold(database: sqlite3.Connection, sku: str) -> None:
    row = row_of(database, "products", sku)
    if not row["sold"]:
        raise DeskError(f"{sku} is sold out" + (f"; use {row['successor']}" if row["successor"] else ""))


def _put(database: sqlite3.Connection, order: str, sku: str, qty: int) -> None:
    query = "INSERT INTO items VALUES (?, ?, ?) ON CONFLICT (order_id, sku) DO UPDATE SET qty = qty + excluded.qty"
    database.execute(query, (order, sku, qty))
