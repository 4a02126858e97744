"""Invoices: what customers owe, pay and get back."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Literal

from pydantic import Field

from helpdesk.registry import CustomerId, DeskError, InvoiceId, Json, OrderId, tool
from helpdesk.rows import next_id, order_of, row_of, update

InvoiceStatus = Literal["unpaid", "paid", "void", "refunded"]
Method = Literal["card", "cash", "transfer"]
Channel = Literal["email", "sms", "letter"]
Amount = Annotated[int, Field(ge=1, le=99999)]
Percent = Annotated[int, Field(ge=1, le=50)]

_LARGEST_DISCOUNT = {"basic": 5, "silver": 10, "gold": 20}


@tool(reads=True)
def get_invoice(database: sqlite3.Connection, invoice: InvoiceId) -> Json:
    """Show an invoice's order, amount and status."""
    row = row_of(database, "invoices", invoice)
    return {"order": row["order_id"], "amount": row["amount"], "status": row["status"]}


@tool(reads=True)
def list_invoices(database: sqlite3.Connection, customer: CustomerId, status: InvoiceStatus | None = None) -> Json:
    """List a customer's invoices, all or those in one status."""
    row_of(database, "customers", customer)
    query = "SELECT invoice FROM invoices WHERE customer = ? AND status = coalesce(?, status) ORDER BY invoice"
    return {"invoices": [row["invoice"] for row in database.execute(query, (customer, status))]}


@tool()
def create_invoice(database: sqlite3.Connection, order: OrderId, amount: Amount) -> Json:
    """Bill an order that has no invoice yet."""
    row = order_of(database, order)
    billed = database.execute("SELECT invoice FROM invoices WHERE order_id = ?", (order,)).fetchone()
    if billed is not None:
        raise DeskError(f"{order} is billed by {billed['invoice']}")
    invoice = next_id(database, "invoices")
    query = "INSERT INTO invoices VALUES (?, ?, ?, ?, 0, 'unpaid', 0, 0, NULL, NULL)"
    database.execute(query, (invoice, order, row["customer"], amount))
    return {"invoice": invoice}


@tool()
def record_payment(database: sqlite3.Connection, invoice: InvoiceId, amount: Amount, method: Method) -> Json:
    """Book a payment by card, cash or transfer."""
    row = row_of(database, "invoices", invoice)
    if row["status"] != "unpaid":
        raise DeskError(f"{invoice} is {row['status']}")
    due = row["amount"] - row["paid"]
    if amount > due:
        raise DeskError(f"only {due} is due; use amount {due}")
    status = "paid" if amount == due else "unpaid"
    update(database, "invoices", invoice, paid=row["paid"] + amount, method=method, status=status)
    return {"due": due - amount}


@tool()
def refund_invoice(database: sqlite3.Connection, invoice: InvoiceId) -> Json:
    """Pay a paid invoice back."""
    status = row_of(database, "invoices", invoice)["status"]
    if status == "unpaid":
        raise DeskError(f"{invoice} is unpaid; void_invoice instead")
    if status != "paid":
        raise DeskError(f"{invoice} is {status} already")
    update(database, "invoices", invoice, status="refunded")
    return {"status": "refunded"}


@tool()
def void_invoice(database: sqlite3.Connection, invoice: InvoiceId) -> Json:
    """Make an unpaid invoice void."""
    status = row_of(database, "invoices", invoice)["status"]
    if status == "paid":
        raise DeskError(f"{invoice} is paid; refund_invoice instead")
    if status != "unpaid":
        raise DeskError(f"{invoice} is {status} already")
    update(database, "invoices", invoice, status="void")
    return {"status": "void"}


@tool()
def apply_discount(database: sqlite3.Connection, invoice: InvoiceId, percent: Percent) -> Json:
    """Grant a discount on an unpaid invoice: 5 percent at most, 10 for silver, 20 for gold customers."""
    row = row_of(database, "invoices", invoice)
    if row["status"] != "unpaid":
        raise DeskError(f"{invoice} is {row['status']}")
    largest = _LARGEST_DISCOUNT[row_of(database, "customers", row["customer"])["tier"]]
    if percent > largest:
        raise DeskError(f"too much for this customer; use {largest}")
    update(database, "invoices", invoice, discount=percent)
    return {"percent": percent}


@tool()
def send_reminder(database: sqlite3.Connection, invoice: InvoiceId, channel: Channel) -> Json:
    """Remind a customer of an unpaid invoice by email, sms or letter."""
    row = row_of(database, "invoices", invoice)
    if row["status"] != "unpaid":
        raise DeskError(f"{invoice} is {row['status']}")
    update(database, "invoices", invoice, reminders=row["reminders"] + 1, channel=channel)
    return {"reminders": row["reminders"] + 1}
