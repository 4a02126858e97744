"""Whether an agent should be fine-tuned: criteria, production statistics, the readiness page."""
