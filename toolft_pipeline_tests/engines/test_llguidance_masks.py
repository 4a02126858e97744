"""Masks of real grammars over the families' tokenizers, and what a random model writes under them."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import torch

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.chat.grammar.turn_grammar import Calls, special_tokens, turn_grammar
from toolft_pipeline.chat.rendering.parsing import parse_assistant
from toolft_pipeline.engines.engine import Chunk, DecodeRequest
from toolft_pipeline.engines.masks.llguidance_masks import LlguidanceMask, LlguidanceMasks
from toolft_pipeline.engines.transformers_engine import TransformersEngine
from toolft_pipeline.evaluation.models.decoding import TransformersGenerator
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline_tests.chat.grammar.written import Written, written
from toolft_pipeline_tests.engines.decoded_models import TinyModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytest.importorskip("llguidance", reason="no llguidance: pip install -e '.[constrained]'")

PROMPTS = [[*range(300, 320)], [*range(400, 405)], [*range(350, 390)]]
LAMP = {
    "type": "function",
    "function": {
        "name": "lamp",
        "description": "",
        "parameters": {
            "type": "object",
            "properties": {
                "room": {"enum": ["hall", "attic"]},
                "level": {"type": "integer", "minimum": 1, "maximum": 9},
            },
            "required": ["room", "level"],
        },
    },
}


def grammar_of(format_name: str, tokenizer: PreTrainedTokenizerBase, **how: Any) -> str:
    return turn_grammar(FORMATS[format_name], [LAMP], special=special_tokens(tokenizer), **how).text


def is_lamp_call(text: str, format_name: str) -> bool:
    turn = parse_assistant(text, FORMATS[format_name])
    values = [json.loads(call.arguments_json) for call in turn.calls if call.name == "lamp"]
    return bool(values) and all(
        value.keys() == {"room", "level"} and value["room"] in {"hall", "attic"} and 1 <= value["level"] <= 9
        for value in values
    )


def allows(mask: LlguidanceMask, token: int, *, vocabulary: int) -> bool:
    return bool(mask.allowed(torch.zeros(vocabulary))[token].isfinite())


@pytest.mark.parametrize("format_name", sorted(FORMATS))
def test_written_turns_are_allowed_token_by_token_up_to_the_stop(format_name: str) -> None:
    writer: Written = written(format_name)
    tokenizer, chat_format = writer.tokenizer, writer.chat_format
    masks = LlguidanceMasks(tokenizer, stops=chat_format.stop_tokens)
    grammar = grammar_of(format_name, tokenizer)
    stop = tokenizer.convert_tokens_to_ids(chat_format.stop_tokens[0])
    calls = writer.calls(
        ("lamp", {"level": 3, "room": "attic"}), ("lamp", {"room": "hall", "level": 9}), text="So be it."
    )
    for text in (calls, "It is on: 7 < 9 [all].", ""):
        mask = masks(grammar)
        for token in tokenizer(text, add_special_tokens=False)["input_ids"]:
            assert allows(mask, token, vocabulary=len(tokenizer)), (text, tokenizer.decode([token]))
            mask.accept(token)
        assert allows(mask, stop, vocabulary=len(tokenizer))
        assert mask.gave_up is None
    begun = masks(grammar)
    for token in tokenizer(calls, add_special_tokens=False)["input_ids"][:-3]:
        begun.accept(token)
    assert not allows(begun, stop, vocabulary=len(tokenizer))


@pytest.mark.parametrize("format_name", sorted(FORMATS))
def test_a_free_turn_counts_as_one_under_the_grammar_only_if_the_grammar_allows_all_of_it(format_name: str) -> None:
    writer: Written = written(format_name)
    masks = LlguidanceMasks(writer.tokenizer, stops=writer.chat_format.stop_tokens)
    grammar = grammar_of(format_name, writer.tokenizer)

    def allowed(name: str, arguments: dict[str, Any]) -> bool:
        return masks.allows(grammar, writer.calls((name, arguments)), finished=True)

    good = {"level": 3, "room": "attic"}
    assert allowed("lamp", good)
    assert masks.allows(grammar, "It is on: 7 < 9 [all].", finished=True)
    cut = writer.calls(("lamp", good)).partition("attic")[0]
    assert masks.allows(grammar, cut, finished=False)
    assert not masks.allows(grammar, cut, finished=True)
    assert not allowed("lamps", good)
    assert not allowed("lamp", {"level": 3})
    assert not allowed("lamp", good | {"room": "cellar"})
    assert not masks.allows(grammar, "It is \N{REPLACEMENT CHARACTER} on.", finished=True)
    assert not masks.allows("start: nowhere", "It is on.", finished=True)


def test_random_model_writes_valid_calls_alone(tiny: TinyModel) -> None:
    """The very models that write nothing that could be parsed without a mask."""
    name = tiny.folder.name
    stops = FORMATS[name].stop_tokens
    masks = LlguidanceMasks(tiny.tokenizer, stops=stops)
    grammar = grammar_of(name, tiny.tokenizer, calls=Calls.REQUIRED, parallel=False)
    tokens = 120 if not FORMATS[name].capabilities.reasoning else 40

    def generated(**how: Any) -> list[Generation]:
        generator = TransformersGenerator(
            model=tiny.model, tokenizer=tiny.tokenizer, stops=stops, max_new_tokens=tokens, batch_size=2, **how
        )
        return generator.generate(PROMPTS)

    free, masked = generated(), generated(mask_of_turn=lambda: masks(grammar))
    assert not any(is_lamp_call(answer.text, name) for answer in free)
    assert all(is_lamp_call(answer.text, name) for answer in masked if answer.finished)
    if not FORMATS[name].capabilities.reasoning:  # a random model that begins to reason finds no end
        assert all(answer.finished for answer in masked)


def test_engine_under_a_grammar_tells_the_changed_choices(gemma: TinyModel) -> None:
    stops = FORMATS["gemma3"].stop_tokens
    masks = LlguidanceMasks(gemma.tokenizer, stops=stops)
    grammar = grammar_of("gemma3", gemma.tokenizer, calls=Calls.REQUIRED, parallel=False)

    async def served() -> list[Chunk]:
        engine = TransformersEngine(
            gemma.folder, stops=stops, settings=EngineSettings(threads=1), tokenizer=gemma.tokenizer, mask_factory=masks
        )
        await engine.start()
        request = DecodeRequest(ids=tuple(PROMPTS[0]), max_new_tokens=120, grammar=grammar)
        chunks = [chunk async for chunk in engine.stream(request)]
        await engine.close()
        return chunks

    chunks = asyncio.run(served())
    assert is_lamp_call("".join(chunk.text for chunk in chunks), "gemma3")
    assert sum(chunk.n_corrected for chunk in chunks) > 3


class TestMask:
    tokenizer = written("gemma3").tokenizer
    masks = LlguidanceMasks(tokenizer, stops=FORMATS["gemma3"].stop_tokens)

    def test_a_changed_choice_is_logged_with_both_tokens(self, caplog: pytest.LogCaptureFixture) -> None:
        mask = self.masks('%llguidance {}\nstart: "a"')
        wanted, allowed = (self.tokenizer.convert_tokens_to_ids(token) for token in ("b", "a"))
        logits = torch.zeros(len(self.tokenizer))
        logits[wanted], logits[allowed] = 2.0, 1.0
        with caplog.at_level(logging.INFO):
            assert int(mask.allowed(logits.clone()).argmax()) == allowed
        assert mask.corrections == [(0, wanted, allowed)]
        assert "'b' is forbidden, 'a' is likeliest" in caplog.text

    def test_an_allowed_choice_is_no_correction(self) -> None:
        mask = self.masks('%llguidance {}\nstart: "a"')
        logits = torch.zeros(len(self.tokenizer))
        logits[self.tokenizer.convert_tokens_to_ids("a")] = 1.0
        mask.allowed(logits)
        assert mask.corrections == []

    def test_columns_beyond_the_vocabulary_are_forbidden(self) -> None:
        wider = len(self.tokenizer) + 500
        masked = self.masks("%llguidance {}\nstart: /(?s:.*)/").allowed(torch.zeros(wider))
        assert masked.shape == (wider,)
        assert bool(masked[-400:].isneginf().all())

    @pytest.mark.parametrize("grammar", ["start: nowhere", "start: /(?=a)b/", ""])
    def test_a_refused_grammar_leaves_decoding_free(self, grammar: str, caplog: pytest.LogCaptureFixture) -> None:
        mask = self.masks(grammar)
        assert bool(mask.allowed(torch.zeros(len(self.tokenizer))).isfinite().all())
        mask.accept(5)
        assert mask.gave_up
        assert "decoded freely" in caplog.text

    def test_turns_do_not_share_their_state(self) -> None:
        first, second = (self.masks("%llguidance {}\nstart: /[ac][bd]/") for _ in range(2))
        a, b = (self.tokenizer.convert_tokens_to_ids(token) for token in ("a", "b"))
        assert allows(first, a, vocabulary=len(self.tokenizer))
        first.accept(a)
        assert allows(first, b, vocabulary=len(self.tokenizer))
        assert not allows(second, b, vocabulary=len(self.tokenizer))


def test_a_tokenizer_without_the_stops_is_refused() -> None:
    tokenizer = copy.copy(written("gemma3").tokenizer)
    with pytest.raises(Exception, match="none of <nowhere> is a token"):
        LlguidanceMasks(tokenizer, stops=["<nowhere>"])
