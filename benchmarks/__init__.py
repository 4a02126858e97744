"""Measurements, side by side in one run. The help desk's backend is reached where it lies, as by its agent."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "data" / "helpdesk" / "backend"))
