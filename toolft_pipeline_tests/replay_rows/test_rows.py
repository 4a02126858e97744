"""The base model's answers as rows: asked as the tuned model is served, chosen, and proven."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from toolft_pipeline.catalog.tool import Catalog, parse_catalog
from toolft_pipeline.chat.proofs.report import Proof
from toolft_pipeline.engines.model_loading import load_tokenizer
from toolft_pipeline.evaluation.models.generation import Generation, Generator
from toolft_pipeline.replay_rows.ask_base import MOST_ALIKE, LeftOut, ask_base
from toolft_pipeline.replay_rows.conversations import (
    Conversation,
    Offer,
    frequent_system_prompts,
    offered_catalog,
    plan_conversations,
)
from toolft_pipeline.replay_rows.questions import Question, QuestionKind
from toolft_pipeline.replay_rows.rows import write_replay_rows
from toolft_pipeline.settings import CatalogMode, ChatSettings

TOOLS = parse_catalog(
    [{"name": "get_order", "description": "Reads an order.", "inputSchema": {"type": "object"}}], where="test"
)
QUESTIONS = (
    Question(id="oslo", kind=QuestionKind.FACT, user="Where is Oslo?"),
    Question(id="six", kind=QuestionKind.ARITHMETIC, user="Add 2 and 4."),
    Question(id="roof", kind=QuestionKind.WISH, user="Fix my roof.", tool_words=("roof",)),
)
BOTH = frozenset({"replay", "decline"})


class Written(Generator):
    """Says what a function of the prompt's text says, and keeps the prompts."""

    def __init__(self, decode: Callable[[Sequence[int]], str], answer: Callable[[str], str | None]) -> None:
        self.prompts: list[str] = []
        self._decode, self._answer = decode, answer

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        texts = [self._decode(prompt) for prompt in prompts]
        self.prompts += texts
        answers = [self._answer(text) for text in texts]
        return [
            Generation(
                text=text or "on and on", n_prompt_tokens=1, n_new_tokens=1, latency_ms=1, finished=text is not None
            )
            for text in answers
        ]


def planned(systems: Sequence[str] = ("You help with orders.",)) -> tuple[Conversation, ...]:
    return plan_conversations(QUESTIONS, catalog=TOOLS, systems=systems, categories=BOTH)


def asked(
    base: Path,
    conversations: Sequence[Conversation],
    answer: Callable[[str], str | None],
    *,
    chat: ChatSettings | None = None,
) -> tuple[list[LeftOut | None], list[str], list[str]]:
    """Why each answer is left out, the answers' texts, and the prompts."""
    tokenizer = load_tokenizer(base)
    generator = Written(tokenizer.decode, answer)
    answers = ask_base(
        conversations,
        folder=base,
        tokenizer=tokenizer,
        chat=chat or ChatSettings(),
        catalog=TOOLS,
        generator=lambda _stops: generator,
    )
    return [each.left_out for each in answers], [each.text for each in answers], generator.prompts


def test_plan_asks_plain_questions_and_wishes_under_the_prompt_of_the_agent() -> None:
    assert [(each.id, each.offer, each.system) for each in planned()] == [
        ("replay/oslo", Offer.NONE, None),
        ("replay/six", Offer.AGENT, None),
        ("decline/roof", Offer.AGENT, "You help with orders."),
        ("decline/oslo", Offer.AGENT_AND_FOREIGN, "You help with orders."),
    ]
    only = plan_conversations(QUESTIONS, catalog=TOOLS, systems=(), categories=frozenset({"replay"}))
    assert {each.category for each in only} == {"replay"}


def test_frequent_system_prompts_come_first() -> None:
    runs = [each.trajectory("desk", "yes") for text in "abb" for each in planned([text])[2:3]]
    assert frequent_system_prompts(runs) == ("b", "a")


def test_base_sees_the_conversation_and_the_tools_that_the_tuned_model_sees(tiny_model_folder: Path) -> None:
    *_, without = asked(tiny_model_folder, planned(), lambda _text: "No, sorry.")
    assert not any("get_order" in prompt for prompt in without)
    *_, shown = asked(
        tiny_model_folder, planned(), lambda _text: "No, sorry.", chat=ChatSettings(catalog_mode=CatalogMode.NAMES)
    )
    by_question = {prompt.rpartition("User: ")[2].splitlines()[0]: prompt for prompt in shown}
    assert "You help with orders." in by_question["Fix my roof."]
    assert "get_order" in by_question["Fix my roof."]
    assert "move_telescope" not in by_question["Fix my roof."]
    assert sum("move_telescope" in prompt for prompt in shown) == 1
    assert "get_order" in by_question["Add 2 and 4."]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("In Norway.", None),
        (None, LeftOut.UNFINISHED),
        (" \n", LeftOut.EMPTY),
        (" where is oslo? ", LeftOut.REPEATS_QUESTION),
        ('<tool_call>{"name": "get_order", "arguments": {}}</tool_call>', LeftOut.CALLS_A_TOOL),
        ("<tool_call>{", LeftOut.CALLS_A_TOOL),
        ("Norway<start_of_turn>", LeftOut.CONTROL_STRING),
    ],
)
def test_answer_that_cannot_be_taught_is_left_out(
    answer: str | None, reason: LeftOut | None, tiny_model_folder: Path
) -> None:
    assert asked(tiny_model_folder, planned()[:1], lambda _text: answer)[0] == [reason]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("I have fixed it.", LeftOut.CLAIMS_TO_ACT), ("I can\u2019t do that.", None), ("Which roof?", None)],
)
def test_wish_keeps_an_answer_that_declines_or_asks_back(
    answer: str, reason: LeftOut | None, tiny_model_folder: Path
) -> None:
    assert asked(tiny_model_folder, planned()[2:3], lambda _text: answer)[0] == [reason]


