"""On a process's PYTHONPATH: every address beyond this machine is refused, and logged in TOOLFT_NETWORK_LOG.

Python asks audit hooks before it connects, sends or resolves a name; children inherit the path and with it the hook.
"""

import os
import sys

_LOCAL = ("127.", "::1", "localhost", "0.0.0.0")


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if not isinstance(address, tuple):  # a Unix socket
            return
        host = str(address[0])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = str(arguments[0] or "localhost")
    else:
        return
    if not host.startswith(_LOCAL):
        with open(os.environ["TOOLFT_NETWORK_LOG"], "a", encoding="utf-8") as log:
            log.write(f"{event} {host}\n")
        raise OSError(f"{event} {host}: refused by the test")


sys.addaudithook(_refuse)
