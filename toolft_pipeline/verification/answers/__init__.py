"""Whether an answer says what happened: what a task expects of it, and the check."""
