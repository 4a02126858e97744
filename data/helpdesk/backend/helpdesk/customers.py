"""Customers: find them, change what the desk knows of them, block them."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Literal

from pydantic import Field

from helpdesk.registry import CustomerId, DeskError, Json, Record, Text, tool
from helpdesk.rows import next_id, row_of, update

Email = Annotated[str, Field(pattern=r"^[a-z.]+@[a-z.]+$")]
Phone = Annotated[str, Field(pattern=r"^[0-9-]{5,20}$")]
Tier = Literal["basic", "silver", "gold"]
BlockReason = Literal["fraud", "chargeback", "abuse"]


class ArtifactKey(Record):
    """Where a customer lives."""

    street: Text
    city: Text


class Contact(Record):
    """How a customer is reached; what stays is left out."""

    email: Email | None = None
    phone: Phone | None = None


@tool(reads=True)
def find_customer(database: sqlite3.Connection, email: Email) -> Json:
    """Find a customer's id by e-mail address."""
    row = database.execute("SELECT customer FROM customers WHERE email = ?", (email,)).fetchone()
    if row is None:
        raise DeskError(f"no customer with {email}")
    return {"customer": row["customer"]}


@tool(reads=True)
def get_customer(database: sqlite3.Connection, customer: CustomerId) -> Json:
    """Show a customer's name, tier and status."""
    row = row_of(database, "customers", customer)
    return {"name": row["name"], "tier": row["tier"], "status": row["status"]}


@tool()
def add_customer(database: sqlite3.Connection, name: Text, email: Email) -> Json:
    """Add a customer."""
    taken = database.execute("SELECT customer FROM customers WHERE email = ?", (email,)).fetchone()
    if taken is not None:
        raise DeskError(f"{email} belongs to {taken['customer']}")
    customer = next_id(database, "customers")
    values = (customer, name, email, "basic", "active")
    database.execute("INSERT INTO customers (customer, name, email, tier, status) VALUES (?, ?, ?, ?, ?)", values)
    return {"customer": customer}


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
    return {"updated": sorted(changes)}


@tool()
def change_address(database: sqlite3.Connection, customer: CustomerId, address: ArtifactKey) -> Json:
    """Change where a customer lives; not while a parcel is on its way."""
    row_of(database, "customers", customer)
    travelling = "SELECT order_id FROM orders WHERE customer = ? AND status = 'shipped' ORDER BY order_id"
    parcel = database.execute(travelling, (customer,)).fetchone()
    if parcel is not None:
        raise DeskError(f"{parcel['order_id']} is on its way to the old address")
    update(database, "customers", customer, street=address.street, city=address.city)
    return {"city": address.city}


@tool()
def set_tier(database: sqlite3.Connection, customer: CustomerId, tier: Tier) -> Json:
    """Put a customer in a tier: basic, silver or gold; not while an invoice is unpaid."""
    row_of(database, "customers", customer)
    unpaid = "SELECT invoice FROM invoices WHERE customer = ? AND status = 'unpaid' ORDER BY invoice"
    invoice = database.execute(unpaid, (customer,)).fetchone()
    if tier == "gold" and invoice is not None:
        raise DeskError(f"{invoice['invoice']} is unpaid")
    update(database, "customers", customer, tier=tier)
    return {"tier": tier}


@tool()
def block_customer(database: sqlite3.Connection, customer: CustomerId, reason: BlockReason) -> Json:
    """Block a customer for fraud, chargeback or abuse."""
    if row_of(database, "customers", customer)["status"] == "blocked":
        raise DeskError(f"{customer} is blocked already")
    update(database, "customers", customer, status="blocked")
    return {"status": "blocked", "reason": reason}


@tool()
def unblock_customer(database: sqlite3.Connection, customer: CustomerId) -> Json:
    """Let a blocked customer buy again."""
    if row_of(database, "customers", customer)["status"] != "blocked":
        raise DeskError(f"{customer} is not blocked")
    update(database, "customers", customer, status="active")
    return {"status": "active"}
