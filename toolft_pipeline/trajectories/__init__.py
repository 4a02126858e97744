"""The record of one agent run: schema, table, category, grounding text."""
