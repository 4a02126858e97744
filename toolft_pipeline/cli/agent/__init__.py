"""The commands `agent` and `check-agent`."""
