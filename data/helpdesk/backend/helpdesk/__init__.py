"""The help desk: the reference agent's world, reached like any user's backend, as an MCP command.

Nothing of the pipeline imports this package. It holds a small desk for orders, tickets, stock, customers and
invoices on SQLite, the tools over it, the tasks that people bring, and the writer of the logs that an agent left.
"""
