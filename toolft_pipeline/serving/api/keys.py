"""Bearer keys of named clients, from the environment.

Invariant: a key is compared in constant time and is written nowhere; a client is known by its name.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping

from toolft_pipeline.errors import UsageError
from toolft_pipeline.serving.api.errors import ApiError

LOCAL = "local"
"""The client's name where no keys are set."""
SHORTEST_KEY = 16


class ClientKeys:
    """The keys of a server; without any, every request is that of `local`."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._digests = {name: _digest(key) for name, key in keys.items()}
        self.names = tuple(self._digests)

    def client(self, authorization: str | None) -> str:
        """The name of the client that an Authorization header belongs to. Raises `ApiError` 401."""
        if not self._digests:
            return LOCAL
        scheme, _, key = (authorization or "").partition(" ")
        given = _digest(key.strip())
        found = [name for name, digest in self._digests.items() if hmac.compare_digest(digest, given)]
        if scheme.lower() != "bearer" or not found:
            raise ApiError(
                401,
                "no valid key: send one of this server's keys as `Authorization: Bearer KEY`",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return found[0]


def read_keys(keys_from: Mapping[str, str]) -> ClientKeys:
    """The keys of `serving.keys_from`: client -> environment variable. Raises `UsageError` naming all that fail."""
    keys, problems = {}, []
    for client, variable in keys_from.items():
        key = os.environ.get(variable, "")
        if len(key) < SHORTEST_KEY:
            state = f"has fewer than {SHORTEST_KEY} characters" if key else "is not set"
            problems.append(f"${variable} (the key of {client!r}) {state}")
        keys[client] = key
    doubled = {variable for variable, key in zip(keys_from.values(), keys.values(), strict=True)
               if key and list(keys.values()).count(key) > 1}  # fmt: skip
    if doubled:
        problems.append(f"{', '.join(sorted(doubled))} hold the same key; give each client its own")
    if problems:
        raise UsageError(f"serving.keys_from: {'; '.join(problems)}")
    return ClientKeys(keys)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
