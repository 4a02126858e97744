"""A backend that misbehaves on request: what the sandbox tests run as a real MCP process."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
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
def who() -> str:
    """What differs from process to process, and what does not."""
    return json.dumps({"pid": os.getpid(), "name": state["name"]})


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
    if not Path(mark).exists():
        Path(mark).touch()
        os._exit(3)
    return "{}"


if __name__ == "__main__":
    mode = sys.argv[1]
    started = Path(os.environ["BACKEND_PID_FILE"])
    if mode == "fail" or (mode == "once" and started.read_text()):
        sys.exit("database is locked")
    with started.open("a") as file:
        file.write(f"{os.getpid()}\n")
    if mode == "hang":
        time.sleep(3600)
    if mode == "chatty":
        print("a stray line on stdout", flush=True)
    server.run()
    if mode == "stubborn":
        time.sleep(3600)
