"""Replay of a run on a fresh backend: the session, the pool of sessions, the cache of passed replays."""
