"""Served conversations as day logs: their ids, their files, and the feedback on them."""
