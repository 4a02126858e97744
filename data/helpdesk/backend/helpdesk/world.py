"""A small desk, rebuilt from its name.

Invariant: a world is a function of its `state_ref` alone: no clock, no entropy, no order of a hash. Two processes
that seed the same name hold the same rows.
"""

from __future__ import annotations

import json
import re
import sqlite3
from functools import lru_cache
from importlib import resources
from itertools import product
from random import Random

from helpdesk.eval_words import EVAL_POOL
from helpdesk.log_words import LOG_POOL
from helpdesk.words import Pool

WAREHOUSES = ("north", "south", "east", "west")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
CARRIERS = ("dhl", "ups", "gls")
TIERS = ("basic", "silver", "gold")
REASONS = ("damaged", "late", "unwanted", "wrong")
MONTHS = ("june", "july", "august", "september")
SOURCES = ("web", "phone", "shop")
CHANNELS = ("web", "phone", "email")
TAGS = ("billing", "delivery", "quality", "legal")
LONG_SHARE = 0.3
"""Worlds with one ticket whose notes fill kilobytes."""

_STATE_REF = re.compile(r"desk-(log|gold|eval)-\d{4,6}")


class StateRefError(ValueError):
    """The name of a state that nobody can build."""


def pool_of(state_ref: str) -> Pool:
    """The words that a state is made of. Raises `StateRefError`."""
    match = _STATE_REF.fullmatch(state_ref)
    if match is None:
        raise StateRefError(
            f"unknown state {state_ref!r}; states are named desk-log-0001, desk-gold-0001, desk-eval-0001"
        )
    return EVAL_POOL if match.group(1) == "eval" else LOG_POOL


def build_world(state_ref: str) -> sqlite3.Connection:
    """An in-memory database that holds the named state. Raises `StateRefError`."""
    pool_of(state_ref)
    return _copy(_filled(state_ref))


@lru_cache(maxsize=8)
def _filled(state_ref: str) -> sqlite3.Connection:
    """A state to copy: a run is drawn on it, worked on it and perhaps tried again, one right after another."""
    database = _copy(_empty())
    database.execute("BEGIN")
    _Seed(database, pool_of(state_ref), Random(state_ref)).fill()
    database.execute("COMMIT")
    return database


@lru_cache(maxsize=1)
def _empty() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    database.executescript(resources.files("helpdesk").joinpath("schema.sql").read_text("utf-8"))
    return database


def _copy(original: sqlite3.Connection) -> sqlite3.Connection:
    """Page by page: a tenth of the time that drawing the rows takes."""
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    database.row_factory = sqlite3.Row
    original.backup(database)
    return database


