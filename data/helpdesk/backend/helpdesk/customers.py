"""Customers: find them, change what the desk knows of them, block them."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Literal

from pydantic import Field

from helpdesk.orders import Day, Slot
from helpdesk.registry import CustomerId, DeskError, Json, Record, Text, tool
from helpdesk.rows import next_id, record_of, row_of, update

Email = Annotated[str, Field(pattern=r"^[a-z.]+@[a-z.]+$")]
Phone = Annotated[str, Field(pattern=r"^[0-9-]{5,20}$")]
Tier = Literal["basic", "silver", "gold"]
BlockReason = Literal["fraud", "chargeback", "abuse"]


class PostalAddress(Record):
    """Where a customer lives."""

    street: Text
    city: Text


class Contact(Record):
    """How a customer is reached; what stays is left out."""

    email: Email | None = None
    phone: Phone | None = None


@tool(reads=True)
def find_customer(database: sqlite3.Connection, email: Email | None = None, name: Text | None = None) -> Json:
    """Find a customer by e-mail address, or all customers of a name."""
    if (email is None) == (name is None):
        raise DeskError("give either email or name")
    if email is not None:
        row = database.execute("SELECT * FROM customers WHERE email = ?", (email,)).fetchone()
        if row is None:
            raise DeskError(f"no customer with {email}")
        return record_of(row, "customer", "name", "city", "tier", "status")
    rows = database.execute("SELECT * FROM customers WHERE name = ? ORDER BY customer", (name,)).fetchall()
    if not rows:
        raise DeskError(f"no customer called {name}")
    return {"customers": [record_of(row, "customer", "city", "status") for row in rows]}


@tool(reads=True)
def get_customer(database: sqlite3.Connection, customer: CustomerId) -> Json:
    """Show what the desk knows of a customer."""
    row = row_of(database, "customers", customer)
    orders = database.execute("SELECT count(*) FROM orders WHERE customer = ?", (customer,)).fetchone()[0]
    shown = record_of(row, "customer", "name", "email", "phone", "tier", "status", "street", "city", "since")
    return shown | {"orders": orders}


@tool()
def add_customer(database: sqlite3.Connection, name: Text, email: Email) -> Json:
    """Add a customer."""
    taken = database.execute("SELECT customer FROM customers WHERE email = ?", (email,)).fetchone()
    if taken is not None:
        raise DeskError(f"{email} belongs to {taken['customer']}")
    customer = next_id(database, "customers")
    values = (customer, name, email, "basic", "active")
    database.execute("INSERT INTO customers (customer, name, email, tier, status) VALUES (?, ?, ?, ?, ?)", values)
    return {"customer": customer, "name": name, "tier": "basic"}


@tool()
def update_contact(database: sqlite3.Connection, customer: CustomerId, contact: Contact) -> Json:
    """Change a customer's e-mail address, phone number, or both."""
    row_of(database, "customers", customer)
    changes = contact.model_dump(exclude_none=True)
    if not changes:
        raise DeskError("contact is empty; give email or phone")
    if contact.email is not None:
        taken = database.execute("SELECT customer FROM customers WHERE email = ?", (contact.email,)).fetchone()
        if taken is not None:
            raise DeskError(f"{contact.email} belongs to {taken['customer']}")
    update(database, "customers", customer, **changes)
    return {"customer": customer, **changes}


@tool()
def change_address(database: sqlite3.Connection, customer: CustomerId, address: PostalAddress) -> Json:
    """Change where a customer lives; not while a parcel is on its way."""
    row_of(database, "customers", customer)
    travelling = "SELECT order_id FROM orders WHERE customer = ? AND status = 'shipped' ORDER BY order_id"
    parcel = database.execute(travelling, (customer,)).fetchone()
    if parcel is not None:
        raise DeskError(f"{parcel['order_id']} is on its way to the old address")
    update(database, "customers", customer, street=address.street, city=address.city)
    return {"customer": customer, "street": address.street, "city": address.city}


@tool()
def set_tier(database: sqlite3.Connection, customer: CustomerId, tier: Tier) -> Json:
    """Put a customer in a tier: basic, silver or gold; not while an invoice is unpaid."""
    name = row_of(database, "customers", customer)["name"]
    unpaid = "SELECT invoice FROM invoices WHERE customer = ? AND status = 'unpaid' ORDER BY invoice"
    invoice = database.execute(unpaid, (customer,)).fetchone()
    if tier == "gold" and invoice is not None:
        raise DeskError(f"{invoice['invoice']} is unpaid")
    update(database, "customers", customer, tier=tier)
    return {"customer": customer, "name": name, "tier": tier}


@tool()
def block_customer(database: sqlite3.Connection, customer: CustomerId, reason: BlockReason) -> Json:
    """Block a customer for fraud, chargeback or abuse."""
    row = row_of(database, "customers", customer)
    if row["status"] == "blocked":
        raise DeskError(f"{customer} is blocked already")
    update(database, "customers", customer, status="blocked")
    return {"customer": customer, "name": row["name"], "status": "blocked", "reason": reason}


@tool()
def unblock_customer(database: sqlite3.Connection, customer: CustomerId) -> Json:
    """Let a blocked customer buy again."""
    row = row_of(database, "customers", customer)
    if row["status"] != "blocked":
        raise DeskError(f"{customer} is not blocked")
    update(database, "customers", customer, status="active")
    return {"customer": customer, "name": row["name"], "status": "active"}


@tool()
def plan_callback(database: sqlite3.Connection, customer: CustomerId, day: Day, slot: Slot | None = None) -> Json:
    """Plan a telephone call back to a customer, on a day and a part of the day if wanted."""
    row = row_of(database, "customers", customer)
    number = database.execute("SELECT count(*) + 1 FROM callbacks").fetchone()[0]
    callback = f"K-{number:04d}"
    database.execute("INSERT INTO callbacks VALUES (?, ?, ?, ?)", (callback, customer, day, slot))
    return {"callback": callback, "customer": customer, "phone": row["phone"], "day": day}
