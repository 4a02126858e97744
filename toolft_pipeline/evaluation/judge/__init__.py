"""Whether a rollout did its task: the task, what was done, the conditions, and the verdict."""