class _Seed:
    """Draws the rows of one world, kind by kind; later kinds refer to earlier ones."""

    def __init__(self, database: sqlite3.Connection, pool: Pool, random: Random) -> None:
        self.database, self.pool, self.random = database, pool, random

    def fill(self) -> None:
        customers = self.customers(9)
        staff = self.staff(5)
        skus = self.products(9)
        orders = self.orders(18, customers, skus)
        self.tickets(14, customers, orders, staff)
        self.invoices(orders)
        self.returns(orders)
        self.reservations(skus)
        full, free = self.random.sample(DAYS, 2)
        self.insert("full_days", full, free)

    def insert(self, table: str, *values: object) -> None:
        self.database.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(values))})", values)

    def ids(self, prefix: str, count: int) -> list[str]:
        number, found = self.pool.block(self.random) + self.random.randrange(9), []
        for _ in range(count):
            found.append(f"{prefix}-{number}")
            number += self.random.choice((1, 1, 2, 3))
        return found

    def customers(self, count: int) -> list[str]:
        ids = self.ids("C", count)
        firsts, lasts = self.random.sample(self.pool.first, count), self.random.sample(self.pool.last, count)
        for place, (customer, first, last) in enumerate(zip(ids, firsts, lasts, strict=True)):
            email = f"{first}.{last}@{self.random.choice(self.pool.hosts)}.test"
            status = "blocked" if place < 2 else "active"
            street = f"{self.random.randrange(2, 99)} {self.random.choice(self.pool.streets)} Street"
            city = self.random.choice(self.pool.cities)
            phone = self.pool.phone(self.random)
            name = f"{first} {last}".title()
            tier, since = self.random.choice(TIERS), self.random.randrange(2009, 2026)
            self.insert("customers", customer, name, email, phone, tier, status, street, city, since)
        self.namesake(ids)
        return ids

    def namesake(self, ids: list[str]) -> None:
        """The last customer has the name of the one before, in another city and with another address."""
        (name, city, email), (_, own_city, _) = self.database.execute(
            "SELECT name, city, email FROM customers WHERE customer IN (?, ?) ORDER BY customer", ids[-2:]
        ).fetchall()
        host = self.random.choice([each for each in self.pool.hosts if not email.endswith(f"@{each}.test")])
        other = own_city if own_city != city else self.random.choice([c for c in self.pool.cities if c != city])
        values = (name, f"{email.partition('@')[0]}@{host}.test", other, ids[-1])
        self.database.execute("UPDATE customers SET name = ?, email = ?, city = ? WHERE customer = ?", values)

    def staff(self, count: int) -> list[str]:
        names = self.random.sample(self.pool.staff, count)
        self.insert("staff", names[0], 0, names[1])
        for name in names[1:]:
            self.insert("staff", name, 1, None)
        return names[1:]

    def products(self, count: int) -> list[str]:
        adjectives, nouns = self.random.sample(self.pool.adjectives, count), self.random.sample(self.pool.nouns, count)
        skus = [f"{adjective} {noun}" for adjective, noun in zip(adjectives, nouns, strict=True)]
        self.insert("products", skus[0], self.price(), 0, skus[-1], self.shelf())
        self.insert("products", skus[1], self.price(), 0, None, self.shelf())
        for sku in skus[2:]:
            self.insert("products", sku, self.price(), 1, None, self.shelf())
        for sku, warehouse in product(skus, WAREHOUSES):
            qty = 0 if self.random.random() < 0.25 else self.random.randrange(3, 60)
            self.insert("stock", sku, warehouse, qty)
        return skus[2:]

    def price(self) -> int:
        return self.random.randrange(3, 40) * 5

    def shelf(self) -> str:
        return f"{self.random.choice('ABCDEF')}{self.random.randrange(1, 9)}"

    def orders(self, count: int, customers: list[str], skus: list[str]) -> list[str]:
        statuses = ["new"] * 4 + ["paid"] * 5 + ["packed"] * 2 + ["shipped"] * 3 + ["delivered"] * 3 + ["cancelled"]
        self.random.shuffle(statuses)
        *ids, moved = self.ids("O", count + 1)
        for order_id, status in zip(ids, statuses, strict=True):
            held = status in ("paid", "packed") and self.random.random() < 0.4
            travels = status in ("shipped", "delivered")
            carrier, place = self.random.choice(CARRIERS), self.random.choice(self.pool.cities)
            carried = (carrier, place, self.random.choice(DAYS)) if travels else (None, None, None)
            customer = self.random.choice(customers if self.random.random() < 0.7 else customers[2:4])
            placed, source = f"{self.random.randrange(1, 29)} {self.random.choice(MONTHS)}", self.random.choice(SOURCES)
            later = (None, None, 0, None, None, placed, source)
            self.insert("orders", order_id, customer, status, int(held), *carried, *later)
            for sku in self.random.sample(skus, self.random.choice((1, 1, 2))):
                self.insert("items", order_id, sku, self.random.randrange(1, 9))
        target = self.random.choice(ids)
        owner = self.database.execute("SELECT customer FROM orders WHERE order_id = ?", (target,)).fetchone()[0]
        self.insert("orders", moved, owner, "moved", 0, *[None] * 5, 0, None, target, None, None)
        return ids

    def tickets(self, count: int, customers: list[str], orders: list[str], staff: list[str]) -> None:
        *ids, merged = self.ids("T", count + 1)
        busy = self.random.sample(customers, 5)
        for place, ticket in enumerate(ids):
            status = "closed" if place % 5 == 4 else "open"
            agent = self.random.choice(staff) if self.random.random() < 0.6 else None
            order_id = self.random.choice(orders) if self.random.random() < 0.7 else None
            customer = self.random.choice(busy)
            if order_id is not None:
                row = self.database.execute("SELECT customer FROM orders WHERE order_id = ?", (order_id,)).fetchone()
                customer = row[0]
            priority = self.random.choice(("low", "normal", "high"))
            resolution = "solved" if status == "closed" else None
            subject = self.pool.phrase(self.random)
            tags = json.dumps([self.random.choice(TAGS)] if self.random.random() < 0.4 else [])
            row = (ticket, customer, order_id, subject, priority, status, agent, resolution, tags, None)
            self.insert("tickets", *row, self.random.choice(CHANNELS))
            self.notes(ticket, place)
        target, owner, *_ = self.database.execute(
            "SELECT ticket, customer FROM tickets WHERE status = 'open' ORDER BY ticket"
        ).fetchone()
        subject = self.pool.phrase(self.random)
        self.insert(
            "tickets", merged, owner, None, subject, "normal", "merged", None, None, json.dumps([]), target, "web"
        )

    def notes(self, ticket: str, place: int) -> None:
        """One note on every third ticket; on one ticket in some worlds everything that was ever written about it."""
        if place == 0 and self.random.random() < LONG_SHARE:
            texts = [self.pool.letter(self.random) for _ in range(self.random.randrange(10, 46))]
        else:
            texts = [self.random.choice(self.pool.remarks)] if place % 3 == 1 else []
        for number, text in enumerate(texts, start=1):
            self.insert("notes", ticket, number, text)

    def invoices(self, orders: list[str]) -> None:
        billed = self.random.sample(orders, 13)
        rows = self.database.execute("SELECT order_id, customer, status FROM orders").fetchall()
        owners = {row["order_id"]: (row["customer"], row["status"]) for row in rows}
        for invoice, order_id in zip(self.ids("I", len(billed)), billed, strict=True):
            customer, status = owners[order_id]
            state = "void" if status == "cancelled" else "unpaid" if self.random.random() < 0.55 else "paid"
            amount = self.random.randrange(2, 90) * 10
            paid, method = (amount, "card") if state == "paid" else (0, None)
            self.insert("invoices", invoice, order_id, customer, amount, paid, state, 0, 0, None, method, 14, 19)

    def returns(self, orders: list[str]) -> None:
        chosen = self.random.sample(orders, 5)
        for place, (return_id, order_id) in enumerate(zip(self.ids("R", 5), chosen, strict=True)):
            status = ("requested", "requested", "received", "received", "approved")[place]
            outcome = "refund" if status == "approved" else None
            condition = None if status == "requested" else self.random.choice(("intact", "used", "broken"))
            self.insert("returns", return_id, order_id, self.random.choice(REASONS), status, outcome, condition)

    def reservations(self, skus: list[str]) -> None:
        chosen = [skus[0], skus[0], skus[1], skus[1], skus[2]]
        for place, (reservation, sku) in enumerate(zip(self.ids("S", 5), chosen, strict=True)):
            status = "released" if place == 4 else "active"
            warehouse = self.random.choice(WAREHOUSES)
            self.insert("reservations", reservation, sku, warehouse, self.random.randrange(1, 9), status)
