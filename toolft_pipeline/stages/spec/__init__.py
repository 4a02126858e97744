"""What a stage declares: inputs, settings, sources, checks."""
