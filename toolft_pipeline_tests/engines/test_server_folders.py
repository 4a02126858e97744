"""1,000 recorded turns read alike by this package, transformers serve and vLLM, whole and streamed; what differs."""

from __future__ import annotations

import json
import random
import re
import shutil
from functools import cache
from pathlib import Path

import pytest

from toolft_pipeline.chat.formats import FORMATS
from toolft_pipeline.engines.engine import EngineError
from toolft_pipeline.engines.server_folders import llama_cpp_template, vllm_response_template, write_server_folder
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.reading import read_turn
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline.settings.serving import EngineName
from toolft_pipeline_tests.engines.other_readers import (
    Read,
    transformers_streamed,
    transformers_whole,
    vllm_read,
    vllm_refusal,
)
from toolft_pipeline_tests.engines.recorded_turns import Turn, broken, cut, pieces, turns

EACH = 200


@cache
def recorded(name: str) -> tuple[Turn, ...]:
    return tuple(turns(FORMATS[name], EACH))


def ours(text: str, name: str, *, finished: bool = True) -> Read | None:
    """This package's reading; None is a malformed turn."""
    generation = Generation(text=text, n_prompt_tokens=1, n_new_tokens=1, latency_ms=0.0, finished=finished)
    parsed = read_turn(generation, FORMATS[name])
    if parsed.malformed:
        return None
    return Read(text=parsed.text, calls=tuple((call.name, call.arguments_json) for call in parsed.calls))


@pytest.mark.parametrize("name", FORMATS)
def test_vllm_starts_with_the_view_and_not_with_the_folder_itself(name: str) -> None:
    template = FORMATS[name].response_template
    assert vllm_refusal(template) is not None
    assert vllm_refusal(vllm_response_template(template)) is None


@pytest.mark.parametrize("name", FORMATS)
def test_recorded_turns_are_read_alike_whole_and_streamed(name: str) -> None:
    drawn, chat_format, unread = random.Random(name), FORMATS[name], []
    view = vllm_response_template(chat_format.response_template)
    for turn in recorded(name):
        said = (turn.content, turn.calls, False)
        with_stop = turn.text + turn.stop
        mine = ours(with_stop, name)
        assert mine is not None
        assert mine.stripped == said, turn
        template = chat_format.response_template
        assert transformers_whole(with_stop, template, prompt=turn.prompt).stripped == said
        assert transformers_streamed(pieces(with_stop, drawn), template, prompt=turn.prompt).stripped == said
        whole = vllm_read([turn.text], view, prompt=turn.prompt)
        assert vllm_read(pieces(turn.text, drawn), view, prompt=turn.prompt) == whole
        if whole.stripped != said:
            unread.append(turn)
    # Llama 3 has no mark after a call but the stop token, which vLLM takes off: of several calls it reads none
    assert unread == ([turn for turn in recorded(name) if len(turn.calls) > 1] if name == "llama3" else [])


FAULTS = ("cut", "broken", "list")


def erring(turn: Turn, name: str, drawn: random.Random) -> dict[str, str]:
    """The turn as a model may spoil it, without the stop token."""
    marker = FORMATS[name].call_marker
    made = {"cut": cut(turn, marker, drawn), "broken": broken(turn, marker)}
    if name != "gemma4":  # its syntax has no arguments but an object's
        key = '"parameters": ' if name == "llama3" else '"arguments": '
        start = turn.text.rindex(key) + len(key)
        made["list"] = turn.text[:start] + "[1]" + turn.text[turn.text.rindex("}") :]
    return made


def outcome(read: Read | None, turn: Turn) -> str:
    """What a client is left with."""
    if read is None:
        return "malformed"
    if read.failed:
        return "failed"
    if len(read.calls) == len(turn.calls):
        return "wrong call"
    return "earlier calls alone" if read.calls else "words alone"


OUTCOMES = {
    "ours": {"cut": {"malformed"}, "broken": {"malformed"}, "list": {"malformed"}},
    # whole: 500; streamed: the tail is dropped. Arguments that are no object are handed on.
    "transformers": {"cut": {"failed"}, "broken": {"failed"}, "list": {"wrong call"}},
    # the call is dropped: an empty answer, or the calls before it, with the finish reason `stop` or `length`
    "vllm": {
        "cut": {"words alone", "earlier calls alone"},
        "broken": {"words alone", "earlier calls alone"},
        "list": {"wrong call"},
    },
}
"""What each reader makes of a spoilt turn, in every format but for what `KNOWN` names."""

KNOWN = {
    # cut before `call:` Gemma 4's opening pattern does not match, and the marker is left as words
    ("gemma4", "transformers", "cut"): {"failed", "words alone", "earlier calls alone"},
    # several calls are no call at vLLM (see above)
    ("llama3", "vllm", "cut"): {"words alone"},
    ("llama3", "vllm", "broken"): {"words alone"},
    ("llama3", "vllm", "list"): {"wrong call", "words alone"},
}


