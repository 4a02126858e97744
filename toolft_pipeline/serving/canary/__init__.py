"""A share of conversations for a candidate, and the sequential test that ends it."""
