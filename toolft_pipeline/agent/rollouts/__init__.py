"""The agent's loop as the rollout client of evaluation, so that what is judged is what is served."""
