"""Runs that say the same: conversation hashes, prefixes, MinHash signatures, overlap with evaluation tasks."""
