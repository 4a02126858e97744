"""Verification of logged runs: rules, replay on a sandbox, redaction, and the cache of verdicts that still hold."""
