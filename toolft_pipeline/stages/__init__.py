"""The stages, one module an asset: what it reads, how it is built and checked. No dagster, no domain logic."""
