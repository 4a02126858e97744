"""What an agent does wrong, really done on the backend: wrong calls, loops, dead ends, the same task twice."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from random import Random
from typing import Any

from helpdesk.agent import Conversation, Run, reworded, work
from helpdesk.family import Call, call
from helpdesk.faults.planted import Scene, Stage, always, changes, fault, one_turn
from helpdesk.logs import line_of
from helpdesk.registry import TOOLS


@fault(Stage.CATALOG, share=4, fits=one_turn)
def unknown_tool(scene: Scene) -> bytes:
    """The agent first calls a tool that does not exist."""
    first = scene.run.calls[0]
    name = scene.random.choice((f"{first.name}_v2", f"do_{first.name}", f"{first.name}s", "search_database"))
    return _after_a_detour(scene, call(name, **first.arguments))


@fault(Stage.CATALOG, share=4, fits=one_turn)
def unknown_parameter(scene: Scene) -> bytes:
    """The agent first passes an argument that the tool does not have."""
    first = scene.run.calls[0]
    name, value = scene.random.choice((("verbose", True), ("dry_run", False), ("language", "en"), ("page", 2)))
    return _after_a_detour(scene, call(first.name, **first.arguments, **{name: value}))


@fault(Stage.CATALOG, share=4, fits=one_turn)
def invalid_arguments(scene: Scene) -> bytes:
    """The agent first leaves out or mistypes an argument."""
    first = scene.run.calls[0]
    required = TOOLS[first.name].schema().get("required", [])
    key = scene.random.choice(required or list(first.arguments))
    wrong = {name: value for name, value in first.arguments.items() if name != key}
    if not required or scene.random.random() < 0.6:
        wrong[key] = [first.arguments[key]] if not isinstance(first.arguments[key], list) else "all"
    return _after_a_detour(scene, Call(name=first.name, arguments=wrong))


@fault(Stage.DEAD_ENDS, share=6, fits=one_turn)
def loop(scene: Scene) -> bytes:
    """The agent asks the same again and again."""
    conversation = Conversation(scene.backend, scene.run.assignment)
    first = scene.run.calls[0]
    for _ in range(scene.random.randrange(4, 7)):
        conversation.make([Call(name=first.name, arguments=first.arguments)])
    conversation.tell("Done.")
    return line_of(scene.row(conversation.end()))


@fault(Stage.DEAD_ENDS, share=5, fits=one_turn)
def dead_end(scene: Scene) -> bytes:
    """The agent tries one made-up number after the other and gives up."""
    conversation = Conversation(scene.backend, scene.run.assignment)
    tool, key, letter = scene.random.choice(
        (("get_order", "order", "O"), ("get_ticket", "ticket", "T"), ("get_invoice", "invoice", "I"))
    )
    for number in scene.random.sample(range(10), 3):
        conversation.make([call(tool, **{key: f"{letter}-000{number}"})])
    conversation.tell("I could not find it.")
    return line_of(scene.row(conversation.end()))


@fault(Stage.OUTCOME, share=10, fits=one_turn)
def failed(scene: Scene) -> bytes:
    """The agent called a wrong tool, or stopped half-way, and the user complained."""
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
    conversation.tell("Done.")
    return line_of(scene.row(conversation.end(), "failure", evidence))


_WRONG_TOOL = {
    "order": "get_order", "ticket": "get_ticket", "customer": "get_customer", "invoice": "get_invoice",
    "sku": "check_stock",
}  # fmt: skip


@fault(Stage.OUTCOME, share=8, fits=lambda run: one_turn(run) and changes(run))
def wrong_argument(scene: Scene) -> bytes:
    """The agent changed the wrong thing, and the user noticed."""
    run = _with_wrong_argument(scene)
    return line_of(scene.row(run, "failure", "the user said that the wrong thing was changed"))


@fault(Stage.REPLAY, share=6, fits=lambda run: one_turn(run) and changes(run))
def hidden_wrong_argument(scene: Scene) -> bytes:
    """The agent changed the wrong thing; the log claims success and the state that was wanted."""
    run = replace(_with_wrong_argument(scene), final_state=scene.run.final_state)
    return line_of(scene.row(run))


@fault(Stage.NEAR_DUPLICATE, share=16, fits=always)
def near_duplicate(scene: Scene) -> bytes:
    """The same task once more, almost in the same words; `scene.run` is the earlier one."""
    turns = [_almost(turn, scene.random) for turn in scene.run.assignment.user_turns]
    run = work(scene.backend, reworded(scene.run.assignment, turns))
    return line_of(scene.row(run))


@fault(Stage.REDACTION, share=6, fits=always)
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


def _after_a_detour(scene: Scene, wrong: Call) -> bytes:
    """A wrong call, really made, and then the right run on the same backend."""
    conversation = Conversation(scene.backend, scene.run.assignment)
    conversation.make([wrong])
    for step in sorted({made.step for made in scene.run.calls}):
        together = [made for made in scene.run.calls if made.step == step]
        conversation.make([Call(name=made.name, arguments=made.arguments) for made in together])
    conversation.tell(scene.run.messages[-1]["content"])
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
    conversation.tell(scene.run.messages[-1]["content"])
    return conversation.end()


def _shifted(arguments: dict[str, Any]) -> dict[str, Any]:
    """The same arguments with the last digit of the first id or number changed: a neighbour of what was meant."""
    text = json.dumps(arguments)
    number = re.search(r"\d+", text)
    if number is None:
        return {name: "brass anchor" if name == "sku" else value for name, value in arguments.items()}
    place = number.end() - 1
    return dict(json.loads(text[:place] + str(int(text[place]) % 9 + 1) + text[place + 1 :]))


def _only(arguments: dict[str, Any], key: str | None) -> dict[str, Any]:
    return {"email": "nobody@nowhere.test"} if key is None else {key: arguments[key]}


def _almost(text: str, random: Random) -> str:
    """The same words with other punctuation or case."""
    changed = random.choice(
        (text.rstrip(".?") + "!", text.replace(" ", "  ", 1), text.rstrip(".?!") + " .", text + " :)")
    )
    return changed if changed != text else text + "!!"
