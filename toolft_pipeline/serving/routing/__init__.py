"""Which model answers a request: loading a version, following the pointer to the model in service, the canary."""
