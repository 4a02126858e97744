"""The assets, one module each: wiring between versions on disk and the functions that make them, no logic."""
