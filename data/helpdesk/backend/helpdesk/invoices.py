"""Invoices: what customers owe, pay and get back."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Literal

from pydantic import Field

from helpdesk.registry import Count, Cursor, CustomerId, DeskError, InvoiceId, Json, Limit, OrderId, tool
from helpdesk.rows import next_id, order_of, page_of, record_of, row_of, update

InvoiceStatus = Literal["unpaid", "paid", "void", "refunded"]
Method = Literal["card", "cash", "transfer"]
Channel = Literal["email", "sms", "letter"]
Amount = Annotated[int, Field(ge=1, le=99999)]
Percent = Annotated[int, Field(ge=1, le=50)]

_LARGEST_DISCOUNT = {"basic": 5, "silver": 10, "gold": 20}


@tool(reads=True)
def get_invoice(database: sqlite3.Connection, invoice: InvoiceId) -> Json:
    """Show an invoice: order, amount, what is paid, status."""
    row = row_of(database, "invoices", invoice)
    columns = ("invoice", "order_id", "customer", "amount", "paid", "status", "vat", "reminders", "method")
    return record_of(row, *columns)


@tool(reads=True)
def list_invoices(
    database: sqlite3.Connection,
    customer: CustomerId,
    status: InvoiceStatus | None = None,
    cursor: Cursor | None = None,
    limit: Limit = 4,
) -> Json:
    """List a customer's invoices, all or those in one status, page by page: `next` is the cursor of the next page."""
    row_of(database, "customers", customer)
    query = "SELECT * FROM invoices WHERE customer = ? AND status = coalesce(?, status) ORDER BY invoice"
    rows = database.execute(query, (customer, status)).fetchall()
    records = [record_of(row, "invoice", "amount", "status") for row in rows]
    return page_of("invoices", records, cursor=cursor, limit=limit)


@tool()
def create_invoice(database: sqlite3.Connection, order: OrderId, amount: Amount) -> Json:
    """Bill an order that has no invoice yet."""
    row = order_of(database, order)
    billed = database.execute("SELECT invoice FROM invoices WHERE order_id = ?", (order,)).fetchone()
    if billed is not None:
        raise DeskError(f"{order} is billed by {billed['invoice']}")
    invoice = next_id(database, "invoices")
    query = "INSERT INTO invoices VALUES (?, ?, ?, ?, 0, 'unpaid', 0, 0, NULL, NULL, 14, 19)"
    database.execute(query, (invoice, order, row["customer"], amount))
    return {"invoice": invoice, "order": order, "customer": row["customer"], "amount": amount, "status": "unpaid"}


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
    return {"invoice": invoice, "paid": row["paid"] + amount, "due": due - amount, "status": status}


@tool()
def refund_invoice(database: sqlite3.Connection, invoice: InvoiceId) -> Json:
    """Pay a paid invoice back."""
    row = row_of(database, "invoices", invoice)
    status = row["status"]
    if status == "unpaid":
        raise DeskError(f"{invoice} is unpaid; void_invoice instead")
    if status != "paid":
        raise DeskError(f"{invoice} is {status} already")
    update(database, "invoices", invoice, status="refunded")
    return record_of(row, "invoice", "order_id", "customer", "amount") | {"status": "refunded"}


@tool()
def void_invoice(database: sqlite3.Connection, invoice: InvoiceId) -> Json:
    """Make an unpaid invoice void."""
    row = row_of(database, "invoices", invoice)
    status = row["status"]
    if status == "paid":
        raise DeskError(f"{invoice} is paid; refund_invoice instead")
    if status != "unpaid":
        raise DeskError(f"{invoice} is {status} already")
    update(database, "invoices", invoice, status="void")
    return record_of(row, "invoice", "order_id", "customer", "amount") | {"status": "void"}


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
    return record_of(row, "invoice", "customer", "amount", "status") | {"percent": percent}


@tool()
def send_reminder(database: sqlite3.Connection, invoice: InvoiceId, channel: Channel) -> Json:
    """Remind a customer of an unpaid invoice by email, sms or letter."""
    row = row_of(database, "invoices", invoice)
    if row["status"] != "unpaid":
        raise DeskError(f"{invoice} is {row['status']}")
    update(database, "invoices", invoice, reminders=row["reminders"] + 1, channel=channel)
    reminded = {"reminders": row["reminders"] + 1, "channel": channel}
    return record_of(row, "invoice", "customer", "amount", "status") | reminded


@tool()
def extend_due_date(database: sqlite3.Connection, invoice: InvoiceId, days: Count) -> Json:
    """Give the customer more days to pay an unpaid invoice."""
    row = row_of(database, "invoices", invoice)
    if row["status"] != "unpaid":
        raise DeskError(f"{invoice} is {row['status']}")
    update(database, "invoices", invoice, days=row["days"] + days)
    return {"invoice": invoice, "days": row["days"] + days}
