"""Images in logs: read, checked, stored by content."""
