"""What served traffic looked like, and whether it looks like what the gate saw."""
