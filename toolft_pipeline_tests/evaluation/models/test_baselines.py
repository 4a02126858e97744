"""Baselines are asked and read in one syntax: their own family's where they were trained on one.

The oracle is the template that the family's maker ships: its text is the prompt, and what it writes for a call is read.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.tool import Catalog, Tool
from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.evaluation.models.baselines import NativePrompter, OwnTemplatePrompter, TranscriptPrompter
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, Prompter, PromptPolicy, make_prompter
from toolft_pipeline.evaluation.scoring.probes import Probers, ask_probes, load_probes
from toolft_pipeline_tests.chat.official import OFFICIAL, official_text, source
from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in
from toolft_pipeline_tests.evaluation.scripted import ScriptedModel, golden_examples
from toolft_pipeline_tests.evaluation.transcripts import ASSISTANT

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TAUGHT = sorted(name for name, chat_format in FORMATS.items() if chat_format.native_template_texts)
USER = [{"role": "user", "content": "Who is Ada?"}]
WEATHER = Catalog(
    tools=(
        Tool(
            name="weather",
            description="Tells the weather.",
            parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        ),
    )
)
PLAIN = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
HERMES = '<tool_call>{"name": "weather", "arguments": {"city": "Rome"}}</tool_call>'


def tokenizer_of(family: str, template: str | None) -> PreTrainedTokenizerBase:
    tokenizer = stand_in("qwen3" if family == "gemma3" else family)
    tokenizer.chat_template = template
    return tokenizer


def prompter_of(family: str, template: str | None, policy: PromptPolicy = PromptPolicy.FULL_CATALOG) -> Prompter:
    settings = load_agent(ASSISTANT / "agent.yaml", overrides={"chat.format": family})
    model = ModelUnderTest(name="base", folder=ASSISTANT, policy=policy)
    return make_prompter(
        model,
        chat=settings.chat,
        catalog=WEATHER,
        tokenizer=tokenizer_of(family, template),
        examples=golden_examples(settings),
    )


def native(family: str, policy: PromptPolicy = PromptPolicy.FULL_CATALOG) -> NativePrompter:
    prompter = prompter_of(family, source(OFFICIAL[family][0]), policy)
    assert isinstance(prompter, NativePrompter)
    return prompter


def text_of(prompter: NativePrompter | OwnTemplatePrompter | TranscriptPrompter, messages: list[dict[str, Any]]) -> str:
    return str(prompter.tokenizer.decode(prompter.prompt(messages), skip_special_tokens=False))


def said(text: str) -> Generation:
    return Generation(text=text, n_prompt_tokens=1, n_new_tokens=1, latency_ms=1.0)


@pytest.mark.parametrize("family", TAUGHT)
def test_prompt_of_a_tool_trained_model_is_its_makers_with_the_tools_in_it(family: str) -> None:
    expected = official_text(family, USER, tools=WEATHER.openai_tools(), add_generation_prompt=True)
    assert "weather" in expected
    assert text_of(native(family), USER) == expected


@pytest.mark.parametrize("family", TAUGHT)
def test_read_of_a_tool_trained_model_gives_back_the_call_that_its_makers_template_writes(family: str) -> None:
    tools = WEATHER.openai_tools()
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
    before = official_text(family, USER, tools=tools, add_generation_prompt=True)
    whole = official_text(family, [*USER, {"role": "assistant", "content": "", "tool_calls": [call]}], tools=tools)
    assert whole.startswith(before)
    (read,) = native(family).read(said(whole.removeprefix(before).rstrip("\n"))).calls
    assert (read.name, json.loads(read.arguments_json)) == ("weather", {"city": "Rome"})


def test_prompt_of_parallel_calls_is_made_where_the_makers_template_refuses_them() -> None:
    calls = [
        {"id": id_, "type": "function", "function": {"name": "weather", "arguments": json.dumps({"city": city})}}
        for id_, city in (("1", "Rome"), ("2", "Oslo"))
    ]
    results = [{"role": "tool", "tool_call_id": id_, "name": "weather", "content": "sun"} for id_ in ("1", "2")]
    history = [*USER, {"role": "assistant", "content": None, "tool_calls": calls}, *results]
    text = text_of(native("llama3"), history)
    assert text.count('"parameters": {"city": ') == 2


@pytest.mark.parametrize("family", TAUGHT)
def test_few_shot_prompt_of_a_tool_trained_model_has_names_and_examples_in_its_own_syntax(family: str) -> None:
    prompter = native(family, PromptPolicy.FEW_SHOT)
    text = text_of(prompter, USER)
    assert "Tells the weather." not in text
    assert prompter.examples
    assert FORMATS[family].call_marker in text


@pytest.mark.parametrize("family", ["gemma4", "llama3", "gemma3"])
@pytest.mark.parametrize("template", [None, PLAIN])
def test_a_model_trained_on_no_tools_is_asked_for_the_syntax_that_it_is_read_in(
    family: str, template: str | None
) -> None:
    prompter = prompter_of(family, template)
    assert isinstance(prompter, OwnTemplatePrompter if template else TranscriptPrompter)
    assert "<tool_call>" in text_of(prompter, USER)
    (read,) = prompter.read(said(HERMES)).calls
    assert (read.name, json.loads(read.arguments_json)) == ("weather", {"city": "Rome"})


def test_transcripts_of_runs_with_different_system_prompts_begin_alike_up_to_the_examples_end() -> None:
    prompter = prompter_of("gemma3", None)
    assert isinstance(prompter, TranscriptPrompter)
    examples = ({"role": "user", "content": "Is Rome warm?"}, {"role": "assistant", "content": "It is."})
    prompter = replace(prompter, examples=examples)
    texts = [
        text_of(prompter, [{"role": "system", "content": text}, *USER]) for text in ("Be brief.", "Reply in German.")
    ]
    shared = texts[0].removesuffix("Be brief.\n\nUser: Who is Ada?\n\nAssistant:")
    assert "weather" in shared
    assert shared.endswith("User: Is Rome warm?\n\nAssistant: It is.\n\nSystem: ")
    assert all(text.startswith(shared) for text in texts)
    assert text_of(prompter, USER).endswith("Assistant: It is.\n\nUser: Who is Ada?\n\nAssistant:")


def test_probes_of_a_tool_trained_model_offer_none_of_the_agents_tools() -> None:
    prompter = native("llama3")

    class _Listening(ScriptedModel):
        def __init__(self) -> None:
            super().__init__(lambda _messages: "")
            self.asked: list[str] = []

        def generate(self, prompts: Any) -> list[Generation]:
            self.asked += [prompter.tokenizer.decode(prompt) for prompt in prompts]
            return [said("no") for _ in prompts]

    words, calls = _Listening(), _Listening()
    ask_probes(prompter=prompter, probers=Probers(words=words, calls=calls), probes=load_probes())
    assert words.asked
    assert calls.asked
    assert not [text for text in words.asked + calls.asked if "Tells the weather." in text]
    assert all("water_plant" in text for text in calls.asked)
    assert not [text for text in words.asked if "water_plant" in text]  # an example of a call would invite calls
