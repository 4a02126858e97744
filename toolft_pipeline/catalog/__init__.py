"""What tools exist: where a catalog comes from, what a call must look like, and what changed between two catalogs."""
