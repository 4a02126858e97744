"""The key that surrogates and the HMACs of rejects are made with: the one place that reads it from the environment.

Invariant: commands, stages and sensors call `surrogate_key` and pass the key on; code below them never looks it up.
The key itself is never written: fingerprints carry `key_digest`.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache

KEY_VARIABLE = "TOOLFT_HMAC_KEY"
DEFAULT_KEY = "toolft-unset-key"
"""Used where the variable is not set: reproducible, and no protection; production sets its own."""


def surrogate_key() -> bytes:
    """The key from TOOLFT_HMAC_KEY, or the documented default."""
    return (os.environ.get(KEY_VARIABLE) or DEFAULT_KEY).encode()


@lru_cache(maxsize=4)
def key_digest(key: bytes) -> str:
    """What identifies a key in fingerprints, in hex; slow to compute, so that a short key cannot be guessed from it."""
    # 16 MB and about 50 ms a guess: the cost parameters of RFC 7914 for interactive use
    return hashlib.scrypt(key, salt=b"toolft surrogate key", n=2**14, r=8, p=1, dklen=32).hex()
