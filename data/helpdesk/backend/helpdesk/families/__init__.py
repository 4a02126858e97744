"""What people ask the desk: families of tasks, each with its wordings, its draw from a world and its right way."""

from __future__ import annotations

from helpdesk.families import (
    corrections,
    explain_at_once,
    forbidden,
    house_rules,
    lists,
    look_alikes,
    missing,
    no_tool,
    retry_orders,
    retry_others,
    single_customers,
    single_invoices,
    single_orders,
    single_shipping,
    single_stock,
    single_tickets,
    steps_by_mail,
    turns,
)
from helpdesk.families.unseen import compositions, refusals, requests, tools
from helpdesk.family import FAMILIES

MODULES = (
    single_customers,
    single_orders,
    single_shipping,
    single_tickets,
    single_stock,
    single_invoices,
    house_rules,
    steps_by_mail,
    turns,
    lists,
    look_alikes,
    corrections,
    missing,
    retry_orders,
    retry_others,
    explain_at_once,
    no_tool,
    forbidden,
    compositions,
    refusals,
    requests,
    tools,
)
"""The modules whose import fills the registry."""

__all__ = ["FAMILIES"]
