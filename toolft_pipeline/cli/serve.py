"""`toolft serve`: the model in service behind OpenAI chat completions, until it is stopped."""

from __future__ import annotations

import asyncio

from toolft_pipeline.cli.runs.interruption import Interruption
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.serving.api.http_server import base_url, listening_socket
from toolft_pipeline.serving.api.keys import read_keys
from toolft_pipeline.serving.server.served_app import Parts, ServedApp


def serve_agent(parts: Parts, *, interruption: Interruption | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; returns 0 when what ran was finished. Raises `FixableError`."""
    serving = parts.settings.serving
    keys = read_keys(serving.keys_from)
    listening = listening_socket(serving.host, serving.port)
    if interruption is not None:
        interruption.doing = "the server, which finishes what runs"

    def say_where() -> None:
        route = parts.router.current()
        name = route.model.name if route is not None else parts.settings.name
        named = ", ".join(keys.names) or "none, from this machine alone"
        say(f"serving {name} on {base_url(listening)}", f"keys: {named}")

    with listening:
        asyncio.run(ServedApp(parts, keys=keys).serve(listening, on_ready=say_where))
    return 0
