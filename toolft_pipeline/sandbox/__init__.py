"""The backend to replay runs on: its protocol, the MCP session, and the comparison of states."""
