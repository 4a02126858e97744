"""The help desk's backend as an MCP server: `python backend/server.py`, in the agent's folder."""

from helpdesk.server import main

if __name__ == "__main__":
    main()
