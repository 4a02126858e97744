"""The record of one agent run: its schema, its table, its category."""
