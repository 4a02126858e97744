"""Images in logs: found, checked, stored by content."""
