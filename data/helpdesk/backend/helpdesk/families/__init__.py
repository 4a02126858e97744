"""What people ask the desk: families of tasks, each with its wordings, its draw from a world and its right way."""

from __future__ import annotations

from helpdesk.families import (
    explain_at_once,
    explain_by_mail,
    house_rules,
    no_tool,
    parallel_lists,
    parallel_named,
    retry_orders,
    retry_stock_and_money,
    retry_tickets,
    single_customers,
    single_invoices,
    single_orders,
    single_shipping,
    single_stock,
    single_tickets,
    steps_by_mail,
    steps_by_record,
    turns,
)
from helpdesk.family import FAMILIES

MODULES = (
    single_customers,
    single_orders,
    single_shipping,
    single_tickets,
    single_stock,
    single_invoices,
    parallel_lists,
    parallel_named,
    steps_by_mail,
    steps_by_record,
    house_rules,
    retry_orders,
    retry_tickets,
    retry_stock_and_money,
    explain_at_once,
    explain_by_mail,
    no_tool,
    turns,
)
"""The modules whose import fills the registry."""

__all__ = ["FAMILIES"]
