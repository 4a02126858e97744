"""The page of all agents, and the local server of reports."""
