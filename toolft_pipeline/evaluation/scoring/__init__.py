"""Score answers: steps, rollouts and their judge, metrics with intervals."""
