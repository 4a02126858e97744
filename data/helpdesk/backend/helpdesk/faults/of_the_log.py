"""What a log writer breaks: bytes, turns that were lost, texts and states that nobody saw."""

from __future__ import annotations

import copy

from helpdesk.faults.planted import Row, Scene, Stage, always, changes, fault, one_turn
from helpdesk.logs import line_of
from helpdesk.registry import TOOLS


@fault(Stage.READER, share=3, fits=always)
def truncated_line(scene: Scene) -> bytes:
    """The logger died while it wrote; a line that happens to end in a brace would look like any malformed one."""
    line = line_of(scene.row())
    return line[: scene.random.randrange(len(line) // 4, len(line) - 20)].rstrip(b"}")


@fault(Stage.READER, share=2, fits=always)
def malformed_line(scene: Scene) -> bytes:
    """Somebody else wrote into the file."""
    return b"--- log rotated, " + str(scene.random.randrange(10**6)).encode() + b" bytes flushed ---"


@fault(Stage.READER, share=1, fits=always)
def wrong_shape(scene: Scene) -> bytes:
    """JSON, but no run."""
    return line_of({"level": "warning", "event": "slow upstream", "ms": scene.random.randrange(900, 9000)})


@fault(Stage.READER, share=1, fits=always)
def not_utf8(scene: Scene) -> bytes:
    """Bytes of another encoding in the user's text."""
    row = scene.row()
    said = _first_user(row)
    row["messages"][said] = dict(row["messages"][said], content="Gr@@e! " + row["messages"][said]["content"])
    return line_of(row).replace(b"Gr@@e", b"Gr\xfc\xdfe", 1)


@fault(Stage.STRUCTURE, share=2)
def orphan_result(scene: Scene) -> bytes:
    """A result whose call was lost."""
    row = _copied(scene)
    turn = next(message for message in row["messages"] if message.get("tool_calls"))
    lost = turn["tool_calls"].pop()
    if not turn["tool_calls"]:
        row["messages"].remove(turn)
        row["messages"].insert(
            _first_user(row) + 1, {"role": "assistant", "content": f"I use {lost['function']['name']} for that."}
        )
    return line_of(row)


@fault(Stage.STRUCTURE, share=2)
def missing_result(scene: Scene) -> bytes:
    """A call whose result was lost."""
    row = _copied(scene)
    row["messages"].remove(next(message for message in row["messages"] if message["role"] == "tool"))
    return line_of(row)


@fault(Stage.STRUCTURE, share=2, fits=one_turn)
def dangling_call(scene: Scene) -> bytes:
    """The run ends in a result: nobody answered."""
    row = _copied(scene)
    row["messages"].pop()
    return line_of(row)


@fault(Stage.CATALOG, share=4, fits=one_turn)
def malformed_arguments(scene: Scene) -> bytes:
    """The agent first writes arguments that are no JSON; the harness says so."""
    row = _copied(scene)
    turn = copy.deepcopy(next(message for message in row["messages"] if message.get("tool_calls")))
    broken = turn["tool_calls"][0]
    turn["tool_calls"] = [broken]
    broken["id"] = "call_0"
    text = broken["function"]["arguments"]
    broken["function"]["arguments"] = scene.random.choice((text[:-1], text.replace('"', "'"), text[1:], f"{text},"))
    name = broken["function"]["name"]
    said = "Error: arguments are not JSON; write one JSON object"
    after = _first_user(row) + 1
    row["messages"][after:after] = [
        turn,
        {"role": "tool", "tool_call_id": "call_0", "name": name, "content": said},
    ]
    row["usage"]["parse_failures"] = 1
    return line_of(row)


@fault(Stage.CONTROL_TOKENS, share=4, fits=always)
def control_token(scene: Scene) -> bytes:
    """The serving template leaked into an answer."""
    row = _copied(scene)
    stray = scene.random.choice(("<end_of_turn><start_of_turn>model\n", "<end_of_turn>", "<start_of_turn>user\n"))
    answer = row["messages"][-1]
    answer["content"] = stray + answer["content"] if scene.random.random() < 0.5 else answer["content"] + stray
    return line_of(row)


@fault(Stage.OUTCOME, share=4, fits=always)
def unknown_outcome(scene: Scene) -> bytes:
    """Nobody knows how it ended."""
    return line_of(scene.row(status="unknown"))


@fault(Stage.REPLAY, share=5)
def forged_result(scene: Scene) -> bytes:
    """A result that the backend never gave."""
    row = _copied(scene)
    results = [message for message in row["messages"] if message["role"] == "tool"]
    chosen = scene.random.choice(results)
    chosen["content"] = scene.random.choice(('{"ok":true}', '{"status":"done"}', "Error: try again later"))
    return line_of(row)


@fault(Stage.REPLAY, share=2)
def control_token_in_result(scene: Scene) -> bytes:
    """A control string in a result; the backend has none in its data."""
    row = _copied(scene)
    result = next(message for message in row["messages"] if message["role"] == "tool")
    result["content"] += "<end_of_turn>\n<start_of_turn>model\n"
    return line_of(row)


@fault(Stage.REPLAY, share=4, fits=changes)
def wrong_state(scene: Scene) -> bytes:
    """A final state that the run does not end in."""
    row = _copied(scene)
    digest = "".join(scene.random.choice("0123456789abcdef") for _ in range(64))
    row["final_state"] = f"sha256:{digest}"
    return line_of(row)


@fault(Stage.REPLAY, share=3, fits=lambda run: one_turn(run) and changes(run) and len({c.step for c in run.calls}) > 1)
def dropped_call(scene: Scene) -> bytes:
    """A turn that changed something was cut out of the log."""
    row = _copied(scene)
    step = next(made.step for made in scene.run.calls if not TOOLS[made.name].reads and not made.is_error)
    ids = {made.id for made in scene.run.calls if made.step == step}
    row["messages"] = [message for message in row["messages"] if not ids & _ids_of(message)]
    return line_of(row)


@fault(Stage.REPLAY, share=2)
def no_initial_state(scene: Scene) -> bytes:
    """Nobody wrote down where the run began."""
    row = _copied(scene)
    del row["initial_state"]
    return line_of(row)


@fault(Stage.REPLAY, share=1)
def unknown_state(scene: Scene) -> bytes:
    """The run began in a state that the backend cannot rebuild."""
    row = _copied(scene)
    row["initial_state"] = f"backup-{scene.random.randrange(1000, 9999)}"
    return line_of(row)


def _copied(scene: Scene) -> Row:
    return copy.deepcopy(scene.row())


def _ids_of(message: Row) -> set[str]:
    return {c["id"] for c in message.get("tool_calls") or ()} | {str(message.get("tool_call_id"))}


def _first_user(row: Row) -> int:
    """The place of the first user turn: a system prompt may stand before it."""
    return next(place for place, message in enumerate(row["messages"]) if message["role"] == "user")
