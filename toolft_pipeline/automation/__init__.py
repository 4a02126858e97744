"""Partitions, jobs, schedules and the executor: when and where the assets are made."""
