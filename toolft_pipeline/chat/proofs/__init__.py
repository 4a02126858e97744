"""Four proofs that every trained row is what will be served. Each oracle imports nothing from what it checks."""
