"""The assembly of a server from its parts."""
