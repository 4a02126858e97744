"""What people ask the desk: families of tasks, each with its wordings, its draw from a world and its right way."""

from __future__ import annotations

from toolft_pipeline.helpdesk.families import (
    explain,
    no_tool,
    parallel,
    retry,
    single_customers,
    single_desk,
    single_orders,
    steps,
    turns,
)
from toolft_pipeline.helpdesk.family import FAMILIES

MODULES = (single_customers, single_orders, single_desk, parallel, steps, retry, explain, no_tool, turns)
"""The modules whose import fills the registry."""

__all__ = ["FAMILIES"]
