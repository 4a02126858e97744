"""Whether to fine-tune an agent: counts per day, criteria, verdict, the readiness page."""
