"""Drawing what a task needs from a world.

Invariant: a draw reads the world and changes nothing, and what it returns depends on world and seed alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from random import Random
from typing import TypeVar

from helpdesk.words import Pool
from helpdesk.world import CARRIERS, DAYS, REASONS, WAREHOUSES

T = TypeVar("T")


class NothingFitsError(LookupError):
    """This world holds nothing that the task needs; another one may."""


class Draw:
    """One draw: a world, a pool of words, a seed."""

    def __init__(self, *, database: sqlite3.Connection, pool: Pool, random: Random, language: str = "en") -> None:
        self._database, self._pool, self._random, self._language = database, pool, random, language

    def choice(self, values: Sequence[T]) -> T:
        """One of some values. Raises `NothingFitsError`."""
        if not values:
            raise NothingFitsError
        return self._random.choice(values)

    def sample(self, values: Sequence[T], count: int) -> list[T]:
        """Some different values. Raises `NothingFitsError`."""
        if len(values) < count:
            raise NothingFitsError
        return self._random.sample(values, count)

    def query(self, query: str, *parameters: object) -> list[str]:
        """The first column of a query's rows."""
        return [row[0] for row in self._database.execute(query, parameters)]

    def row(self, query: str, *parameters: object) -> sqlite3.Row:
        """One of a query's rows."""
        rows: list[sqlite3.Row] = self._database.execute(query, parameters).fetchall()
        return self.choice(rows)

    def order(self, where: str = "status != 'moved'") -> str:
        """An order's id."""
        return self.choice(self.query(f"SELECT order_id FROM orders o WHERE {where} ORDER BY 1"))

    def orders(self, count: int, where: str = "status != 'moved'") -> list[str]:
        """Ids of different orders."""
        return self.sample(self.query(f"SELECT order_id FROM orders o WHERE {where} ORDER BY 1"), count)

    def customer(self, where: str = "status = 'active'") -> str:
        """A customer's id."""
        return self.choice(self.query(f"SELECT customer FROM customers c WHERE {where} ORDER BY 1"))

    def person(self, where: str = "status = 'active'") -> dict[str, str]:
        """A customer's id and e-mail address, as slots."""
        row = self.row(f"SELECT customer, email FROM customers c WHERE {where} ORDER BY 1")
        return {"customer": row["customer"], "email": row["email"]}

    def ticket(self, where: str = "status = 'open'") -> str:
        """A ticket's id."""
        return self.choice(self.query(f"SELECT ticket FROM tickets t WHERE {where} ORDER BY 1"))

    def tickets(self, count: int, where: str = "status = 'open'") -> list[str]:
        """Ids of different tickets."""
        return self.sample(self.query(f"SELECT ticket FROM tickets t WHERE {where} ORDER BY 1"), count)

    def invoice(self, where: str = "status = 'unpaid'") -> str:
        """An invoice's id."""
        return self.choice(self.query(f"SELECT invoice FROM invoices i WHERE {where} ORDER BY 1"))

    def invoices(self, count: int, where: str = "status = 'unpaid'") -> list[str]:
        """Ids of different invoices."""
        return self.sample(self.query(f"SELECT invoice FROM invoices i WHERE {where} ORDER BY 1"), count)

    def returned(self, where: str) -> str:
        """A return's id."""
        return self.choice(self.query(f"SELECT return_id FROM returns WHERE {where} ORDER BY 1"))

    def reservation(self, where: str = "status = 'active'") -> str:
        """A reservation's id."""
        return self.choice(self.query(f"SELECT reservation FROM reservations WHERE {where} ORDER BY 1"))

    def sku(self, where: str = "sold = 1") -> str:
        """A product."""
        return self.choice(self.query(f"SELECT sku FROM products p WHERE {where} ORDER BY 1"))

    def skus(self, count: int, where: str = "sold = 1") -> list[str]:
        """Different products."""
        return self.sample(self.query(f"SELECT sku FROM products p WHERE {where} ORDER BY 1"), count)

    def agent(self, present: bool = True) -> str:
        """A colleague who is here, or one who is away."""
        return self.choice(self.query("SELECT agent FROM staff WHERE present = ? ORDER BY 1", int(present)))

    def open_day(self) -> str:
        """A day on which a delivery is possible."""
        return self.choice([day for day in DAYS if day not in self.query("SELECT day FROM full_days")])

    def number(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return self._random.randrange(low, high + 1)

    def stranger(self) -> dict[str, str]:
        """Name and e-mail address of somebody who is no customer yet, as slots."""
        first, last = self.choice(self._pool.first), self.choice(self._pool.last)
        email = f"{first}.{last}@{self.choice(self._pool.hosts)}.test"
        if self.query("SELECT customer FROM customers WHERE email = ?", email):
            raise NothingFitsError
        return {"name": f"{first} {last}".title(), "email": email}

    def phone(self) -> str:
        """A telephone number."""
        return self._pool.phone(self._random)

    def street(self) -> str:
        """A street and number."""
        return f"{self.number(2, 98)} {self.choice(self._pool.streets)} Street"

    def city(self) -> str:
        """A city."""
        return self.choice(self._pool.cities)

    def subject(self) -> str:
        """What a new ticket is about, in a user's words: nothing that a ticket is about already."""
        phrase = self._pool.phrase(self._random, self._language)
        if self.query("SELECT ticket FROM tickets WHERE subject = ?", phrase):
            raise NothingFitsError
        return phrase

    def remark(self) -> str:
        """What a note says."""
        return self.choice(self._pool.remarks_in(self._language))

    def first_name(self) -> str:
        """How somebody introduces themselves."""
        return self.choice(self._pool.first).title()

    def reason(self) -> str:
        """Why goods are not wanted."""
        return self.choice(REASONS)

    def warehouse(self) -> str:
        """A warehouse."""
        return self.choice(WAREHOUSES)

    def carrier(self) -> str:
        """A carrier."""
        return self.choice(CARRIERS)

    def stocked(self, least: int = 8) -> dict[str, object]:
        """A product, a warehouse that holds enough of it, and a quantity below that, as slots."""
        row = self.row("SELECT sku, warehouse, qty FROM stock WHERE qty > ? ORDER BY 1, 2", least)
        return {"sku": row["sku"], "wh": row["warehouse"], "qty": self.number(2, least)}
