"""A backend that misbehaves on request: what the sandbox tests run as a real MCP process."""

import json
import os
import subprocess
import sys
import time
from typing import Any

from mcp.server.fastmcp import FastMCP

server = FastMCP("backend")
state: dict[str, Any] = {}


@server.tool()
def sandbox_reset(state_ref: str) -> str:
    """Start from nothing, under a name."""
    if state_ref == "unknown":
        raise ValueError("no such state")
    state.clear()
    state.update(name=state_ref, pid=os.getpid(), notes=[])
    return "{}"


@server.tool()
def sandbox_snapshot() -> str:
    """The whole state."""
    return "not JSON" if state["name"] == "opaque" else json.dumps(state, indent=1)


@server.tool()
def note(text: str | None, tag: str | None = "untagged") -> str:
    """Remember a text."""
    if text == "forbidden":
        raise ValueError("this text is forbidden")
    state["notes"].append([text, tag])
    return json.dumps({"notes": len(state["notes"]), "text": text})


@server.tool()
def hang() -> str:
    """Never answer."""
    time.sleep(3600)
    return ""


@server.tool()
def die() -> str:
    """End the process in the middle of the call."""
    sys.stderr.write("disk on fire\n")
    sys.stderr.flush()
    os._exit(3)


@server.tool()
def spawn() -> str:
    """Leave a child behind that never ends by itself; answers its pid."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    return str(child.pid)


@server.tool()
def die_once(mark: str) -> str:
    """End the process unless it has done so before: a file is the memory."""
    if not os.path.exists(mark):
        with open(mark, "w"):
            os._exit(3)
    return "{}"


if __name__ == "__main__":
    if pid_file := os.environ.get("BACKEND_PID_FILE"):
        with open(pid_file, "a") as file:
            file.write(f"{os.getpid()}\n")
    mode = sys.argv[1] if len(sys.argv) > 1 else ""
    if mode == "hang":
        time.sleep(3600)
    if mode == "fail":
        sys.exit("database is locked")
    if mode == "chatty":
        print("a stray line on stdout", flush=True)
    server.run()
    if mode == "stubborn":
        time.sleep(3600)
