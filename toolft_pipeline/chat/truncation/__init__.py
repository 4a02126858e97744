"""Rows that are too long, cut where nothing that stays depends on what goes."""
