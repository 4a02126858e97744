"""The HTTP side of serving, over real sockets, asked by the official client."""
