"""Merge the adapter into its base, and check the merged model."""
