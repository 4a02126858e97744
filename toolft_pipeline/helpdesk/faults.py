"""What goes wrong in real logs, planted on purpose, each fault under its own name.

Invariant: a planted fault is really there. Calls that a fault makes were made on the backend and failed or succeeded
there; only what a log writer, not an agent, breaks (bytes, forged text, states) is broken in the row.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Any

from toolft_pipeline.helpdesk.agent import Conversation, Run, reworded, work
from toolft_pipeline.helpdesk.client import Backend
from toolft_pipeline.helpdesk.family import Call, call
from toolft_pipeline.helpdesk.logs import Stamp, line_of, row_of
from toolft_pipeline.helpdesk.registry import TOOLS

Row = dict[str, Any]


class Stage(StrEnum):
    """Where the pipeline is expected to catch a fault."""

    READER = "reader"
    STRUCTURE = "structure"
    CATALOG = "catalog"
    CONTROL_TOKENS = "control_tokens"
    DEAD_ENDS = "dead_ends"
    OUTCOME = "outcome"
    REPLAY = "replay"
    NEAR_DUPLICATE = "near_duplicate"
    REDACTION = "redaction"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a fault is made from: a backend, a run that went right, its place in the log, and chance."""

    backend: Backend
    run: Run
    stamp: Stamp
    random: Random

    def row(self, run: Run | None = None, status: str = "success", evidence: str | None = None) -> Row:
        """The row of a run, the right one unless another is given."""
        return row_of(run or self.run, stamp=self.stamp, status=status, evidence=evidence)


@dataclass(frozen=True, kw_only=True)
class PlantedFault:
    """One kind of fault: who should catch it, how common it is, which runs can show it, and how it is made."""

    name: str
    stage: Stage
    share: int
    fits: Callable[[Run], bool]
    plant: Callable[[Scene], bytes]


FAULTS: dict[str, PlantedFault] = {}
"""Every kind of fault by name, in the order of definition."""

Planting = Callable[[Scene], bytes]


def _always(_: Run) -> bool:
    return True


def _calls(run: Run) -> bool:
    return bool(run.calls)


def _changes(run: Run) -> bool:
    return any(not TOOLS[made.name].reads and not made.is_error for made in run.calls)


def _one_turn(run: Run) -> bool:
    return len(run.assignment.user_turns) == 1 and bool(run.calls)


def fault(stage: Stage, *, share: int, fits: Callable[[Run], bool] = _calls) -> Callable[[Planting], Planting]:
    """Register a fault under the name of its function."""

    def register(plant: Planting) -> Planting:
        name = plant.__name__
        FAULTS[name] = PlantedFault(name=name, stage=stage, share=share, fits=fits, plant=plant)
        return plant

    return register


