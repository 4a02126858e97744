"""An explained run in the terminal: readable without colour, coloured where it is wanted, safe whatever a log holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from toolft_pipeline.chat.token_trace import ExplainedRow, ExplainedSpan
from toolft_pipeline.cli.output.explained_text import row_lines, rule_lines
from toolft_pipeline.trajectories.record import Source
from toolft_pipeline.verification.rule_results import RuleResult, RuleStatus
from toolft_pipeline.verification.rules.verdict import Rule

SOURCE = Source(file="2026-10-01.jsonl", line=7, offset=1234, format="openai")
ASKED = ExplainedSpan(start=0, end=5, trained=False, text="<user>hi\x1b[31m<model>")
SAID = ExplainedSpan(
    start=5, end=8, trained=True, text="hello<end>", message=1, prompt="<user>hi", prompt_tokens=5, as_served=True
)
ROW = ExplainedRow(row_id="r#0", trained=True, n_tokens=8, n_loss_tokens=3, note=None, spans=(ASKED, SAID))


def lines(row: ExplainedRow = ROW, *, prompts: bool = False, colour: bool = False) -> list[str]:
    return list(row_lines(row, source=SOURCE, file=Path("logs/2026-10-01.jsonl"), prompts=prompts, colour=colour))


def test_row_lines_without_colour_say_of_every_stretch_what_it_is() -> None:
    assert lines() == [
        "row r#0: 8 tokens, 3 with loss",
        "masked   tokens 0 to 4",
        "<user>hi\\x1b[31m<model>",
        "trained  tokens 5 to 7  message 1 of logs/2026-10-01.jsonl:7 (byte 1234)",
        "the 5 tokens before are the prompt that a server builds",
        "hello<end>",
    ]


def test_row_lines_with_colour_paint_trained_and_masked_text_apart() -> None:
    plain, painted = lines(), lines(colour=True)
    assert painted[5] == "\033[32mhello<end>\033[0m"
    assert painted[2] == f"\033[90m{plain[2]}\033[0m"
    assert "\033" not in "".join(plain)


def test_row_lines_prompt_is_shown_where_it_is_wanted_or_differs() -> None:
    assert "a server builds this prompt of 5 tokens, the tokens before:" in lines(prompts=True)
    other = replace(ROW, spans=(ASKED, replace(SAID, as_served=False)), note="changed since")
    assert lines(other)[0].endswith("; changed since")
    assert "a server builds this prompt of 5 tokens, NOT the 5 tokens before:" in lines(other)


def test_row_lines_file_name_cannot_steer_the_terminal() -> None:
    said = row_lines(ROW, source=SOURCE, file=Path("logs/\x1b[31m\x9b.jsonl"), prompts=True, colour=False)
    assert not set("\x1b\x9b") & set("".join(said))


def test_rule_lines_number_the_rules_and_tell_reasons() -> None:
    given = [
        RuleResult(rule=Rule.STRUCTURE, answer=RuleStatus.PASSED),
        RuleResult(rule=Rule.CATALOG, answer=RuleStatus.BROKEN, reason="no such tool"),
    ]
    assert list(rule_lines(given))[1:] == [
        "  1 structure       passed",
        "  2 catalog         broken      no such tool",
    ]
