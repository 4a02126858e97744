"""The backend to replay runs on: what it promises, the MCP session that reaches it, and comparison of its states."""
