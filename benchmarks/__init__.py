"""Measurements, each beside an alternative in the same run. Adds the help desk's backend to the import path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "data" / "helpdesk" / "backend"))
