"""The lock of code versions: no stage's code changes unless its version is raised or the change is acknowledged."""
