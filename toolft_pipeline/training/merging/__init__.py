"""The adapter merged into its base, and the checks of the merged model."""
