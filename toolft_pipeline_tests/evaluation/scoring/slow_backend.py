"""A backend with slow resets and calls that writes down each of them; it can crash or hang on request.

Run as a real MCP process. `CALL_LOG` is the file that it writes to, one line a reset or call; `RESET_S` and `CALL_S`
are seconds; `FAULT` is `<how>:<note>[:once]`, where how is `die` or `hang`; with `STUBBORN` the process
stays after its input is closed.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from mcp.server.fastmcp import FastMCP

server = FastMCP("slow", log_level="ERROR")
state: dict[str, Any] = {}
log = Path(os.environ["CALL_LOG"])
how, _, rest = os.environ.get("FAULT", "").partition(":")
faulty_note, _, once = rest.partition(":")


def write(line: str) -> None:
    with log.open("a") as file:
        file.write(line + "\n")


@server.tool()
def sandbox_reset(state_ref: str) -> str:
    """Start from nothing, under a name."""
    write(f"reset {state_ref}")
    time.sleep(float(os.environ.get("RESET_S", "0")))
    state.clear()
    state.update(name=state_ref, notes=[])
    return "{}"


@server.tool()
def sandbox_snapshot() -> str:
    """The whole state."""
    return json.dumps(state)


@server.tool()
def note(text: str) -> str:
    """Remember a text; answers how many there are."""
    tried_before = f"call {state['name']} {text}\n" in log.read_text()
    write(f"call {state['name']} {text}")
    time.sleep(float(os.environ.get("CALL_S", "0")))
    if text == faulty_note and not (once and tried_before):
        if how == "hang":
            time.sleep(3600)
        os._exit(3)
    state["notes"].append(text)
    return json.dumps({"notes": len(state["notes"])})


if __name__ == "__main__":
    with log.with_suffix(".pids").open("a") as file:
        file.write(f"{os.getpid()}\n")
    server.run()
    time.sleep(3600 if "STUBBORN" in os.environ else 0)