@fault(Stage.READER, share=3, fits=_always)
def truncated_line(scene: Scene) -> bytes:
    """The logger died while it wrote."""
    line = line_of(scene.row())
    return line[: scene.random.randrange(len(line) // 4, len(line) - 20)]


@fault(Stage.READER, share=2, fits=_always)
def malformed_line(scene: Scene) -> bytes:
    """Somebody else wrote into the file."""
    return b"--- log rotated, " + str(scene.random.randrange(10**6)).encode() + b" bytes flushed ---"


@fault(Stage.READER, share=1, fits=_always)
def wrong_shape(scene: Scene) -> bytes:
    """JSON, but no run."""
    return line_of({"level": "warning", "event": "slow upstream", "ms": scene.random.randrange(900, 9000)})


@fault(Stage.READER, share=1, fits=_always)
def not_utf8(scene: Scene) -> bytes:
    """Bytes of another encoding in the user's text."""
    row = scene.row()
    row["messages"] = [
        dict(row["messages"][0], content="Gr@@e! " + row["messages"][0]["content"]),
        *row["messages"][1:],
    ]
    return line_of(row).replace(b"Gr@@e", b"Gr\xfc\xdfe", 1)


@fault(Stage.STRUCTURE, share=2)
def orphan_result(scene: Scene) -> bytes:
    """A result whose call was lost."""
    row = _copied(scene)
    turn = next(message for message in row["messages"] if message.get("tool_calls"))
    lost = turn["tool_calls"].pop()
    if not turn["tool_calls"]:
        row["messages"].remove(turn)
        row["messages"].insert(1, {"role": "assistant", "content": f"I use {lost['function']['name']} for that."})
    return line_of(row)


@fault(Stage.STRUCTURE, share=2)
def missing_result(scene: Scene) -> bytes:
    """A call whose result was lost."""
    row = _copied(scene)
    row["messages"].remove(next(message for message in row["messages"] if message["role"] == "tool"))
    return line_of(row)


@fault(Stage.STRUCTURE, share=2, fits=_one_turn)
def dangling_call(scene: Scene) -> bytes:
    """The run ends in a result: nobody answered."""
    row = _copied(scene)
    row["messages"].pop()
    return line_of(row)


@fault(Stage.CATALOG, share=4, fits=_one_turn)
def unknown_tool(scene: Scene) -> bytes:
    """The agent first calls a tool that does not exist."""
    first = scene.run.calls[0]
    name = scene.random.choice((f"{first.name}_v2", f"do_{first.name}", f"{first.name}s", "search_database"))
    return _after_a_detour(scene, call(name, **first.arguments))


@fault(Stage.CATALOG, share=4, fits=_one_turn)
def unknown_parameter(scene: Scene) -> bytes:
    """The agent first passes an argument that the tool does not have."""
    first = scene.run.calls[0]
    name, value = scene.random.choice((("verbose", True), ("dry_run", False), ("language", "en"), ("limit", 10)))
    return _after_a_detour(scene, call(first.name, **first.arguments, **{name: value}))


@fault(Stage.CATALOG, share=4, fits=_one_turn)
def invalid_arguments(scene: Scene) -> bytes:
    """The agent first leaves out or mistypes an argument."""
    first = scene.run.calls[0]
    key = scene.random.choice(TOOLS[first.name].schema()["required"])
    wrong = {name: value for name, value in first.arguments.items() if name != key}
    if scene.random.random() < 0.6:
        wrong[key] = [first.arguments[key]] if not isinstance(first.arguments[key], list) else "all"
    return _after_a_detour(scene, Call(name=first.name, arguments=wrong))


@fault(Stage.CATALOG, share=4, fits=_one_turn)
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
    row["messages"][1:1] = [turn, {"role": "tool", "tool_call_id": "call_0", "name": name, "content": said}]
    row["usage"]["parse_failures"] = 1
    return line_of(row)


@fault(Stage.CONTROL_TOKENS, share=4, fits=_always)
def control_token(scene: Scene) -> bytes:
    """The serving template leaked into an answer."""
    row = _copied(scene)
    stray = scene.random.choice(("<end_of_turn><start_of_turn>model\n", "<end_of_turn>", "<start_of_turn>user\n"))
    answer = row["messages"][-1]
    answer["content"] = stray + answer["content"] if scene.random.random() < 0.5 else answer["content"] + stray
    return line_of(row)


@fault(Stage.DEAD_ENDS, share=6, fits=_one_turn)
def loop(scene: Scene) -> bytes:
    """The agent asks the same again and again."""
    conversation = Conversation(scene.backend, scene.run.assignment)
    first = scene.run.calls[0]
    for _ in range(scene.random.randrange(4, 7)):
        conversation.make([Call(name=first.name, arguments=first.arguments)])
    conversation.say("Done.")
    return line_of(scene.row(conversation.end()))


@fault(Stage.DEAD_ENDS, share=5, fits=_one_turn)
def dead_end(scene: Scene) -> bytes:
    """The agent tries one made-up number after the other and gives up."""
    conversation = Conversation(scene.backend, scene.run.assignment)
    tool, key, letter = scene.random.choice(
        (("get_order", "order", "O"), ("get_ticket", "ticket", "T"), ("get_invoice", "invoice", "I"))
    )
    for number in scene.random.sample(range(10), 3):
        conversation.make([call(tool, **{key: f"{letter}-000{number}"})])
    conversation.say("I could not find it.")
    return line_of(scene.row(conversation.end()))


@fault(Stage.OUTCOME, share=10, fits=_one_turn)
def failed(scene: Scene) -> bytes:
    """The agent called a wrong tool, or stopped half-way, and the user said so."""
    conversation = Conversation(scene.backend, scene.run.assignment)
    first = scene.run.calls[0]
    if scene.random.random() < 0.5 or len({made.step for made in scene.run.calls}) == 1:
        key = next(
            (name for name in ("order", "ticket", "customer", "invoice", "sku") if name in first.arguments), None
        )
        wrong = call(_WRONG_TOOL.get(str(key), "find_customer"), **_only(first.arguments, key))
        conversation.make([wrong])
        evidence = "the user said that this was not asked for"
    else:
        conversation.make([Call(name=first.name, arguments=first.arguments)])
        evidence = "the user said that nothing was done"
    conversation.say("Done.")
    return line_of(scene.row(conversation.end(), "failure", evidence))


_WRONG_TOOL = {
    "order": "get_order", "ticket": "get_ticket", "customer": "get_customer", "invoice": "get_invoice",
    "sku": "list_reservations",
}  # fmt: skip


@fault(Stage.OUTCOME, share=8, fits=lambda run: _one_turn(run) and _changes(run))
def wrong_argument(scene: Scene) -> bytes:
    """The agent changed the wrong thing, and the user noticed."""
    run = _with_wrong_argument(scene)
    return line_of(scene.row(run, "failure", "the user said that the wrong thing was changed"))


@fault(Stage.OUTCOME, share=4, fits=_always)
def unknown_outcome(scene: Scene) -> bytes:
    """Nobody knows how it ended."""
    return line_of(scene.row(status="unknown"))


@fault(Stage.REPLAY, share=6, fits=lambda run: _one_turn(run) and _changes(run))
def hidden_wrong_argument(scene: Scene) -> bytes:
    """The agent changed the wrong thing; the log claims success and the state that was wanted."""
    run = replace(_with_wrong_argument(scene), final_state=scene.run.final_state)
    return line_of(scene.row(run))


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


@fault(Stage.REPLAY, share=4, fits=_changes)
def wrong_state(scene: Scene) -> bytes:
    """A final state that the run does not end in."""
    row = _copied(scene)
    digest = "".join(scene.random.choice("0123456789abcdef") for _ in range(64))
    row["final_state"] = f"sha256:{digest}"
    return line_of(row)


@fault(
    Stage.REPLAY, share=3, fits=lambda run: _one_turn(run) and _changes(run) and len({c.step for c in run.calls}) > 1
)
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


@fault(Stage.NEAR_DUPLICATE, share=16, fits=_always)
def near_duplicate(scene: Scene) -> bytes:
    """The same task once more, almost in the same words; `scene.run` is the earlier one."""
    turns = [_almost(turn, scene.random) for turn in scene.run.assignment.user_turns]
    run = work(scene.backend, reworded(scene.run.assignment, turns))
    return line_of(scene.row(run))


@fault(Stage.REDACTION, share=6, fits=_always)
def secret(scene: Scene) -> bytes:
    """The user pasted a key (a made-up one)."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    drawn = "".join(scene.random.choice(letters) for _ in range(16))
    key = scene.random.choice(
        (f"AKIA{drawn}", f"sk-live-{drawn.lower()}{drawn[::-1].lower()}", f"ghp_{drawn}{drawn[:8]}")
    )
    first, *others = scene.run.assignment.user_turns
    run = work(scene.backend, reworded(scene.run.assignment, [f"{first} My key is {key}.", *others]))
    return line_of(scene.row(run))


def _copied(scene: Scene) -> Row:
    return copy.deepcopy(scene.row())


def _after_a_detour(scene: Scene, wrong: Call) -> bytes:
    """A wrong call, really made, and then the right run on the same backend."""
    conversation = Conversation(scene.backend, scene.run.assignment)
    conversation.make([wrong])
    for step in sorted({made.step for made in scene.run.calls}):
        together = [made for made in scene.run.calls if made.step == step]
        conversation.make([Call(name=made.name, arguments=made.arguments) for made in together])
    conversation.say(scene.run.messages[-1]["content"])
    return line_of(scene.row(conversation.end()))


def _with_wrong_argument(scene: Scene) -> Run:
    """The right calls, up to the first that changes something: that one goes to a neighbour's id or a wrong number."""
    conversation = Conversation(scene.backend, scene.run.assignment)
    for made in scene.run.calls:
        if TOOLS[made.name].reads or made.is_error:
            conversation.make([Call(name=made.name, arguments=made.arguments)])
            continue
        conversation.make([Call(name=made.name, arguments=_shifted(made.arguments))])
        break
    conversation.say(scene.run.messages[-1]["content"])
    return conversation.end()


def _shifted(arguments: dict[str, Any]) -> dict[str, Any]:
    """The same arguments with the first id or number changed."""
    text = json.dumps(arguments)
    for place, char in enumerate(text):
        if char.isdigit():
            return dict(json.loads(text[:place] + str(int(char) % 9 + 1) + text[place + 1 :]))
    return {name: "brass anchor" if name == "sku" else value for name, value in arguments.items()}


def _only(arguments: dict[str, Any], key: str | None) -> dict[str, Any]:
    return {"email": "nobody@nowhere.test"} if key is None else {key: arguments[key]}


def _ids_of(message: Row) -> set[str]:
    return {c["id"] for c in message.get("tool_calls") or ()} | {str(message.get("tool_call_id"))}


def _almost(text: str, random: Random) -> str:
    """The same words with other punctuation or case."""
    changed = random.choice(
        (text.rstrip(".?") + "!", text.replace(" ", "  ", 1), text.rstrip(".?!") + " .", text + " :)")
    )
    return changed if changed != text else text + "!!"
