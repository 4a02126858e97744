"""Conditions on orders that several families share, as SQL."""

from __future__ import annotations

OPEN = "status IN ('new', 'paid')"
GONE = "status IN ('shipped', 'delivered')"
READY = (
    "status IN ('paid', 'packed') AND held = 0 AND NOT EXISTS "
    "(SELECT 1 FROM invoices i WHERE i.order_id = o.order_id AND i.status = 'unpaid')"
)
