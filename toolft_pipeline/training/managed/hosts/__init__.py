"""The hosts that jobs can run at: one module a protocol, and their registry."""
