"""The registry, the classification of a tokenizer's added tokens, and control strings."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from importlib import resources
from typing import TYPE_CHECKING, Any, get_args

import pytest

from toolft_pipeline.chat import formats, proofs
from toolft_pipeline.chat.formats import FORMATS, GEMMA3, get_format
from toolft_pipeline.chat.formats.chat_format import ChatFormat, ChatFormatError, TokenClass
from toolft_pipeline.chat.proofs.oracle import Oracle
from toolft_pipeline.chat.proofs.oracles import ORACLES
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline_tests.chat.family_cases import FAMILY_CASES, PlantedFault
from toolft_pipeline_tests.conftest import REPOSITORY

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def test_every_format_has_all_its_parts() -> None:
    """A format is added with these parts. What is missing is named with its file."""
    docs = "".join(
        each.read_text(encoding="utf-8") for each in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")]
    )
    missing = []
    for name, chat_format in FORMATS.items():
        for file in (chat_format.template_file, *chat_format.macro_files):
            if not resources.files(formats).joinpath(file).is_file():
                missing.append(f"{name}: no template chat/formats/{file}")
        if name not in ORACLES:
            missing.append(f"{name}: no oracle in chat/proofs/oracles.py")
        case = FAMILY_CASES.get(name)
        if case is None:
            missing.append(f"{name}: no case in toolft_pipeline_tests/chat/family_cases.py, so no conformance run")
        elif set(case.planted) != set(get_args(PlantedFault)):
            missing.append(f"{name}: its case in family_cases.py does not plant every fault")
        if f"`{name}`" not in docs:
            missing.append(f"{name}: not named in README.md or docs/")
    assert not missing, "\n".join(missing)


def test_every_part_belongs_to_a_registered_format() -> None:
    declared = {each.name for each in _members(formats) if isinstance(each, ChatFormat)}
    assert declared == set(FORMATS), "register it in chat/formats/__init__.py"
    written = {each for each in _members(proofs) if inspect.isclass(each) and issubclass(each, Oracle)}
    assert written - {Oracle} == {type(oracle) for oracle in ORACLES.values()}, "register it in chat/proofs/oracles.py"
    assert set(ORACLES) == set(FORMATS)
    assert set(FAMILY_CASES) == set(FORMATS)
    used = {file for each in FORMATS.values() for file in (each.template_file, *each.macro_files)}
    assert {each.name for each in resources.files(formats).iterdir() if each.name.endswith(".jinja")} == used


def _members(package: Any) -> Iterator[Any]:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        yield from vars(importlib.import_module(module.name)).values()


def test_get_format_known_name_gives_the_format() -> None:
    assert get_format("gemma3") is GEMMA3


def test_get_format_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ChatFormatError, match=r"no chat format named 'gpt9'; known: .*gemma3"):
        get_format("gpt9")


def test_classify_every_added_token_of_gemma_has_a_class(gemma: PreTrainedTokenizerBase) -> None:
    classes = {token.content: GEMMA3.classify(token.content) for token in gemma.added_tokens_decoder.values()}
    assert len(classes) == 6384
    assert [token for token, kind in classes.items() if kind is None] == []
    # 6,249 special ones, [multimodal] and the two image borders
    assert sum(kind is TokenClass.CONTROL for kind in classes.values()) == 6252


def test_classify_unnamed_token_has_no_class() -> None:
    assert GEMMA3.classify("<|im_start|>") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain <b>text</b>\n\n\twith [brackets]", None),
        ("a <start_of_turn> in it", "<start_of_turn>"),
        ("<unused17>", "<unused"),
        ("say [multimodal]", "[multimodal]"),
        ("</tool_call>", "</tool_call>"),
        ("< end_of_turn>", None),
    ],
)
def test_first_control_string_is_named(text: str, found: str | None) -> None:
    assert GEMMA3.first_control_string(text) == found


def test_template_bakes_in_the_catalog_mode() -> None:
    assert 'default("names")' in GEMMA3.template(catalog_mode=CatalogMode.NAMES)
