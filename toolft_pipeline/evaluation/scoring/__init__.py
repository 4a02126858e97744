"""Score answers: steps, rollouts, questions on general ability, metrics with intervals."""