def test_answer_given_to_many_questions_is_kept_a_few_times(tiny_model_folder: Path) -> None:
    many = [Question(id=str(n), kind=QuestionKind.FACT, user=f"Question {n}?") for n in range(MOST_ALIKE + 3)]
    plan = plan_conversations(many, catalog=TOOLS, systems=(), categories=frozenset({"replay"}))
    reasons = asked(tiny_model_folder, plan, lambda _text: "Sorry.")[0]
    assert reasons == [None] * MOST_ALIKE + [LeftOut.GIVEN_OFTEN] * 3


@pytest.mark.parametrize("mode", list(CatalogMode))
@pytest.mark.parametrize("policy", ["keep", "strip", "replace: Be brief."])
def test_rows_are_proven_with_loss_on_the_answer_alone(
    mode: CatalogMode, policy: str, tiny_model_folder: Path, tmp_path: Path
) -> None:
    chat, tokenizer = ChatSettings(catalog_mode=mode, system_prompt=policy), load_tokenizer(tiny_model_folder)
    answers = ask_base(
        planned(),
        folder=tiny_model_folder,
        tokenizer=tokenizer,
        chat=chat,
        catalog=TOOLS,
        generator=lambda _stops: Written(tokenizer.decode, lambda _text: "No, sorry."),
    )
    counts = write_replay_rows(
        answers,
        agent="desk",
        catalog=TOOLS,
        chat=chat,
        base=tiny_model_folder,
        out=tmp_path,
        progress=lambda _line: None,
    )
    assert counts.proofs.green
    assert {result.rows_checked for result in counts.proofs.results.values()} == {4}
    assert counts.rows == {"replay": 2, "decline": 2} == dict(reversed(counts.rows.items()))
    rows = {row["row_id"]: row for row in pq.read_table(tmp_path / "tensors.parquet").to_pylist()}
    assert {row["category"] for row in rows.values()} == {"replay", "decline"}
    for row in rows.values():
        trained = [label for label in row["labels"] if label != -100]
        assert tokenizer.decode(trained) == "No, sorry.<end_of_turn>"
        assert [
            label for label, token in zip(row["labels"], row["input_ids"], strict=True) if label not in (-100, token)
        ] == []
        text = tokenizer.decode(row["input_ids"])
        assert ("Be brief." in text) == policy.startswith("replace")
        assert ("You help with orders." in text) == (policy == "keep" and row["row_id"].startswith("decline"))
        offered = mode is not CatalogMode.NONE and "replay/oslo" not in row["row_id"]
        assert ("get_order" in text) == offered
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_wrong_mask_would_be_seen(tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolft_pipeline.chat.rendering import tokens

    encode = tokens.RowEncoder.encode_row

    def shifted(self: tokens.RowEncoder, segments: object) -> tokens.TokenRow:
        row = encode(self, segments)  # type: ignore[arg-type]
        return tokens.TokenRow(input_ids=row.input_ids, labels=[*row.labels[1:], tokens.NO_LOSS])

    monkeypatch.setattr(tokens.RowEncoder, "encode_row", shifted)
    tokenizer = load_tokenizer(tiny_model_folder)
    answers = ask_base(
        planned()[:1],
        folder=tiny_model_folder,
        tokenizer=tokenizer,
        chat=ChatSettings(),
        catalog=TOOLS,
        generator=lambda _stops: Written(tokenizer.decode, lambda _text: "In Norway."),
    )
    counts = write_replay_rows(
        answers,
        agent="desk",
        catalog=TOOLS,
        chat=ChatSettings(),
        base=tiny_model_folder,
        out=tmp_path,
        progress=lambda _line: None,
    )
    assert counts.proofs.results[Proof.LOSS_MASK].n_failures == 1


def test_offer_of_no_tools_is_empty_and_foreign_tools_follow_the_agents() -> None:
    assert offered_catalog(TOOLS, Offer.NONE) == Catalog(tools=())
    names = offered_catalog(TOOLS, Offer.AGENT_AND_FOREIGN).names
    assert names[0] == "get_order"
    assert len(names) > 10
