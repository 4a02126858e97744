"""The evaluations that make up a report, each a version of its own."""
