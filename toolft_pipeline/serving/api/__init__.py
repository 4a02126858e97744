"""The HTTP side of serving: OpenAI chat completions, health, readiness and metrics, with keys and limits."""