@pytest.mark.parametrize("name", FORMATS)
def test_spoilt_turns_differ_between_readers_as_listed(name: str) -> None:
    """A reason to serve with this package: no other reader reports a spoilt turn as such."""
    chat_format, drawn = FORMATS[name], random.Random(name)
    template, view = chat_format.response_template, vllm_response_template(chat_format.response_template)
    seen: dict[tuple[str, str], set[str]] = {}
    for turn in recorded(name):
        for fault, text in erring(turn, name, drawn).items() if turn.calls else ():
            stopped = text if fault == "cut" else text + turn.stop
            reads = {
                "ours": ours(stopped, name, finished=fault != "cut"),
                "transformers": transformers_whole(stopped, template, prompt=turn.prompt),
                "vllm": vllm_read([text], view, prompt=turn.prompt),
            }
            assert vllm_read(pieces(text, drawn), view, prompt=turn.prompt) == reads["vllm"]
            streamed = transformers_streamed(pieces(stopped, drawn), template, prompt=turn.prompt)
            assert streamed.failed is reads["transformers"].failed  # type: ignore[union-attr]
            for reader, read in reads.items():
                seen.setdefault((reader, fault), set()).add(outcome(read, turn))
    assert seen == {
        (reader, fault): KNOWN.get((name, reader, fault), outcomes)
        for reader, by_fault in OUTCOMES.items()
        for fault, outcomes in by_fault.items()
        if name != "gemma4" or fault != "list"
    }


def test_words_on_both_sides_of_a_call_are_joined_here_and_strung_together_at_vllm() -> None:
    text = 'Before.<tool_call>{"name": "f", "arguments": {"n": "87"}}</tool_call>After.'
    template, prompt = FORMATS["gemma3"].response_template, "<start_of_turn>model\n"
    joined = ours(text + "<end_of_turn>", "gemma3")
    assert joined is not None
    assert joined.text == transformers_whole(text + "<end_of_turn>", template, prompt=prompt).text == "Before.\nAfter."
    assert vllm_read([text], vllm_response_template(template), prompt=prompt).text == "Before.After."


def test_argument_is_cast_by_the_schema_at_transformers_serve_alone() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    text = '<tool_call>{"name": "f", "arguments": {"n": "87"}}</tool_call><end_of_turn>'
    template = FORMATS["gemma3"].response_template
    read = transformers_whole(text, template, prompt="<start_of_turn>model\n", tools=tools)
    assert json.loads(read.calls[0][1]) == {"n": 87}
    mine = ours(text, "gemma3")
    assert mine is not None
    assert json.loads(mine.calls[0][1]) == {"n": "87"}


CONVERSATION = [
    {"role": "user", "content": 'Say "a\\b" <end_of_turn> and <|im_end|>.'},
    {
        "role": "assistant",
        "content": "Look.",
        "tool_calls": [
            {"type": "function", "function": {"name": "f", "arguments": {"x": 'q"\\', "l": [1, {"a": None}]}}}
        ],
    },
    {"role": "tool", "name": "f", "content": '{"a":"b \\" c","n":[1,2]}'},
]
"""Quotes and backslashes, which templates mask with characters that llama.cpp's reader has no escape for."""


@pytest.mark.parametrize("name", FORMATS)
def test_llama_cpp_s_template_has_no_escape_that_it_cannot_read_and_the_same_prompt(name: str) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    template = FORMATS[name].template(catalog_mode=CatalogMode.NONE)
    changed = llama_cpp_template(template)
    assert not re.search(r"(?<!\\)(\\\\)*\\[xu][0-9a-f]", changed)
    assert re.search(r"(?<!\\)(\\\\)*\\x0", template)  # else this proves nothing
    texts = [
        render_jinja_template(conversations=[CONVERSATION], chat_template=each, add_generation_prompt=True)[0][0]
        for each in (template, changed)
    ]
    assert texts[0] == texts[1]


def test_folders_are_written_beside_the_model_which_stays_as_it_is(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    from toolft_pipeline.chat.rendering.serving import install_chat_format
    from toolft_pipeline_tests.chat.tokenizers_of_families import stand_in

    tokenizer = stand_in("qwen3")
    install_chat_format(tokenizer, FORMATS["qwen3"], CatalogMode.NONE)
    tokenizer.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    shutil.copytree(tmp_path / "model", tmp_path / "before")
    view = write_server_folder(tmp_path / "model", tmp_path / "vllm", server=EngineName.VLLM)
    same = write_server_folder(tmp_path / "model", tmp_path / "hf", server=EngineName.TRANSFORMERS)
    assert _files(tmp_path / "model") == _files(tmp_path / "before") == _files(same)
    assert {name for name, data in _files(view).items() if data != _files(same)[name]} == {"tokenizer_config.json"}
    loaded = AutoTokenizer.from_pretrained(view)
    assert vllm_refusal(loaded.response_template) is None
    assert loaded.chat_template == tokenizer.chat_template
    with pytest.raises(EngineError, match="exists already"):
        write_server_folder(tmp_path / "model", view, server=EngineName.VLLM)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
