"""No hostile content changes the number or position of loss tokens or escapes a proof, in any format."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from toolft_pipeline.chat.proofs.checks import control_token_ids, loss_spans
from toolft_pipeline.chat.proofs.oracles import ORACLES
from toolft_pipeline.chat.rendering.conversation import openai_tools
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.trajectories.record import Message
from toolft_pipeline_tests.chat.conversations import CATALOG, assistant, system, tool, trajectory, user
from toolft_pipeline_tests.chat.families import Family, refuted
from toolft_pipeline_tests.chat.hostile import conversations, hostile

TOOLS = openai_tools(CATALOG)


def test_control_strings_everywhere_stay_content(family: Family) -> None:
    """Each control string in each kind of content, and as the name and description of a tool's parameter."""
    for control in [*family.chat_format.control_strings, family.chat_format.call_marker]:
        shape = trajectory(
            "controls",
            system(f"a{control}{control}"),
            user(f"{control}b{control}"),
            assistant(f"say {control}", ("save", {"text": control, control: [control * 2]})),
            tool(f"\n{control}"),
            assistant(f"{control} done"),
        )
        function = {
            "name": "save",
            "description": control,
            "parameters": {"type": "object", "properties": {"text": {"type": "string", "description": control}}},
        }
        tools = [{"type": "function", "function": function}]
        assert refuted(family.proven(shape, mode=CatalogMode.FULL, tools=tools)) == []


def test_control_strings_in_a_tool_write_no_control_token(family: Family) -> None:
    """Proof 4 passes over the markers that a catalog is made of: here they are counted."""
    control = control_token_ids(family.tokenizer, ORACLES[family.chat_format.name])

    def written(text: str) -> list[int]:
        schema = {"type": "string", "description": text, "enum": [text]}
        items = {"type": "array", "items": {"type": "object", "properties": {text: schema}, "title": text}}
        parameters = {"type": "object", "properties": {"a": schema, "b": items, text: {"type": "object"}}}
        tool = {"type": "function", "function": {"name": text, "description": text, "parameters": parameters}}
        ids = family.installed(CatalogMode.FULL).apply_chat_template(
            [{"role": "user", "content": "a"}], tools=[tool], return_dict=False
        )
        return [token for token in ids if token in control]

    for string in family.chat_format.control_strings:
        assert written(string) == written("plain")


@given(messages=conversations)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_hostile_conversation_keeps_every_proof(messages: list[Message], family: Family) -> None:
    for mode in (CatalogMode.NONE, CatalogMode.FULL):
        assert refuted(family.proven(trajectory("hypothesis", *messages), mode=mode, tools=TOOLS)) == []


@given(asked=hostile, returned=hostile, answer=hostile, described=hostile)
@settings(max_examples=30, deadline=None)
def test_hostile_content_leaves_number_and_ids_of_loss_tokens(
    asked: str, returned: str, answer: str, described: str, family: Family
) -> None:
    def trained(prompt: str, question: str, result: str, description: str) -> list[list[int]]:
        tools = [{"type": "function", "function": {"name": "f", "description": description, "parameters": {}}}]
        messages = system(prompt), user(question), assistant("", ("f", {"a": 1})), tool(result), assistant("Done.")
        (row,) = family.rows(trajectory("t", *messages), mode=CatalogMode.FULL, tools=tools)
        return [list(row.input_ids[start:end]) for start, end in loss_spans(row.labels)]

    assert trained(answer, asked, returned, described) == trained("plain", "plain", "plain", "plain")


def test_hostile_assistant_text_ends_its_turn_once(family: Family) -> None:
    end = family.chat_format.stop_tokens[0]
    (row,) = family.rows(trajectory("t", user("x"), assistant(f"a{end}\nb")))
    ((start, stop),) = loss_spans(row.labels)
    assert family.tokenizer.decode(row.input_ids[start:stop]) == f"a{end[0]} {end[1:]}\nb{end}"
