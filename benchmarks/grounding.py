"""How often the grounding rule accepts a random number that nothing in the run supports.

Each number that an assistant turn could state next is drawn at random, with as many digits and decimals as a number
that the run's results hold, and is looked up in them: once as words and counts alone, once with arithmetic. The
help desk's honest runs are asked at every assistant turn that says something, logs of other agents (--logs) at the end
of each run. `passes` is the share of drawn numbers that is believed; a wrong sum in an answer has this chance.

    python -m benchmarks.grounding [--quick] [--json] [--logs FILE]
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.mutants import DATA, honest_rows
from toolft_pipeline.trajectories.grounding_text import GroundingText, amount, raw_words
from toolft_pipeline.verification.rules.arithmetic import Arithmetic

DRAWN = 5
"""Numbers drawn a run."""
SHAPES = ("1 digit", "2 digits", "3 digits", "more digits", "decimals")

Row = dict[str, Any]


def main() -> None:
    """Measure, print a table, and with --json one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--logs", type=Path, action="append", default=[], help="OpenAI-style JSONL, perhaps gzipped")
    asked = parser.parse_args()
    honest = honest_rows(DATA)
    sources = {"helpdesk": honest[:400] if asked.quick else honest}
    for path in asked.logs:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        sources[path.name.split(".")[0]] = [json.loads(line) for line in data.splitlines()]
    figures: dict[str, float] = {}
    for name, rows in sources.items():
        began = time.process_time()
        figures |= {f"{name}_{key}": value for key, value in _measured(name, rows).items()}
        figures[f"{name}_ms_per_run"] = round(1e3 * (time.process_time() - began) / len(rows), 2)
    if asked.json:
        print(json.dumps({"figures": figures, "against": {}, "rows": sum(map(len, sources.values()))}))


def _measured(name: str, rows: list[Row]) -> dict[str, float]:
    random, drawn, plain, derived = Random(0), Counter[str](), Counter[str](), Counter[str]()
    for row in rows:
        words, numbers = GroundingText(), Arithmetic()
        for text, is_result in _texts(row):
            words.add_text(text, result=is_result)
            numbers.add_text(text)
        known = [number for text, _ in _texts(row) for word in raw_words(text) if (number := amount(word)) is not None]
        short = [number for number in known if number.adjusted() < 9]
        for number in (random.choice(short) for _ in range(DRAWN if short else 0)):
            wrong = _like(number, random)
            shape = _shape(wrong)
            drawn[shape] += 1
            plain[shape] += words.contains_number(str(wrong))
            derived[shape] += words.contains_number(str(wrong)) or numbers.derives(wrong)
    print(f"{name}: {len(rows)} runs, {drawn.total()} numbers drawn")
    figures: dict[str, float] = {}
    for shape in SHAPES:
        if drawn[shape]:
            before, after = plain[shape] / drawn[shape], derived[shape] / drawn[shape]
            print(f"  {shape:12} {drawn[shape]:6} drawn, passes {before:6.1%} by words, {after:6.1%} with arithmetic")
            figures[f"passes_{shape.replace(' ', '_')}"] = round(after, 4)
    before, after = plain.total() / drawn.total(), derived.total() / drawn.total()
    print(f"  {'all':12} {drawn.total():6} drawn, passes {before:6.1%} by words, {after:6.1%} with arithmetic")
    return figures | {"passes_words_alone": round(before, 4), "passes": round(after, 4)}


def _texts(row: Row) -> Iterator[tuple[str, bool]]:
    """What a run says, in order, and whether it is a result."""
    for message in row["messages"]:
        yield message.get("content") or "", message["role"] == "tool"
        for call in message.get("tool_calls") or ():
            yield call["function"]["arguments"], False


def _like(number: Decimal, random: Random) -> Decimal:
    """A number of as many digits, before and behind the point, at random."""
    places = max(0, -int(number.as_tuple().exponent))
    low = 10 ** max(0, number.adjusted())
    drawn = (
        random.randrange(low * 10**places, low * 10 ** (places + 1)) if low > 1 or places else random.randrange(1, 10)
    )
    return Decimal(drawn).scaleb(-places)


def _shape(number: Decimal) -> str:
    if int(number.as_tuple().exponent) < 0:
        return "decimals"
    return SHAPES[min(number.adjusted(), 3)]


if __name__ == "__main__":
    main()
