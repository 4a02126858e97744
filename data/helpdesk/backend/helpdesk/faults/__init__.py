"""What goes wrong in real logs, planted on purpose, each fault under its own name."""

from __future__ import annotations

from helpdesk.faults import of_the_agent, of_the_log
from helpdesk.faults.planted import FAULTS

MODULES = (of_the_log, of_the_agent)
"""The modules whose import fills the registry."""

__all__ = ["FAULTS"]
