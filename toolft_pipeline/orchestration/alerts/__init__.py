"""One alert a cause: what failed or is late, and the command that fixes it."""
