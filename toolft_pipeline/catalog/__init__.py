"""The tool catalog: its sources, validation of calls, and differences between two catalogs."""
